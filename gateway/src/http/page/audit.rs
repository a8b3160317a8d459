//! `GET /ui/audit`: records of the audit trail, found as `snowgate audit search` finds them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::operate::operators_only;
use crate::audit::{SearchQuery, folder, search, text_of_ms};
use crate::http::caller::Caller;
use crate::http::error::HttpError;
use crate::http::front::Front;
use crate::http::json::Json;
use crate::shared::moments::{parse_since, parse_until};

/// Records that are sent unless another number is asked for, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// Searches at once, at most: each reads files.
const SEARCHES_MAX: usize = 2;

/// Places for searches.
#[derive(Debug)]
pub(super) struct Searches(Arc<Semaphore>);

impl Default for Searches {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SEARCHES_MAX)))
    }
}

/// Which records are wanted; what is empty is not asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    client: Option<String>,
    object: Option<String>,
    outcome: Option<String>,
    statement: Option<String>,
    /// `24h`, `2027-01-31`, `2027-01-31T12:00:00Z`.
    since: Option<String>,
    until: Option<String>,
    limit: Option<String>,
}

impl Wanted {
    fn limit(&self) -> Result<usize, String> {
        let Some(text) = self.limit.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Ok(LIMIT);
        };
        let number = text.trim().parse().ok().filter(|number| (1..=LIMIT_MAX).contains(number));
        number.ok_or_else(|| format!("`limit` is {text:?}, and has to be a number from 1 to {LIMIT_MAX}"))
    }

    fn query(self) -> Result<SearchQuery, String> {
        let given =
            |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let time = |name: &str, text: Option<String>, parse: fn(&str) -> Result<u64, String>| {
            let parsed = given(text).map(|text| parse(&text).map(text_of_ms)).transpose();
            parsed.map_err(|why| format!("`{name}`: {why}"))
        };
        Ok(SearchQuery {
            client: given(self.client),
            object: given(self.object),
            outcome: given(self.outcome),
            statement: given(self.statement).map(|text| text.to_lowercase()),
            since: time("since", self.since, parse_since)?,
            until: time("until", self.until, parse_until)?,
            ..SearchQuery::default()
        })
    }
}

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// Whether there is a trail now; older records may be found without.
    is_on: bool,
    /// The newest that fit, newest last.
    records: Vec<Value>,
    /// Whether older ones fit too, or may.
    has_more: bool,
    /// Lines that are no records.
    unread: u64,
}

/// `GET /ui/audit`
pub(super) async fn search_trail(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Found>, HttpError> {
    operators_only(&caller)?;
    let invalid = |why: String| {
        HttpError::new(StatusCode::BAD_REQUEST, "arguments_invalid", why).or_do(
            "ask by client, object, outcome, statement, since, until (24h, 2027-01-31, 2027-01-31T12:00:00Z) and limit",
        )
    };
    let Query(wanted) = wanted.map_err(|error| invalid(error.body_text()))?;
    let limit = wanted.limit().map_err(invalid)?;
    let query = wanted.query().map_err(invalid)?;
    let Ok(place) = Arc::clone(&front.page.searches.0).try_acquire_owned() else {
        let why = format!("{SEARCHES_MAX} searches of the audit trail run already, which is the most");
        return Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_searches", why)
            .or_do("try again when they have ended")
            .after(1));
    };
    let shared = &front.mcp.shared;
    let (is_on, folder) = (shared.telemetry.audit.is_on(), folder(&shared.paths.state_dir));
    let found = spawn_blocking(move || {
        // Held until the files are read, also if the page has left meanwhile.
        let _place = place;
        search(&folder, &query, limit)
    });
    let unreadable = || {
        HttpError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "audit_unreadable",
            "the audit trail cannot be read",
        )
        .or_do("the gateway's log has the cause; `snowgate audit verify` reads the same files")
    };
    let found = found.await.map_err(|_| unreadable())?.map_err(|error| {
        tracing::warn!(%error, "the audit trail cannot be read");
        unreadable()
    })?;
    Ok(Json(Found { is_on, records: found.records, has_more: found.has_more, unread: found.unread }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_not_asked_for_and_limits_are_kept() {
        let wanted = |text: &str| serde_json::from_str::<Wanted>(text).unwrap();
        let empty = wanted(r#"{"client": " ", "since": "", "limit": "", "outcome": ""}"#);
        assert_eq!(empty.limit(), Ok(LIMIT));
        assert_eq!(empty.query(), Ok(SearchQuery::default()));
        let day = wanted(r#"{"since": "2027-01-31", "until": "2027-01-31"}"#).query().unwrap();
        assert_eq!(day.since.as_deref(), Some("2027-01-31T00:00:00.000Z"));
        assert_eq!(day.until.as_deref(), Some("2027-02-01T00:00:00.000Z"));
        for limit in ["0", "1001", "-1", "many"] {
            assert!(wanted(&format!(r#"{{"limit": "{limit}"}}"#)).limit().is_err(), "{limit}");
        }
        assert!(wanted(r#"{"until": "tomorrow"}"#).query().is_err());
        assert!(serde_json::from_str::<Wanted>(r#"{"key": "a"}"#).is_err());
    }
}
