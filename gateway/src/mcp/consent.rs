//! Asking the user whether a statement runs that costs more than its profile allows.
//!
//! In the stateless protocol the answer to the call is a question (`input_required`); the client asks its user and sends the
//! call again, as a new request, with the answer. Nothing of the statement has begun before that.

use std::sync::OnceLock;

use rmcp::RoleServer;
use rmcp::model::{CallToolRequestParams, InputRequest, InputRequests, InputRequiredResult, ProtocolVersion};
use rmcp::service::RequestContext;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::backend::{BackendError, Context, CostBounds, Estimate};
use crate::session::Session;

/// The name of the question in a result, and of its answer.
const QUESTION: &str = "cost";

/// The field of the answer.
const FIELD: &str = "run";

/// What the client says of a question, and the question that its call comes to.
#[derive(Debug, Default)]
pub(super) struct Consent {
    digest: [u8; 32],
    can_ask: bool,
    answer: Answer,
    question: OnceLock<InputRequiredResult>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answer {
    /// None, or to no question that is open.
    #[default]
    None,
    /// It may cost what was shown.
    Yes(Estimate),
    No,
}

impl Consent {
    /// What `request`, which runs in `at`, says.
    pub(super) fn of(
        session: &Session,
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
        at: &Context,
    ) -> Self {
        let is_stateless =
            context.meta.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        let elicitation = context.meta.client_capabilities().and_then(|can| can.elicitation);
        // Without a mode it is that of forms.
        let asks_forms =
            elicitation.is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none());
        let can_ask = session.profile.cost.asks && is_stateless && asks_forms;
        if !can_ask {
            return Self::default();
        }
        let arguments = serde_json::to_string(&request.arguments).unwrap_or_default();
        let digest = Sha256::digest(format!("{}\0{arguments}\0{at:?}", request.name)).into();
        let asked = request.request_state.as_deref().and_then(|token| session.questions.take(token, digest));
        let answer = match asked {
            Some(estimate) if is_yes(request) => Answer::Yes(estimate),
            Some(_) => Answer::No,
            None => Answer::None,
        };
        Self { digest, can_ask, answer, question: OnceLock::new() }
    }

    /// The bounds that hold for the call: the user may have raised them.
    pub(super) fn bounds(&self, bounds: CostBounds) -> CostBounds {
        match self.answer {
            Answer::Yes(estimate) => bounds.raised_to(&estimate),
            Answer::None | Answer::No => bounds,
        }
    }

    /// The call was not run because of `error`: asks, if that is about its cost and the client can; and whether it does.
    pub(super) fn ask(&self, session: &Session, error: &BackendError) -> bool {
        let Some(estimate) = error.estimate.as_deref().filter(|_| self.can_ask && self.answer != Answer::No)
        else {
            return false;
        };
        let message = format!("The statement was {}. Run it anyway?", error.message);
        let request = json!({
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": message,
                "requestedSchema": {
                    "type": "object",
                    "properties": {FIELD: {"type": "boolean", "title": "Run it anyway", "default": false}},
                    "required": [FIELD],
                },
            },
        });
        let Ok(request) = serde_json::from_value::<InputRequest>(request) else { return false };
        let token = session.questions.ask(self.digest, *estimate);
        let requests = InputRequests::from([(QUESTION.to_owned(), request)]);
        self.question.set(InputRequiredResult::new(Some(requests), Some(token))).is_ok()
    }

    /// The question, if the call came to one.
    pub(super) fn question(&self) -> Option<InputRequiredResult> {
        self.question.get().cloned()
    }
}

fn is_yes(request: &CallToolRequestParams) -> bool {
    let answer = request.input_responses.as_ref().and_then(|answers| answers.get(QUESTION));
    answer.is_some_and(|answer| answer["action"] == "accept" && answer["content"][FIELD] == Value::Bool(true))
}
