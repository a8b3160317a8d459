//! The targets of the log, as `SNOWGATE_LOG` and `gateway.log_level` choose them.

use thiserror::Error;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Our own targets: `snowgate` and, by its prefix, `snowgate_link`; and the crates that log on our behalf.
const OURS: [&str; 2] = ["snowgate", "snowflake_wire"];

/// The target of the spans that tell what an event is about (process, connection, session, request, backend). They
/// are there whatever is logged, so that every event that is logged names them.
pub const SPANS: &str = "snowgate_spans";

/// The level of all other targets by default.
const OTHERS_LEVEL: LevelFilter = LevelFilter::WARN;

/// An invalid list of targets.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text:?} is not a list of log targets: {cause}")]
pub struct TargetsError {
    /// The list.
    pub text: String,
    /// The problem.
    pub cause: String,
}

/// The targets for a `level` of our own.
pub fn standard(level: LevelFilter) -> Targets {
    with_ours(Targets::new().with_default(OTHERS_LEVEL), level)
}

fn with_ours(targets: Targets, level: LevelFilter) -> Targets {
    targets.with_targets(OURS.map(|target| (target, level)))
}

/// Reads a list of targets. A bare level applies to our targets only; a list is added to the standard levels.
///
/// # Errors
/// A part is neither a level nor `target=level`.
pub fn parse(text: &str) -> Result<Targets, TargetsError> {
    let wrong = |cause: String| TargetsError { text: text.to_owned(), cause };
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    parts.into_iter().try_fold(standard(LevelFilter::INFO), |targets, part| match part.split_once('=') {
        None => level(part).map(|level| with_ours(targets, level)).map_err(wrong),
        // The gateway as a whole.
        Some((target, word)) if target == OURS[0] => {
            level(word).map(|level| with_ours(targets, level)).map_err(wrong)
        }
        Some((target, word)) if is_target(target) => {
            level(word).map(|level| targets.with_target(target, level)).map_err(wrong)
        }
        Some((target, _)) => Err(wrong(format!("{target:?} is not a target"))),
    })
}

fn level(word: &str) -> Result<LevelFilter, String> {
    word.parse().map_err(|_| format!("{word:?} is not one of off, error, warn, info, debug, trace"))
}

fn is_target(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || "_:-".contains(char))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn enables(text: &str, target: &str, level: Level) -> bool {
        parse(text).unwrap().would_enable(target, &level)
    }

    #[test]
    fn a_bare_level_applies_to_our_targets() {
        assert!(enables("debug", "snowgate::link", Level::DEBUG));
        assert!(enables("debug", "snowgate_link", Level::DEBUG));
        assert!(enables("debug", "snowflake_wire::session", Level::DEBUG));
        assert!(!enables("debug", "snowgate::link", Level::TRACE));
        assert!(!enables("trace", "tokio", Level::INFO));
        assert!(enables("off", "tokio", Level::WARN));
        assert!(!enables("off", "snowgate", Level::ERROR));
    }

    #[test]
    fn a_list_adds_to_the_standard() {
        let list = "snowgate::link=trace, tokio=info";
        assert!(enables(list, "snowgate::link", Level::TRACE));
        assert!(!enables(list, "snowgate::mcp", Level::DEBUG));
        assert!(enables(list, "snowgate::mcp", Level::INFO));
        assert!(enables(list, "tokio", Level::INFO));
        assert!(enables("snowgate=debug", "snowflake_wire::session", Level::DEBUG));
        assert!(!enables("snowgate=debug,snowflake_wire=warn", "snowflake_wire::session", Level::INFO));
    }

    #[test]
    fn an_invalid_level_is_named_in_the_error() {
        for (text, part) in
            [("loud", "\"loud\""), ("snowgate=x", "\"x\""), ("=info", "\"\""), (" ,", "empty")]
        {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
