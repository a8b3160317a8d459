//! What is logged and what never is.

use thiserror::Error;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;

/// Our own targets: `snowgate` and, by its prefix, `snowgate_link`.
const OURS: &str = "snowgate";

/// The MCP library's targets. It logs whole requests, SQL included, at every level below error.
const RMCP: &str = "rmcp";

/// What everybody else may log where nothing else is asked for.
const OTHERS_LEVEL: LevelFilter = LevelFilter::WARN;

/// A list of targets that cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text:?} is not a list of log targets: {cause}")]
pub struct TargetsError {
    /// The list.
    pub text: String,
    /// What is wrong with it.
    pub cause: String,
}

/// Checks a list of targets as [`super::init`] takes it.
///
/// # Errors
///
/// [`TargetsError`] where a part is neither a level nor `target=level`.
pub fn check_targets(text: &str) -> Result<(), TargetsError> {
    parse(text).map(|_| ())
}

/// The filter for `level`, or for the list where there is one.
pub(super) fn filter<S>(level: Level, targets: Option<&str>) -> Result<impl Filter<S> + use<S>, TargetsError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let chosen = targets.map_or_else(|| Ok(standard(level.into())), parse)?;
    // A second filter, not an entry among the targets: a more specific target of the user's would win over
    // that.
    Ok(chosen.and(filter_fn(may_be_logged)))
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with(RMCP) || *metadata.level() <= Level::ERROR
}

fn standard(level: LevelFilter) -> Targets {
    Targets::new().with_default(OTHERS_LEVEL).with_target(OURS, level)
}

/// A bare level means ours alone; a list is taken as it is, with the standard levels below it.
fn parse(text: &str) -> Result<Targets, TargetsError> {
    let wrong = |cause: String| TargetsError { text: text.to_owned(), cause };
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    parts.into_iter().try_fold(standard(LevelFilter::INFO), |targets, part| match part.split_once('=') {
        None => level(part).map(|level| targets.with_target(OURS, level)).map_err(wrong),
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
    use super::*;

    fn enables(text: &str, target: &str, level: Level) -> bool {
        parse(text).unwrap().would_enable(target, &level)
    }

    #[test]
    fn a_bare_level_is_ours() {
        assert!(enables("debug", "snowgate::link", Level::DEBUG));
        assert!(enables("debug", "snowgate_link", Level::DEBUG));
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
    }

    #[test]
    fn what_is_no_level_is_refused_by_name() {
        for (text, part) in
            [("loud", "\"loud\""), ("snowgate=x", "\"x\""), ("=info", "\"\""), (" ,", "empty")]
        {
            let error = check_targets(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
