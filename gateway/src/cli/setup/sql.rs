//! `snowgate setup sql`: the SQL that an administrator runs for a role that only reads.

use std::io::{ErrorKind, Write as _, stderr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::SetupError;
use crate::backend::snowflake::{ReaderSql, check_name, public_key_of};
use crate::cli::control::{print_json, print_text};
use crate::config::parse_range;
use crate::os::read_whole;

/// Names of what the SQL makes.
#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// A database that the role reads; can be given several times
    #[arg(long, value_name = "NAME", default_value = "SALES")]
    database: Vec<String>,

    /// The role
    #[arg(long, value_name = "NAME", default_value = "AGENT_READER")]
    role: String,

    /// The user that has it, and no other
    #[arg(long, value_name = "NAME", default_value = "SNOWGATE_AGENT")]
    user: String,

    /// The warehouse
    #[arg(long, value_name = "NAME", default_value = "AGENT_WH")]
    warehouse: String,

    /// Make the user an agent's (TYPE = SERVICE_AGENT), whose sessions can only read, also if its roles allow more
    #[arg(long)]
    agent: bool,

    /// Credits that the warehouse may use in a day: 1 to 1000000
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = |text: &str| number(text, &CREDITS))]
    credits: u32,

    /// Seconds that a statement may run: 1 to 604800
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = |text: &str| number(text, &TIMEOUT_S))]
    timeout: u32,

    /// An address or range that the user may log in from (203.0.113.0/24); can be given several times
    #[arg(long, value_name = "ADDRESS")]
    from: Vec<String>,

    /// The file of its public key (rsa_key.pub)
    #[arg(long, value_name = "PATH")]
    public_key_file: Option<PathBuf>,

    /// Print JSON, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

/// Credits of a day.
const CREDITS: RangeInclusive<u32> = 1..=1_000_000;

/// What Snowflake takes for STATEMENT_TIMEOUT_IN_SECONDS: a week at most. 0 means a week there, which is not what it looks like.
const TIMEOUT_S: RangeInclusive<u32> = 1..=604_800;

/// An argument that cannot be used.
fn wrong_usage(message: impl Into<String>) -> SetupError {
    SetupError { next_step: Some("run `snowgate setup sql --help`".to_owned()), ..SetupError::usage(message) }
}

/// A whole number in `range`.
fn number(text: &str, range: &RangeInclusive<u32>) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("it must be a whole number from {} to {}", range.start(), range.end()))
}

/// Roles that every account has. A grant to one of them would be one to everybody, or give an agent what it may do.
const SYSTEM_ROLES: &[&str] =
    &["ACCOUNTADMIN", "GLOBALORGADMIN", "ORGADMIN", "PUBLIC", "SECURITYADMIN", "SYSADMIN", "USERADMIN"];

/// That the role is one of its own.
fn check_role(role: &str) -> Result<(), SetupError> {
    let name = role.trim_matches('"');
    if SYSTEM_ROLES.iter().any(|system| name.eq_ignore_ascii_case(system)) {
        let message =
            format!("--role: {role} is a role of Snowflake's own; name one that the SQL is to make");
        return Err(wrong_usage(message));
    }
    Ok(())
}

/// Bytes of a public key's file, at most; one of RSA with 16384 bits has 2,800.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

fn read_key(file: &Path) -> Result<String> {
    let wrong = |why: &str| wrong_usage(format!("--public-key-file: {} {why}", file.display()));
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => wrong("is not there"),
        ErrorKind::InvalidInput => wrong("is no file"),
        ErrorKind::FileTooLarge => wrong("is larger than a public key"),
        _ => SetupError::failed(
            format!("cannot read {}: {error}", file.display()),
            "make sure that you may read it, then run the command again",
        ),
    };
    let bytes = read_whole(file, KEY_FILE_BYTES_MAX).map_err(failed)?;
    Ok(String::from_utf8(bytes).map_err(|_| wrong("is no text: convert the key to PEM"))?)
}

/// Prints the SQL.
pub(super) fn print(args: &SqlArgs) -> Result<ExitCode> {
    let usual = ReaderSql::default();
    for (flag, name) in [("--role", &args.role), ("--user", &args.user), ("--warehouse", &args.warehouse)]
        .into_iter()
        .chain(args.database.iter().map(|name| ("--database", name)))
    {
        check_name(name).map_err(|why| wrong_usage(format!("{flag}: {why}")))?;
    }
    check_role(&args.role)?;
    let addresses: Vec<String> = args.from.iter().map(|address| address.trim().to_owned()).collect();
    for address in &addresses {
        if !parse_range(address).is_some_and(|range| range.addr().is_ipv4()) {
            let message = format!("--from: {address:?} is no IPv4 address or range");
            return Err(wrong_usage(message).into());
        }
    }
    let public_key = args.public_key_file.as_ref().map(|file| {
        let text = read_key(file)?;
        Ok::<_, anyhow::Error>(
            public_key_of(&text).map_err(|why| wrong_usage(format!("--public-key-file: {why}")))?,
        )
    });
    let sql = ReaderSql {
        role: args.role.clone(),
        user: args.user.clone(),
        warehouse: args.warehouse.clone(),
        databases: args.database.clone(),
        is_agent: args.agent,
        credits_per_day: args.credits,
        statement_timeout_s: args.timeout,
        addresses: if addresses.is_empty() { usual.addresses } else { addresses },
        public_key: public_key.transpose()?,
    };
    let mut text = sql.statements();
    if args.agent {
        text.push_str("\n-- The scope of its sessions.\n");
        text.push_str(&sql.session_policy());
    }
    let left = left_to_replace(args);
    if args.json {
        return print_json(&serde_json::json!({"sql": text, "replace": left}));
    }
    for what in left {
        text.insert_str(0, &format!("-- REPLACE {what}\n"));
        // Where the SQL goes into a file, too.
        let _ = writeln!(stderr(), "snowgate: replace {what}");
    }
    print_text(&text)
}

/// What of the SQL stands only for what was not given.
fn left_to_replace(args: &SqlArgs) -> Vec<&'static str> {
    let address = "the addresses: 203.0.113.0/24 is an example that lets no log-in through (--from)";
    let key = "the public key, which is an example (--public-key-file)";
    let left = [(args.public_key_file.is_none(), key), (args.from.is_empty(), address)];
    left.into_iter().filter_map(|(is_left, what)| is_left.then_some(what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_is_refused_with_the_range() {
        for text in ["0", "-1", "604801", "99999999999999999999", "x", "", "1.5"] {
            assert!(number(text, &TIMEOUT_S).unwrap_err().contains("from 1 to 604800"), "{text}");
        }
        assert_eq!((number("1", &TIMEOUT_S), number("604800", &TIMEOUT_S)), (Ok(1), Ok(604_800)));
    }

    #[test]
    fn a_role_that_every_account_has_is_none_for_an_agent() {
        for role in ["PUBLIC", "AccountAdmin", "\"SYSADMIN\""] {
            assert!(check_role(role).unwrap_err().to_string().contains("of Snowflake's own"), "{role}");
        }
        check_role("AGENT_READER").unwrap();
    }

    #[test]
    fn a_key_file_that_is_not_there_is_wrong_usage() {
        let error = read_key(Path::new("/nonexistent/rsa_key.pub")).unwrap_err();
        let found = error.downcast_ref::<SetupError>().unwrap();
        assert_eq!(found.exit_code(), crate::cli::exit::USAGE);
        assert!(error.to_string().contains("/nonexistent/rsa_key.pub is not there"), "{error}");
    }
}
