//! What goes on to `rmcp`: a request under its number in place of the client's id, with its facts.

use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientNotification, GetExtensions, GetMeta,
    InitializedNotification, JsonRpcMessage, RequestId,
};

use super::Incoming;
use super::admission::Arrival;
use crate::mcp::{LineFacts, RequestFacts};
use crate::session::Session;
use crate::telemetry::Correlation;

/// What MCP is to know of the request in `message`, which starts now.
pub fn facts_of<P>(arrival: &Arrival<P>, message: &Incoming, session: &Session) -> RequestFacts {
    let correlation = match message {
        JsonRpcMessage::Request(request) => Correlation::of_meta(request.request.get_meta()),
        _ => Correlation::default(),
    };
    RequestFacts {
        number: arrival.number,
        replayed: arrival.replayed,
        // As of now: a `set_context` that follows closely must not reach back.
        context: session.context(),
        correlation,
        line: LineFacts::default(),
    }
}

/// Makes `message` the request that `rmcp` knows by `facts.number`; `guard` lives for as long as its handler.
pub fn forward<G: Clone + Send + Sync + 'static>(message: &mut Incoming, facts: RequestFacts, guard: G) {
    if let JsonRpcMessage::Request(request) = message {
        request.id = private_id(facts.number);
        let extensions = request.request.extensions_mut();
        extensions.insert(guard);
        extensions.insert(facts);
    }
}

/// The cancel of request `number`, as `rmcp` knows it.
pub fn cancel_of(number: u64) -> Incoming {
    let params = CancelledNotificationParam::new(Some(private_id(number)), None);
    let cancelled = CancelledNotification::new(params);
    JsonRpcMessage::notification(ClientNotification::CancelledNotification(cancelled))
}

/// `notifications/initialized`
pub fn initialized() -> Incoming {
    let initialized = InitializedNotification::default();
    JsonRpcMessage::notification(ClientNotification::InitializedNotification(initialized))
}

/// The number of the request that `rmcp` knows by `id`.
pub fn number_of(id: &RequestId) -> Option<u64> {
    match id {
        RequestId::Number(number) => u64::try_from(*number).ok(),
        RequestId::String(_) => None,
    }
}

fn private_id(number: u64) -> RequestId {
    RequestId::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::{RequestKind, parse_request};
    use crate::session::{Opening, SessionContext, SessionTable};

    #[test]
    fn a_request_goes_on_under_its_number_with_its_facts() {
        let line = br#"{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{"_meta":
            {"traceparent":"00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01","vscode.conversationId":"c-1"}}}"#;
        let (id, kind) = (RequestId::String("a".into()), RequestKind::Plain);
        let mut message = parse_request(line, &id).unwrap();
        let session = Session::new(Opening::of(SessionTable::fresh_key()), SessionContext::default());
        let arrival = Arrival { number: 7, id, kind, replayed: true, is_acknowledged: false, parcel: () };
        let facts = facts_of(&arrival, &message, &session);
        assert!(facts.replayed && facts.correlation.trace.is_some());
        assert_eq!(facts.correlation.conversation.as_deref(), Some("c-1"));
        forward(&mut message, facts, ());
        let JsonRpcMessage::Request(request) = *message else { panic!() };
        assert_eq!(number_of(&request.id), Some(7));
        assert_eq!(request.request.extensions().get::<RequestFacts>().map(|facts| facts.number), Some(7));
    }
}
