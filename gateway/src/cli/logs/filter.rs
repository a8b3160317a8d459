//! Which lines are shown.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::{Level, LogsArgs};
use crate::streams::{Line, Timestamp};

/// What a line must be.
#[derive(Debug, Default)]
pub(super) struct Filter {
    session: Option<String>,
    client: Option<String>,
    /// As lines have it.
    since: Option<String>,
    level: Option<Level>,
}

impl Filter {
    pub(super) fn new(args: &LogsArgs) -> Self {
        let since = |ms| Timestamp(UNIX_EPOCH + Duration::from_millis(ms)).to_string();
        Self {
            session: args.session.clone(),
            client: args.client.clone(),
            since: args.since.map(since),
            level: args.level,
        }
    }

    /// Whether the line is shown. One that cannot be read is, unless something is asked for that it does not say.
    pub(super) fn passes(&self, line: &str) -> bool {
        let Self { session: None, client: None, since: None, level: None } = self else {
            return Line::read(line).is_some_and(|line| self.fits(&line));
        };
        true
    }

    fn fits(&self, line: &Line) -> bool {
        // Both are of the same length and in UTC.
        let is_since = self.since.as_ref().is_none_or(|since| line.timestamp.as_str() >= since.as_str());
        let is_level = self.level.is_none_or(|level| level_of(line) <= level);
        let says = |field: &str| line.field(field).and_then(Value::as_str);
        let is_session = self
            .session
            .as_ref()
            .is_none_or(|id| says("session").is_some_and(|own| own.starts_with(id.as_str())));
        let is_client = self.client.as_ref().is_none_or(|name| says("client") == Some(name.as_str()));
        is_since && is_level && is_session && is_client
    }
}

/// A line of a stream that has no levels is no fault.
fn level_of(line: &Line) -> Level {
    match line.level.as_str() {
        "ERROR" => Level::Error,
        "WARN" => Level::Warn,
        "DEBUG" => Level::Debug,
        "TRACE" => Level::Trace,
        _ => Level::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"timestamp":"2026-01-31T12:00:00.000000Z","level":"WARN","message":"m","client":"a b","spans":[{"name":"session","session":"0a1b2c"}]}"#;

    #[test]
    fn each_condition_must_hold() {
        let text = Line::read(LINE).unwrap().to_text(true);
        let some = |text: &str| Some(text.to_owned());
        let passes = |filter: &Filter| {
            let passes = filter.passes(LINE);
            assert_eq!(filter.passes(&text), passes, "{filter:?}");
            passes
        };
        let fits = [
            Filter::default(),
            Filter { session: some("0a1b2c"), client: some("a b"), ..Filter::default() },
            Filter { session: some("0a"), level: Some(Level::Warn), ..Filter::default() },
            Filter {
                since: some("2026-01-31T12:00:00.000000Z"),
                level: Some(Level::Trace),
                ..Filter::default()
            },
        ];
        assert!(fits.iter().all(passes));
        let others = [
            Filter { session: some("a1b2c"), ..Filter::default() },
            Filter { client: some("a"), ..Filter::default() },
            Filter { level: Some(Level::Error), ..Filter::default() },
            Filter { since: some("2026-01-31T12:00:00.000001Z"), ..Filter::default() },
        ];
        assert!(!others.iter().any(passes));
        assert!(Filter::default().passes("no line") && !others[0].passes("no line"));
    }
}
