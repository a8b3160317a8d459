//! Events for tests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Asker, Correlation, Outcome, RequestEvent};

/// A tool call that ended so.
pub(crate) fn event(outcome: Outcome) -> RequestEvent {
    RequestEvent {
        at: SystemTime::now(),
        total: Duration::from_millis(2),
        asker: Arc::new(Asker { client: Some("test".to_owned()), ..Asker::default() }),
        number: 1,
        replayed: false,
        method: "tools/call".into(),
        tool: Some("execute_query"),
        class: Some("read"),
        outcome,
        error: None,
        rule: None,
        code: None,
        reason: None,
        waited: Some(Duration::ZERO),
        ran: Some(Duration::from_millis(1)),
        rows: None,
        changed: None,
        bytes: None,
        export: None,
        query_id: None,
        estimate: None,
        connection: None,
        context: None,
        statement: None,
        correlation: Correlation::default(),
        journaled: None,
        has_audit_place: false,
    }
}
