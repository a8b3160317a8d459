//! A call before its limits: let in, or told which one is reached; what it has used, and what is nearly used up.

use rmcp::model::{CallToolResult, ContentBlock};

use super::call::Call;
use crate::backend::{BackendError, ErrorKind};
use crate::limits::{CallKind, NearlyUsed, Refusal, Used};
use crate::multiplexer::RunTimes;

impl Call {
    /// Lets the call in, or says which limit is reached. What an earlier gateway may have acted on was let in by that
    /// one: it is not counted a second time, and its client, who was within the limits, is not refused.
    pub(super) fn admit_call(&self, is_query: bool) -> Result<(), BackendError> {
        self.admit_as(if is_query { CallKind::Query } else { CallKind::Other })
    }

    /// As [`Call::admit_call`], of a call of that kind.
    pub(super) fn admit_as(&self, kind: CallKind) -> Result<(), BackendError> {
        let kind = if self.facts.replayed { CallKind::Replayed } else { kind };
        if let Err(full) = self.shared.sessions.take_seat(&self.session)
            && kind != CallKind::Replayed
        {
            self.session.note_limited();
            tracing::warn!(setting = full.setting, "a call was refused: its client has too many sessions");
            let error = BackendError::new(ErrorKind::LimitReached, format!("not run: {full}"));
            return Err(error.with_next_step(full.next_step()));
        }
        let limits = &self.profile.limits;
        let of_key = self.session.api_key.as_deref().and_then(|key| self.shared.key_party(key));
        match self.shared.limits.admit(|| self.session.principal().into(), limits, of_key, kind) {
            Ok(admission) => {
                if let Some(admission) = admission {
                    // A call is let in once.
                    let _ = self.admission.set(admission);
                }
                Ok(())
            }
            Err(refusal) => Err(self.limit_reached(&refusal)),
        }
    }

    fn limit_reached(&self, refusal: &Refusal) -> BackendError {
        self.session.note_limited();
        tracing::warn!(
            setting = refusal.setting(),
            retry_s = refusal.retry_after().as_secs(),
            "a call was refused by a limit"
        );
        let file = self.shared.paths.config_file.display().to_string();
        BackendError::new(ErrorKind::LimitReached, refusal.message())
            .with_next_step(refusal.next_step(&file))
            .with_retry_after(refusal.retry_after())
    }

    /// Counts how long a statement of the call ran, and the rows of its result.
    pub(super) fn charge_run(&self, times: &RunTimes, rows: u64) {
        if let Some(admission) = self.admission.get() {
            admission.charge(Used { rows, bytes: 0, backend: times.ran.unwrap_or_default() });
        }
    }

    /// Counts rows that did not come from a run.
    pub(super) fn charge_rows(&self, rows: u64) {
        if let Some(admission) = self.admission.get() {
            admission.charge(Used { rows, ..Used::default() });
        }
    }

    /// Tells the client of limits that are nearly used up, by log messages where it takes those; returns what its result is
    /// to say.
    pub(super) async fn tell_limits(&self, messages: Vec<String>) -> Vec<String> {
        let Some(log) = &self.log else { return messages };
        let mut untold = Vec::new();
        for message in messages {
            if !log.warn(&message).await {
                untold.push(message);
            }
        }
        untold
    }

    /// Counts the text of the call's result; returns what its client is to be told of its limits.
    pub(super) fn charge_result(&self, result: &CallToolResult) -> Vec<String> {
        let Some(admission) = self.admission.get() else { return Vec::new() };
        let texts = result.content.iter().filter_map(ContentBlock::as_text);
        let bytes = texts.map(|text| text.text.len() as u64).sum();
        admission.charge(Used { bytes, ..Used::default() });
        let nearly_used = admission.take_nearly_used();
        for limit in &nearly_used {
            tracing::info!(setting = limit.setting(), "a limit is nearly reached");
        }
        nearly_used.iter().map(NearlyUsed::message).collect()
    }
}
