//! Whether a session is what a profile requires: an agent's, under a restricted session scope.
//!
//! Sources: Snowflake's documentation, "Agent identity", "IS_AGENT_ACTIVATED (SYS_CONTEXT function)", "Restricted
//! Session Scope for agents", "SYS_CONTEXT (SNOWFLAKE$SESSION namespace)". The form of the active scopes is not written
//! there; Snowflake's own clients read a JSON array of objects with a `name`. Other forms that name the scope are
//! read, too, and what names none counts as none.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use snowflake_wire::{Error, RequestId, Session, Statement};

use super::failure::of_connection;
use crate::backend::{BackendError, ErrorKind, Wall};

/// What is asked once on each session. No warehouse is needed.
const QUESTION: &str = "SELECT SYS_CONTEXT('SNOWFLAKE$CURRENT', 'IS_AGENT_ACTIVATED'), \
                        SYS_CONTEXT('SNOWFLAKE$SESSION', 'ACTIVE_RESTRICTED_SESSION_SCOPES')";

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Scopes that are named, at most.
const SCOPES_MAX: usize = 8;

/// What a session is, as the account says. It does not change while the session lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    is_agent: bool,
    scopes: Vec<String>,
}

/// What was found for the last session that was asked about, for `status`.
#[derive(Debug, Default)]
pub(super) struct LastStanding(Mutex<Option<String>>);

impl LastStanding {
    pub(super) fn set(&self, standing: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    pub(super) fn shown(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Standing {
    /// Asks the account.
    pub(super) async fn ask(session: &Session) -> Result<Self, Error> {
        let progress = session.submit(RequestId::new(), &Statement::new(QUESTION)).await?;
        let mut answer = session.finish(progress, TIMEOUT).await?;
        let mut cells = answer.rows.next().await?.unwrap_or_default().into_iter();
        let (agent, scopes) = (cells.next().flatten(), cells.next().flatten());
        Ok(Self::read(agent.as_deref(), scopes.as_deref()))
    }

    fn read(agent: Option<&str>, scopes: Option<&str>) -> Self {
        let is_agent = agent.is_some_and(|agent| agent == "1" || agent.eq_ignore_ascii_case("true"));
        let mut names = scopes.map(scope_names).unwrap_or_default();
        names.truncate(SCOPES_MAX);
        Self { is_agent, scopes: names }
    }

    /// "agent session: yes, scope: SNOWFLAKE$DATA_READ".
    pub(super) fn shown(&self) -> String {
        let agent = if self.is_agent { "yes" } else { "no" };
        let scopes = if self.scopes.is_empty() { "none".to_owned() } else { self.scopes.join(", ") };
        format!("agent session: {agent}, scope: {scopes}")
    }

    /// Whether a request that requires `wall` may run.
    ///
    /// # Errors
    /// What is missing, and how to set it up.
    pub(super) fn check(&self, wall: &Wall) -> Result<(), BackendError> {
        let has = |scope: &str| self.scopes.iter().any(|active| folded(active) == folded(scope));
        if wall.agent_session && !self.is_agent {
            return Err(refused(wall, "Snowflake does not count this log-in's sessions as an agent's"));
        }
        match &wall.scope {
            Some(scope) if !has(scope) => {
                let found = self.shown();
                Err(refused(wall, &format!("that session scope is not active ({found})")))
            }
            _ => Ok(()),
        }
    }
}

/// The error of a question that the account did not answer.
pub(super) fn unanswered(wall: &Wall, error: &Error) -> BackendError {
    match error {
        Error::Statement(failure) if !failure.is_aborted() && !failure.is_timed_out() => {
            refused(wall, &format!("this account does not say what the session is: {}", failure.message))
        }
        other => of_connection(other),
    }
}

fn refused(wall: &Wall, why: &str) -> BackendError {
    let message = format!("nothing is run: the profile has {wall}, and {why}");
    BackendError::new(ErrorKind::Refused, message).with_next_step(
        "log in as a user of TYPE = SERVICE_AGENT, or through an OAuth integration with IS_AGENTIC = TRUE, and set a \
         session policy with AGENT_RESTRICTED_SESSION_SCOPE on that user: docs/security.md has the SQL. The setting \
         is the profile's, in config.toml",
    )
}

/// The names in what the account says of active scopes.
fn scope_names(text: &str) -> Vec<String> {
    let name = |value: &Value| {
        let name = value.as_str().or_else(|| value.get("name")?.as_str())?.trim();
        (!name.is_empty()).then(|| name.to_owned())
    };
    match serde_json::from_str(text) {
        Ok(Value::Array(scopes)) => scopes.iter().filter_map(name).collect(),
        Ok(one) => name(&one).into_iter().collect(),
        Err(_) => text.split(',').filter_map(|part| name(&part.into())).collect(),
    }
}

/// A name of one or more parts as the account stores it: upper case but for what is in double quotes.
fn folded(name: &str) -> String {
    let mut is_quoted = false;
    let fold = |char: char| {
        is_quoted ^= char == '"';
        if is_quoted { char } else { char.to_ascii_uppercase() }
    };
    name.trim().chars().map(fold).filter(|char| *char != '"').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = r#"[{"name": "SNOWFLAKE$DATA_READ", "definition": "privilege_scopes: []"}]"#;

    fn wall(agent_session: bool, scope: Option<&str>) -> Wall {
        Wall { agent_session, scope: scope.map(str::to_owned) }
    }

    #[test]
    fn what_the_account_says_is_read_in_every_form_that_names_a_scope() {
        for (text, names) in [
            (READ, vec!["SNOWFLAKE$DATA_READ"]),
            (r#"["A.B.C", {"name": "D"}]"#, vec!["A.B.C", "D"]),
            (r#"{"name": "D"}"#, vec!["D"]),
            ("\"D\"", vec!["D"]),
            ("A.B.C, D", vec!["A.B.C", "D"]),
            ("[]", vec![]),
            ("", vec![]),
            (r#"[{"definition": "x"}]"#, vec![]),
        ] {
            assert_eq!(scope_names(text), names, "{text}");
        }
    }

    #[test]
    fn each_requirement_is_checked_and_named() {
        let agent = Standing::read(Some("TRUE"), Some(READ));
        assert_eq!(agent.shown(), "agent session: yes, scope: SNOWFLAKE$DATA_READ");
        for wall in [wall(true, None), wall(true, Some("snowflake$data_read")), wall(false, None)] {
            assert_eq!(agent.check(&wall), Ok(()), "{wall}");
        }
        let error = agent.check(&wall(true, Some("SNOWFLAKE$DATA_READ_WITH_AI"))).unwrap_err();
        assert!(
            error.message.contains("not active (agent session: yes, scope: SNOWFLAKE$DATA_READ)"),
            "{error}"
        );
        for nobody in [Standing::read(Some("FALSE"), None), Standing::read(None, None)] {
            assert_eq!(nobody.shown(), "agent session: no, scope: none");
            let error = nobody.check(&wall(true, None)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Refused);
            assert!(error.message.contains("require_agent_session = true"), "{error}");
            assert!(error.next_step.unwrap().contains("SERVICE_AGENT"));
        }
    }

    #[test]
    fn names_of_scopes_are_compared_as_the_account_stores_them() {
        assert_eq!(folded("db.\"Mixed\".s"), "DB.Mixed.S");
        let own = Standing::read(Some("true"), Some(r#"["DB.\"Mixed\".S"]"#));
        assert!(own.check(&wall(false, Some("db.\"Mixed\".s"))).is_ok());
        assert!(own.check(&wall(false, Some("db.mixed.s"))).is_err());
    }
}
