//! Is an answer one that its request may have? Pure.

use serde_json::Value;

use super::backend::Backend;
use super::era::Era;
use super::ledger::Sent;
use super::step::Step;

/// JSON-RPC's "internal error": what the shim answers in its own name.
const INTERNAL_ERROR: i64 = -32603;

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// The right answer.
    Right,
    /// A write that may have run.
    Unknown,
    /// A write that could not be noted down and so did not run.
    Refused,
    /// A write that found the file locked and did not run.
    Busy,
    /// The shim gave up.
    ShimError,
}

impl Outcome {
    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Right => "answered",
            Self::Unknown => "outcome unknown",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::ShimError => "shim errors",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    /// In which era.
    pub(super) era: Era,
    /// What answers in the end.
    pub(super) backend: Backend,
    /// The client's name.
    pub(super) client: String,
}

impl Judge {
    /// What `answer` means for `sent`.
    ///
    /// # Errors
    /// Why it may not be answered so.
    pub(super) fn judge(&self, sent: &Sent, answer: &Value) -> Result<Outcome, String> {
        if let Some(error) = answer.get("error") {
            return is_shim_error(error).then_some(Outcome::ShimError).ok_or_else(|| "an error".to_owned());
        }
        let result = answer.get("result").ok_or("neither result nor error")?;
        if !self.era.marks(result) {
            return Err("a result of the other era".to_owned());
        }
        if sent.step == Step::Open {
            return right(self.era.is_opened_by(result), "not the client's revision");
        }
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        match result["isError"].as_bool() {
            Some(true) if sent.step.is_write() => excuse(text).ok_or_else(|| "a tool's error".to_owned()),
            Some(false) => self.judge_success(sent, text, &result["structuredContent"]),
            _ => Err("a tool's error".to_owned()),
        }
    }

    fn judge_success(&self, sent: &Sent, text: &str, structured: &Value) -> Result<Outcome, String> {
        let database = self.backend.current(structured["context"]["database"].as_str()).unwrap_or_default();
        match &sent.step {
            Step::SessionInfo if structured["client"] != self.client.as_str() => {
                Err("another client's session".to_owned())
            }
            Step::SessionInfo if structured.get("context_lost").is_some() => {
                Err("the context is lost".to_owned())
            }
            Step::SessionInfo => right(sent.contexts.contains(&database), "not the session's context"),
            Step::SetContext(wanted) => right(database == *wanted, "not the context that was set"),
            Step::Endless => Err("what never ends has ended".to_owned()),
            step => {
                let text = self.backend.without_query_id(text);
                let mut rights = sent.contexts.iter().map(|context| step.text(self.backend, context));
                right(rights.any(|right| right.as_deref() == Some(text)), "not the right result")
            }
        }
    }
}

fn right(is_right: bool, otherwise: &str) -> Result<Outcome, String> {
    if is_right { Ok(Outcome::Right) } else { Err(otherwise.to_owned()) }
}

/// The errors that a write may come to.
fn excuse(text: &str) -> Option<Outcome> {
    if text.starts_with("Not run again: outcome unknown") {
        Some(Outcome::Unknown)
    } else if text.starts_with("Refused: ") && text.contains("journal") {
        Some(Outcome::Refused)
    } else if text.starts_with("Busy: ") || text.contains("database is locked") {
        Some(Outcome::Busy)
    } else {
        None
    }
}

/// Whether this is the shim's word that no gateway has answered the request.
fn is_shim_error(error: &Value) -> bool {
    let message = error["message"].as_str().unwrap_or_default();
    let given_up = "times without answering this request";
    let may_have_run = "this request may have taken effect";
    error["code"] == INTERNAL_ERROR
        && message.starts_with("Snowgate: ")
        && (message.contains(given_up) || message.contains(may_have_run))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::stage::Moment;
    use super::*;

    fn judged_in(era: Era, step: Step, answer: &Value) -> Result<Outcome, String> {
        let sent = Sent { order: 1, step, contexts: vec!["ALPHA"], key: None, when: Moment::default() };
        Judge { era, backend: Backend::Sqlite, client: "c00".into() }.judge(&sent, answer)
    }

    fn judged(step: Step, answer: &Value) -> Result<Outcome, String> {
        judged_in(Era::Handshake, step, answer)
    }

    fn result(is_error: bool, text: &str) -> Value {
        json!({"result": {"isError": is_error, "content": [{"type": "text", "text": text}]}})
    }

    const WRITE: Step = Step::Write { transaction: false };

    #[test]
    fn only_the_right_text_is_right() {
        for (step, text) in [
            (Step::Constant(7), "n\n7\n(1 row)"),
            (Step::WhoAmI, "name\nALPHA\n(1 row)"),
            (Step::Elsewhere("DELTA"), "name\nDELTA\n(1 row)"),
            (WRITE, "1 row changed"),
            (Step::Long { rows: 9 }, "n\n9\n(1 row)"),
        ] {
            assert_eq!(judged(step.clone(), &result(false, text)), Ok(Outcome::Right), "{step:?}");
            judged(step.clone(), &result(true, text)).unwrap_err();
            judged(step.clone(), &result(false, "name\nBRAVO\n(1 row)")).unwrap_err();
            judged_in(Era::Stateless, step, &result(false, text)).unwrap_err();
        }
        judged(Step::Endless, &result(false, "n\n9\n(1 row)")).unwrap_err();
    }

    #[test]
    fn a_context_is_judged_by_its_structure() {
        let info = |database: &str, client: &str| {
            json!({"result": {"isError": false, "content": [],
                   "structuredContent": {"context": {"database": database}, "client": client}}})
        };
        assert_eq!(judged(Step::SessionInfo, &info("ALPHA", "c00")), Ok(Outcome::Right));
        judged(Step::SessionInfo, &info("BRAVO", "c00")).unwrap_err();
        judged(Step::SessionInfo, &info("ALPHA", "c01")).unwrap_err();
        let mut lost = info("ALPHA", "c00");
        lost["result"]["structuredContent"]["context_lost"] = json!("gone");
        judged(Step::SessionInfo, &lost).unwrap_err();
        assert_eq!(judged(Step::SetContext("BRAVO"), &info("BRAVO", "c00")), Ok(Outcome::Right));
        judged(Step::SetContext("BRAVO"), &info("ALPHA", "c00")).unwrap_err();
    }

    #[test]
    fn fakesnow_names_its_queries_and_a_new_session_is_where_the_log_in_goes() {
        let judged = |step: Step, answer: &Value| {
            let sent = Sent { order: 1, step, contexts: vec!["ALPHA"], key: None, when: Moment::default() };
            let client = "c00".to_owned();
            Judge { era: Era::Handshake, backend: Backend::Fakesnow, client }.judge(&sent, answer)
        };
        let right = "NAME\nALPHA\n(1 row) query id 01b";
        assert_eq!(judged(Step::WhoAmI, &result(false, right)), Ok(Outcome::Right));
        judged(Step::WhoAmI, &result(false, "NAME\nBRAVO\n(1 row) query id 01b")).unwrap_err();
        let mut info = result(false, "{}");
        info["result"]["structuredContent"] = json!({"context": {}, "client": "c00"});
        assert_eq!(judged(Step::SessionInfo, &info), Ok(Outcome::Right));
        info["result"]["structuredContent"]["context"]["database"] = json!("BRAVO");
        judged(Step::SessionInfo, &info).unwrap_err();
    }

    #[test]
    fn only_a_write_has_excuses() {
        for (text, outcome) in [
            ("Not run again: outcome unknown: the gateway is gone", Outcome::Unknown),
            ("Refused: the journal cannot be written", Outcome::Refused),
            ("Busy: database is locked (code SQLITE_BUSY (5))", Outcome::Busy),
        ] {
            assert_eq!(judged(WRITE, &result(true, text)), Ok(outcome));
            judged(Step::WhoAmI, &result(true, text)).unwrap_err();
        }
        for text in ["Refused: read-only", "Cancelled: the request was cancelled", "SQL error: no such table"]
        {
            judged(WRITE, &result(true, text)).unwrap_err();
        }
        let lost = "Refused: the context of this session could not be restored";
        judged(WRITE, &result(true, lost)).unwrap_err();
    }

    #[test]
    fn only_the_shim_s_own_errors_are_told_apart() {
        let error = |code: i64, message: &str| json!({"error": {"code": code, "message": message}});
        let given_up = "Snowgate: the gateway disconnected 5 times without answering this request";
        assert_eq!(judged(Step::WhoAmI, &error(-32603, given_up)), Ok(Outcome::ShimError));
        judged(Step::WhoAmI, &error(-32603, "Snowgate: the gateway cannot start")).unwrap_err();
        judged(Step::WhoAmI, &error(-32602, given_up)).unwrap_err();
        judged(Step::WhoAmI, &json!({})).unwrap_err();
    }
}
