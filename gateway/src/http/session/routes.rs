//! Where what comes back from a session belongs. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;

use super::exchange::Outgoing;
use super::repeats::RunningKey;
use crate::mcp::RepeatKey;

/// Where what comes back belongs, and what a later gateway is to have. Lines leave with their answer or acknowledgement, so there
/// are as many as the session's credit allows, and its subscriptions.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_number: HashMap<u64, Route>,
    /// Lines that a later gateway is to have, by number.
    pinned: BTreeMap<u64, String>,
    /// The last line that a gateway has started that shuts down.
    started_through: Option<u64>,
}

/// Where the answer to one line goes.
#[derive(Debug)]
pub(super) struct Route {
    /// `None`: it gets no answer.
    messages: Option<UnboundedSender<Outgoing>>,
    /// The line, if a later gateway may have to have it.
    line: Option<Bytes>,
    /// Whether the gateway keeps it open after its acknowledgement.
    is_pinned: bool,
    /// What it is found by when it is sent again.
    key: Option<Arc<RepeatKey>>,
    /// Others with its key wait until it has ended.
    _running: Option<RunningKey>,
}

impl Route {
    /// Of a request; `line`: its text, if a later gateway may have to have it.
    pub(super) fn of_request(
        messages: UnboundedSender<Outgoing>,
        line: Option<Bytes>,
        key: Option<Arc<RepeatKey>>,
        running: Option<RunningKey>,
    ) -> Self {
        Self { messages: Some(messages), line, is_pinned: false, key, _running: running }
    }

    /// Of a message that gets no answer.
    pub(super) fn of_notification(line: Option<Bytes>) -> Self {
        Self { messages: None, line, is_pinned: false, key: None, _running: None }
    }

    /// Its key, if the journal has its statement.
    pub(super) fn journaled_key(&self) -> Option<&str> {
        let key = self.key.as_deref()?;
        key.is_journaled.load(Ordering::Acquire).then_some(key.text.as_str())
    }

    /// Who gets its answer.
    pub(super) fn into_messages(self) -> Option<UnboundedSender<Outgoing>> {
        self.messages
    }
}

impl Routes {
    /// No routes; an earlier gateway was to have the lines in `pinned`.
    pub(super) fn with(pinned: BTreeMap<u64, String>) -> Self {
        Self { pinned, ..Self::default() }
    }

    /// Line `number` is sent.
    pub(super) fn insert(&mut self, number: u64, route: Route) {
        self.by_number.insert(number, route);
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// The session has ended: nothing comes back.
    pub(super) fn clear(&mut self) {
        self.by_number.clear();
    }

    /// Who gets a message about line `re`.
    pub(super) fn messages(&self, re: u64) -> Option<UnboundedSender<Outgoing>> {
        self.by_number.get(&re)?.messages.clone()
    }

    /// Whether line `re`, which was acknowledged, goes on all the same: it is a subscription.
    pub(super) fn goes_on(&self, re: u64) -> bool {
        self.by_number.get(&re).is_some_and(|route| route.is_pinned && route.messages.is_some())
    }

    /// Line `re` is at its end: nothing follows.
    pub(super) fn end(&mut self, re: u64) -> Option<Route> {
        self.by_number.remove(&re)
    }

    /// A later gateway is to have line `re`, if it is of those that it needs. Returns what is to be written down.
    pub(super) fn pin(&mut self, re: u64) -> Option<String> {
        let route = self.by_number.get_mut(&re)?;
        route.is_pinned = true;
        let line = String::from_utf8(route.line.as_ref()?.to_vec()).ok()?;
        self.pinned.insert(re, line);
        serde_json::to_string(&self.pinned).ok()
    }

    /// It needs line `re` no longer. Returns what is to be written down.
    pub(super) fn unpin(&mut self, re: u64) -> Option<String> {
        if let Some(route) = self.by_number.get_mut(&re) {
            route.is_pinned = false;
        }
        self.pinned.remove(&re)?;
        serde_json::to_string(&self.pinned).ok()
    }

    /// The lines that a later gateway is to have.
    pub(super) fn pinned(&self) -> &BTreeMap<u64, String> {
        &self.pinned
    }

    /// The gateway shuts down, and started no line after `last`.
    pub(super) fn set_started_through(&mut self, last: u64) {
        self.started_through = Some(last);
    }

    /// Whether line `number` was never started.
    pub(super) fn was_not_started(&self, number: u64) -> bool {
        self.started_through.is_some_and(|started| number > started)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn a_subscription_stays_open_behind_its_acknowledgement_and_ends_with_its_answer() {
        let mut routes = Routes::default();
        let (sender, _messages) = unbounded_channel();
        routes.insert(1, Route::of_request(sender, None, None, None));
        assert_eq!(routes.pin(1), None, "its line is not for a later gateway");
        assert!(routes.goes_on(1) && routes.messages(1).is_some());
        routes.unpin(1);
        assert!(!routes.goes_on(1) && routes.end(1).is_some() && routes.is_empty());
    }

    #[test]
    fn what_a_later_gateway_needs_is_what_was_pinned_last() {
        let mut routes = Routes::default();
        for (number, line) in [(1, "first"), (5, "second")] {
            routes.insert(number, Route::of_notification(Some(Bytes::from(line))));
            assert!(routes.pin(number).is_some_and(|pinned| pinned.contains(line)));
            assert!(!routes.goes_on(number) && routes.end(number).is_some());
        }
        assert_eq!(routes.unpin(1).as_deref(), Some(r#"{"5":"second"}"#));
        assert_eq!(Routes::with(routes.pinned().clone()).pinned().len(), 1);
        assert!(routes.is_empty());
    }

    #[test]
    fn what_a_gateway_did_not_start_before_its_drain_may_be_sent_again() {
        let mut routes = Routes::default();
        assert!(!routes.was_not_started(9));
        routes.set_started_through(8);
        assert!(routes.was_not_started(9) && !routes.was_not_started(8));
    }
}
