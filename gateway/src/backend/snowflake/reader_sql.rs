//! The SQL for a role that only reads, and a user that has no other: what `snowgate setup sql` prints, and `docs/security.md` shows.
//!
//! Source: Snowflake's documentation, "Access control", "CREATE USER", "CREATE RESOURCE MONITOR", "Network rules" and
//! "Agent sessions". Every name is quoted where it needs quotes, so nothing in it becomes SQL.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::names;
use crate::streams::must_be_escaped;

/// Words that SQL does not let stand as a name without quotes. Source: "Reserved & limited keywords".
const RESERVED: &[&str] = &[
    "ACCOUNT",
    "ALL",
    "ALTER",
    "AND",
    "ANY",
    "AS",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CHECK",
    "COLUMN",
    "CONNECT",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CURRENT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DATABASE",
    "DELETE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "EXISTS",
    "FALSE",
    "FOLLOWING",
    "FOR",
    "FROM",
    "FULL",
    "GRANT",
    "GROUP",
    "GSCLUSTER",
    "HAVING",
    "ILIKE",
    "IN",
    "INCREMENT",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "ISSUE",
    "JOIN",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "MINUS",
    "NATURAL",
    "NOT",
    "NULL",
    "OF",
    "ON",
    "OR",
    "ORDER",
    "ORGANIZATION",
    "QUALIFY",
    "REGEXP",
    "REVOKE",
    "RIGHT",
    "RLIKE",
    "ROW",
    "ROWS",
    "SAMPLE",
    "SCHEMA",
    "SELECT",
    "SET",
    "SOME",
    "START",
    "TABLE",
    "TABLESAMPLE",
    "THEN",
    "TO",
    "TRIGGER",
    "TRUE",
    "TRY_CAST",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USING",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHENEVER",
    "WHERE",
    "WITH",
];

/// Bytes of a name, at most.
const NAME_BYTES_MAX: usize = 255;

/// What stands for the public key where none is given.
const KEY_PLACEHOLDER: &str = "MIIBIjANBgkq...";

/// What is to be made.
#[derive(Clone, Debug)]
pub struct ReaderSql {
    /// The role.
    pub role: String,
    /// The user.
    pub user: String,
    /// The warehouse.
    pub warehouse: String,
    /// The databases that it reads; not empty.
    pub databases: Vec<String>,
    /// Whether the user is an agent's (`SERVICE_AGENT`), under a session scope.
    pub is_agent: bool,
    /// Credits that the warehouse may use in a day.
    pub credits_per_day: u32,
    /// Seconds that a statement may run.
    pub statement_timeout_s: u32,
    /// Addresses and ranges that it may log in from.
    pub addresses: Vec<String>,
    /// Its public key, without the lines around it.
    pub public_key: Option<String>,
}

impl Default for ReaderSql {
    /// As in `docs/security.md`.
    fn default() -> Self {
        Self {
            role: "AGENT_READER".to_owned(),
            user: "SNOWGATE_AGENT".to_owned(),
            warehouse: "AGENT_WH".to_owned(),
            databases: vec!["SALES".to_owned()],
            is_agent: false,
            credits_per_day: 5,
            statement_timeout_s: 300,
            addresses: vec!["203.0.113.0/24".to_owned()],
            public_key: None,
        }
    }
}

/// Whether `name` can be the name of something.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let stored = names::stored(name);
    if stored.is_empty() || stored.len() > NAME_BYTES_MAX {
        return Err(format!("expected a name of 1 to {NAME_BYTES_MAX} bytes"));
    }
    if stored.chars().any(must_be_escaped) {
        return Err("a name has no control characters, and none that are not seen".to_owned());
    }
    Ok(())
}

/// The base64 of a public key, from a PEM file's text or the text alone.
///
/// # Errors
/// It is none.
pub fn public_key_of(text: &str) -> Result<String, String> {
    if text.contains("PRIVATE KEY") {
        return Err("this is the private key: it stays here; give the public one (rsa_key.pub)".to_owned());
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let key: String = lines.collect();
    match BASE64_STANDARD.decode(&key) {
        Ok(bytes) if is_public_key(&bytes) => Ok(key),
        // Also a private key without the lines around it.
        _ => Err("this is no public key in PEM form (SubjectPublicKeyInfo): make it with `openssl rsa -in rsa_key.p8 -pubout -out \
                  rsa_key.pub`"
            .to_owned()),
    }
}

/// Whether `bytes` are `SEQUENCE { SEQUENCE { OBJECT IDENTIFIER, ... }, BIT STRING }` in DER and nothing else: a
/// `SubjectPublicKeyInfo` by RFC 5280, 4.1. A private key begins with a version.
fn is_public_key(bytes: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;
    const OBJECT_IDENTIFIER: u8 = 0x06;
    let found = || {
        let (info, rest) = element(SEQUENCE, bytes)?;
        let (algorithm, key) = element(SEQUENCE, info)?;
        element(OBJECT_IDENTIFIER, algorithm)?;
        let (bits, behind) = element(BIT_STRING, key)?;
        Some(rest.is_empty() && behind.is_empty() && bits.len() > 1)
    };
    found() == Some(true)
}

/// The content of the DER element that `bytes` begin with, and what is behind it; `None` if it has another tag.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    const LENGTH_BYTES_MAX: u8 = 3;
    let ([found, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long => {
            let count = long & 0x7f;
            let (digits, rest) =
                rest.split_at_checked(usize::from(count)).filter(|_| count <= LENGTH_BYTES_MAX)?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    (*found == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// A name as SQL reads it: without quotes where it needs none.
fn name(written: &str) -> String {
    let stored = names::stored(written);
    let form = names::written(&stored);
    if RESERVED.contains(&form.as_str()) { names::quoted(&stored) } else { form }
}

impl ReaderSql {
    /// The statements that an administrator runs once.
    pub fn statements(&self) -> String {
        let (role, warehouse) = (name(&self.role), name(&self.warehouse));
        let mut sql =
            format!("-- A role that reads {}.\nCREATE ROLE IF NOT EXISTS {role};\n", self.counted());
        for database in &self.databases {
            sql.push_str(&grants(&name(database), &role));
        }
        sql.push_str(
            "-- Where there are any: the same two lines for DYNAMIC TABLES, EXTERNAL TABLES, MATERIALIZED VIEWS, SEMANTIC VIEWS.\n\
             -- Not granted: USAGE on functions and procedures, IMPORTED PRIVILEGES on the database SNOWFLAKE, CREATE of anything.\n\n",
        );
        sql.push_str(&self.warehouse_sql(&role, &warehouse));
        sql.push_str(&self.network_sql());
        sql.push_str(&self.user_sql(&role, &warehouse));
        sql
    }

    fn counted(&self) -> String {
        match self.databases.len() {
            1 => "one database".to_owned(),
            several => format!("{several} databases"),
        }
    }

    fn warehouse_sql(&self, role: &str, warehouse: &str) -> String {
        format!(
            "-- A warehouse of its own: small, asleep when idle, with a time-out that no session can raise.\n\
             CREATE WAREHOUSE IF NOT EXISTS {warehouse}\n  \
               WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE\n  \
               STATEMENT_TIMEOUT_IN_SECONDS = {timeout} STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = 60;\n\
             GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {role};\n\n\
             -- What it may cost in a day.\n\
             CREATE RESOURCE MONITOR IF NOT EXISTS AGENT_BUDGET WITH\n  \
               CREDIT_QUOTA = {credits} FREQUENCY = DAILY START_TIMESTAMP = IMMEDIATELY\n  \
               TRIGGERS ON 80 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND_IMMEDIATE;\n\
             ALTER WAREHOUSE {warehouse} SET RESOURCE_MONITOR = AGENT_BUDGET;\n\n",
            timeout = self.statement_timeout_s,
            credits = self.credits_per_day,
        )
    }

    fn network_sql(&self) -> String {
        let addresses: Vec<_> = self.addresses.iter().map(|address| names::literal(address)).collect();
        format!(
            "-- A place for policies, which the role cannot see.\n\
             CREATE DATABASE IF NOT EXISTS GOVERNANCE;\n\
             CREATE SCHEMA IF NOT EXISTS GOVERNANCE.AGENTS;\n\n\
             -- From where it may log in.\n\
             CREATE NETWORK RULE IF NOT EXISTS GOVERNANCE.AGENTS.OFFICE\n  \
               TYPE = IPV4 MODE = INGRESS VALUE_LIST = ({});\n\
             CREATE NETWORK POLICY IF NOT EXISTS AGENT_NETWORK\n  \
               ALLOWED_NETWORK_RULE_LIST = ('GOVERNANCE.AGENTS.OFFICE');\n\n",
            addresses.join(", ")
        )
    }

    fn user_sql(&self, role: &str, warehouse: &str) -> String {
        let user = name(&self.user);
        let key = self.public_key.as_deref().unwrap_or(KEY_PLACEHOLDER);
        let first = self.databases.first().map(|database| name(database)).unwrap_or_default();
        format!(
            "-- The user: that one role, a key pair, no password.\n\
             CREATE USER IF NOT EXISTS {user}\n  \
               TYPE = {kind}\n  \
               DEFAULT_ROLE = {role} DEFAULT_WAREHOUSE = {warehouse} DEFAULT_NAMESPACE = {first}.PUBLIC\n  \
               DEFAULT_SECONDARY_ROLES = ()\n  \
               RSA_PUBLIC_KEY = {key};\n\
             GRANT ROLE {role} TO USER {user};\n\
             ALTER USER {user} SET NETWORK_POLICY = AGENT_NETWORK;\n",
            kind = if self.is_agent { "SERVICE_AGENT" } else { "SERVICE" },
            key = names::literal(key),
        )
    }

    /// The scope of an agent's sessions.
    pub fn session_policy(&self) -> String {
        format!(
            "CREATE SESSION POLICY IF NOT EXISTS GOVERNANCE.AGENTS.READ_ONLY\n  \
               ALLOWED_SECONDARY_ROLES = ()\n  \
               AGENT_RESTRICTED_SESSION_SCOPE = 'SNOWFLAKE$DATA_READ';\n\
             ALTER USER {} SET SESSION POLICY GOVERNANCE.AGENTS.READ_ONLY;\n",
            name(&self.user)
        )
    }
}

/// The grants on one database.
fn grants(database: &str, role: &str) -> String {
    let mut sql = format!("GRANT USAGE ON DATABASE {database} TO ROLE {role};\n");
    for (privilege, objects) in [("USAGE", "SCHEMAS"), ("SELECT", "TABLES"), ("SELECT", "VIEWS")] {
        for which in ["ALL", "FUTURE"] {
            sql.push_str(&format!(
                "GRANT {privilege} ON {which} {objects} IN DATABASE {database} TO ROLE {role};\n"
            ));
        }
    }
    sql
}

#[cfg(test)]
mod tests {
    use sql_gate::{Class, Dialect};

    use super::*;

    /// A point of P-256.
    const PUBLIC: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEM4iJOmYhap9xddqKRvVHDLE7Ha7eJ3uIm2oF6wlNgyEqFLQFdF8hN7zDdbz4tms0\
        lzssId+MdUS8JZU+63JcVw==";

    const HOSTILE: &[&str] = &[
        "x; DROP DATABASE y; --",
        "a\"b",
        "it's",
        "\"quoted\"",
        "--",
        "/*",
        "$$",
        "é",
        "table",
        "a b",
        "\\",
        "a.b",
        "x'; --",
        "\"",
    ];

    /// The statements of a script of ours: none has a `;` inside but in quotes.
    fn split(script: &str) -> Vec<String> {
        let (mut found, mut current, mut quote) = (Vec::new(), String::new(), None);
        for line in script.lines().filter(|line| !line.starts_with("--")) {
            for char in line.chars().chain(['\n']) {
                match (quote, char) {
                    (None, '\'' | '"') => quote = Some(char),
                    (Some(open), _) if open == char => quote = None,
                    (None, ';') => {
                        found.push(std::mem::take(&mut current));
                        continue;
                    }
                    _ => {}
                }
                current.push(char);
            }
        }
        assert!(current.trim().is_empty(), "{current}");
        found
    }

    #[test]
    fn the_security_page_shows_these_statements() {
        let page = include_str!("../../../../docs/security.md");
        let sql = ReaderSql { is_agent: true, ..ReaderSql::default() };
        for block in [sql.statements(), sql.session_policy()] {
            assert!(page.contains(&format!("```sql\n{block}```")), "docs/security.md is to have:\n{block}");
        }
    }

    #[test]
    fn every_statement_is_one_that_defines_or_grants() {
        let sql = ReaderSql::default();
        let statements = split(&(sql.statements() + &sql.session_policy()));
        assert!(statements.len() > 15);
        for statement in statements {
            let read = sql_gate::read(&statement, Dialect::Snowflake);
            assert!(matches!(read.class, Class::Ddl | Class::Admin), "{:?}: {statement}", read.class);
        }
    }

    #[test]
    fn hostile_names_stay_names() {
        let usual = split(&ReaderSql::default().statements()).len();
        for odd in HOSTILE {
            let odd = (*odd).to_owned();
            let sql = ReaderSql {
                role: odd.clone(),
                user: odd.clone(),
                warehouse: odd.clone(),
                databases: vec![odd.clone()],
                addresses: vec![odd.clone()],
                public_key: Some(odd.clone()),
                ..ReaderSql::default()
            };
            let statements = split(&sql.statements());
            assert_eq!(statements.len(), usual, "{odd}");
            for statement in statements {
                let read = sql_gate::read(&statement, Dialect::Snowflake);
                assert!(
                    matches!(read.class, Class::Ddl | Class::Admin),
                    "{odd}: {:?}: {statement}",
                    read.class
                );
            }
            assert_eq!(split(&sql.session_policy()).len(), 2, "{odd}");
        }
    }

    #[test]
    fn names_have_quotes_only_where_they_need_them() {
        for (written, expected) in [
            ("sales", "SALES"),
            ("table", "\"TABLE\""),
            ("\"sales\"", "\"sales\""),
            ("my db", "\"my db\""),
            ("a.b", "\"a.b\""),
        ] {
            assert_eq!(name(written), expected, "{written}");
        }
        for wrong in ["", "\"\"", "a\nb", "a\u{202e}b", "a\u{200b}b", &"x".repeat(256)] {
            assert!(check_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_public_key_is_taken_from_its_file_and_a_private_one_is_not() {
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n",
            &PUBLIC[..40],
            &PUBLIC[40..]
        );
        assert_eq!(public_key_of(&pem).unwrap(), PUBLIC);
        assert_eq!(public_key_of(PUBLIC).unwrap(), PUBLIC);
        assert!(public_key_of(&pem.replace("PUBLIC", "PRIVATE")).is_err());
        // SEQUENCE { INTEGER 0, SEQUENCE { OBJECT IDENTIFIER }, OCTET STRING }: PKCS#8.
        let head = [0x30, 70, 2, 1, 0, 0x30, 3, 6, 1, 42, 4, 60];
        let private = BASE64_STANDARD.encode([head.as_slice(), &[7; 60]].concat());
        for (wrong, what) in [
            ("'; DROP", "SQL"),
            (&private, "a private key without its lines"),
            (&PUBLIC[..PUBLIC.len() - 4], "half a key"),
            (&"A".repeat(64), "base64 of nothing"),
        ] {
            let why = public_key_of(wrong).unwrap_err();
            assert!(!why.contains(wrong), "{what}: {why}");
        }
    }
}
