//! The kinds of objects that statements define, list and describe.

use crate::tokens::Cursor;
use crate::{Class, ObjectKind};

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Its words, the longest kinds first.
    words: &'static [&'static str],
    /// What it is for lists of names.
    pub(super) object: ObjectKind,
    /// The class of what defines it.
    pub(super) class: Class,
}

macro_rules! kinds {
    ($($class:ident $object:ident: $($($word:ident)+),+;)+) => {
        &[$($(Kind {
            words: &[$(stringify!($word)),+],
            object: ObjectKind::$object,
            class: Class::$class,
        }),+),+]
    };
}

/// All kinds. Of two that begin alike the longer one comes first.
const KINDS: &[Kind] = kinds! {
    Ddl Relation: SEMANTIC VIEW, MATERIALIZED VIEW, VIEW, EXTERNAL TABLE, DYNAMIC TABLE, EVENT TABLE, HYBRID TABLE,
        ICEBERG TABLE, DYNAMIC ICEBERG TABLE, INTERACTIVE TABLE, ONLINE FEATURE TABLE, TABLE, STREAM;
    Ddl Schema: SCHEMA;
    Admin Account: DATABASE ROLE, APPLICATION PACKAGE, APPLICATION ROLE, APPLICATION;
    Ddl Database: DATABASE;
    Ddl Stage: STAGE;
    Ddl Function: EXTERNAL FUNCTION, AGGREGATE FUNCTION, TABLE FUNCTION, DATA METRIC FUNCTION, FUNCTION, PROCEDURE;
    Ddl Other: FILE FORMAT, SEQUENCE, TASK, PIPE, TAG, ALERT, NOTEBOOK PROJECT, NOTEBOOK, STREAMLIT, GIT REPOSITORY,
        IMAGE REPOSITORY, CORTEX SEARCH SERVICE, CORTEX AGENT, SERVICE, MODEL MONITOR, MODEL, DATASET, SNAPSHOT SET,
        SNAPSHOT POLICY, SNAPSHOT, BACKUP, INDEX, CONTACT, MCP SERVER, AGENT, WORKSPACE, JOB SERVICE, DBT PROJECT, DCM PROJECT, TYPE,
        EXPERIMENT, GATEWAY;
    Admin Other: MASKING POLICY, ROW ACCESS POLICY, AGGREGATION POLICY, PROJECTION POLICY, PRIVACY POLICY, JOIN POLICY,
        PASSWORD POLICY, SESSION POLICY, AUTHENTICATION POLICY, PACKAGES POLICY, BACKUP POLICY, BACKUP SET,
        STORAGE LIFECYCLE POLICY, FEATURE POLICY, NETWORK RULE, SECRET;
    Admin Account: USER, ROLE, WAREHOUSE, RESOURCE MONITOR, NETWORK POLICY, SHARE, LISTING, EXTERNAL LISTING,
        ORGANIZATION LISTING, FAILOVER GROUP, REPLICATION GROUP, CONNECTION, ORGANIZATION ACCOUNT, MANAGED ACCOUNT, ACCOUNT,
        ORGANIZATION PROFILE, ORGANIZATION USER GROUP, ORGANIZATION USER, EXTERNAL VOLUME, COMPUTE POOL,
        API INTEGRATION, STORAGE INTEGRATION, SECURITY INTEGRATION, NOTIFICATION INTEGRATION, CATALOG INTEGRATION,
        EXTERNAL ACCESS INTEGRATION, INTEGRATION, BUDGET, PROVISIONED THROUGHPUT, DATA SHARE, POSTGRES INSTANCE;
};

/// The words between CREATE and a kind that say how it is made.
const MODIFIERS: [&str; 15] = [
    "OR",
    "REPLACE",
    "ALTER",
    "LOCAL",
    "GLOBAL",
    "SECURE",
    "TRANSIENT",
    "RECURSIVE",
    "TEMP",
    "TEMPORARY",
    "VOLATILE",
    "PUBLIC",
    "NOORDER",
    // `TEMPORARY READ ONLY TABLE`
    "READ",
    "ONLY",
];

/// How an object is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Modifiers {
    /// It goes with its session.
    pub(super) is_temporary: bool,
}

impl Modifiers {
    /// Takes all that come.
    pub(super) fn read(cursor: &mut Cursor<'_, '_>) -> Self {
        let mut modifiers = Self::default();
        while let Some(word) = cursor.peek_word().filter(|word| MODIFIERS.contains(&word.as_str())) {
            modifiers.is_temporary |= ["TEMP", "TEMPORARY", "VOLATILE"].contains(&word.as_str());
            cursor.take();
        }
        modifiers
    }
}

impl Kind {
    /// Takes the kind that comes next.
    pub(super) fn read(cursor: &mut Cursor<'_, '_>) -> Option<Self> {
        Self::read_in(cursor, false)
    }

    /// Takes the plural of a kind (`TABLES`).
    pub(super) fn read_plural(cursor: &mut Cursor<'_, '_>) -> Option<Self> {
        Self::read_in(cursor, true)
    }

    fn read_in(cursor: &mut Cursor<'_, '_>, is_plural: bool) -> Option<Self> {
        let fits = |kind: &&Kind| {
            kind.words.iter().enumerate().all(|(at, word)| {
                let is_last = at + 1 == kind.words.len();
                cursor.peek_at(at).is_some_and(|token| match token {
                    snowflake_tokens::Token::Word(written) if is_plural && is_last => {
                        is_plural_of(written, word)
                    }
                    token => token.is_word(word),
                })
            })
        };
        let kind = KINDS.iter().filter(fits).max_by_key(|kind| kind.words.len())?;
        for _ in kind.words {
            cursor.take();
        }
        Some(*kind)
    }

    /// Whether one runs code, or does what a specification says: what it touches is not in the statement that makes it.
    pub(super) fn holds_code(self) -> bool {
        matches!(
            self.words,
            [.., "SERVICE" | "AGENT" | "STREAMLIT" | "NOTEBOOK" | "PROJECT" | "APPLICATION"]
                | ["MCP", "SERVER"]
                | ["APPLICATION", "PACKAGE"]
        ) && self.words != ["CORTEX", "SEARCH", "SERVICE"]
    }

    /// Whether the options of one name databases or what is in them, in forms that are not read.
    pub(super) fn gathers_objects(self) -> bool {
        matches!(self.words, ["FAILOVER" | "REPLICATION", "GROUP"] | [.., "LISTING"])
    }

    /// Its words.
    pub(super) fn name(self) -> String {
        self.words.join(" ")
    }
}

/// Whether `written` is the plural of `word`.
fn is_plural_of(written: &str, word: &str) -> bool {
    let plural = match word.strip_suffix('Y') {
        // POLICIES, but not KEYS.
        Some(stem) if !word.ends_with("EY") => format!("{stem}IES"),
        _ if word.ends_with('X') => format!("{word}ES"),
        _ => format!("{word}S"),
    };
    written.eq_ignore_ascii_case(&plural)
}
