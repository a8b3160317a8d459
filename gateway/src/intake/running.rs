//! The requests of one session that run.
//!
//! They are known by their numbers: a client may use an id again as soon as it has cancelled it, while the
//! cancelled request is still being stopped. A request leaves when it is answered, or once it is both
//! cancelled and ended:
//!
//! | | its handler runs | its handler has ended |
//! |---|---|---|
//! | wanted | runs | its answer is on its way |
//! | cancelled | is being stopped | leaves |

use std::collections::BTreeMap;

use rmcp::model::RequestId;

use super::RequestKind;

/// A request that runs.
#[derive(Debug)]
pub struct RunningRequest {
    /// The client's id.
    pub id: RequestId,
    /// What it does beyond its answer.
    pub kind: RequestKind,
    /// Whether the client has an earlier gateway's answer to it, or acknowledgement.
    pub is_acknowledged: bool,
    is_cancelled: bool,
    has_ended: bool,
}

impl RunningRequest {
    /// Whether the client still wants its answer.
    pub fn is_wanted(&self) -> bool {
        !self.is_cancelled
    }
}

/// All requests that run, by number.
#[derive(Debug, Default)]
pub(super) struct RunningRequests {
    by_number: BTreeMap<u64, RunningRequest>,
    /// The highest number that was started: requests need not start in the order of their numbers.
    last_started: u64,
}

impl RunningRequests {
    /// Request `number` starts.
    pub(super) fn start(&mut self, number: u64, id: RequestId, kind: RequestKind, is_acknowledged: bool) {
        self.last_started = self.last_started.max(number);
        let request = RunningRequest { id, kind, is_acknowledged, is_cancelled: false, has_ended: false };
        self.by_number.insert(number, request);
    }

    /// Request `number`.
    pub(super) fn get(&self, number: u64) -> Option<&RunningRequest> {
        self.by_number.get(&number)
    }

    /// How many subscriptions are open. They last as long as their session, and nothing waits for them.
    pub(super) fn subscriptions(&self) -> usize {
        let is_open =
            |request: &&RunningRequest| request.kind == RequestKind::Subscribe && !request.is_cancelled;
        self.by_number.values().filter(is_open).count()
    }

    /// The highest number that was started, or 0: none above it was.
    pub(super) fn last_started(&self) -> u64 {
        self.last_started
    }

    /// How many there are, subscriptions left out and cancelled ones that have not ended included.
    pub(super) fn len(&self) -> usize {
        self.by_number.values().filter(|request| request.kind != RequestKind::Subscribe).count()
    }

    /// Whether later requests depend on the result of one of them.
    pub(super) fn has_barrier(&self) -> bool {
        self.by_number.values().any(|request| request.kind.is_barrier())
    }

    /// The number of the request that the client knows as `id` and still wants answered.
    pub(super) fn find(&self, id: &RequestId) -> Option<u64> {
        let mut requests = self.by_number.iter();
        requests.find(|(_, request)| !request.is_cancelled && request.id == *id).map(|(&number, _)| number)
    }

    /// The client wants no answer to `number` any more; returns the request if its handler has ended already.
    pub(super) fn cancel(&mut self, number: u64) -> Option<RunningRequest> {
        let request = self.by_number.get_mut(&number)?;
        request.is_cancelled = true;
        if request.has_ended { self.by_number.remove(&number) } else { None }
    }

    /// The handler of `number` has ended; returns the request if it is cancelled. The answer of one that is
    /// wanted is on its way.
    pub(super) fn end(&mut self, number: u64) -> Option<RunningRequest> {
        let request = self.by_number.get_mut(&number)?;
        request.has_ended = true;
        if request.is_cancelled { self.by_number.remove(&number) } else { None }
    }

    /// Request `number` is answered; returns it if the client still wants that.
    pub(super) fn answer(&mut self, number: u64) -> Option<RunningRequest> {
        self.by_number.remove(&number).filter(|request| !request.is_cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64) -> RequestId {
        RequestId::Number(number)
    }

    #[test]
    fn an_id_is_free_again_once_its_request_is_cancelled() {
        let mut requests = RunningRequests::default();
        requests.start(1, id(7), RequestKind::Call, false);
        assert_eq!(requests.find(&id(7)), Some(1));
        requests.cancel(1);
        assert_eq!((requests.find(&id(7)), requests.len()), (None, 1));
        requests.start(2, id(7), RequestKind::Call, false);
        assert!(requests.answer(1).is_none(), "the late answer is dropped");
        assert_eq!(requests.answer(2).unwrap().id, id(7));
        assert_eq!(requests.len(), 0);
    }

    #[test]
    fn a_cancelled_request_counts_until_its_handler_has_ended() {
        let mut requests = RunningRequests::default();
        requests.start(1, id(7), RequestKind::SetContext, false);
        requests.cancel(1);
        assert!(requests.has_barrier());
        requests.end(1);
        assert_eq!(requests.len(), 0);
    }

    #[test]
    fn the_highest_request_that_was_started_is_known_whatever_the_order() {
        let mut requests = RunningRequests::default();
        for (number, highest) in [(2, 2), (5, 5), (3, 5), (1, 5), (6, 6)] {
            requests.start(number, id(7), RequestKind::Call, false);
            requests.answer(number);
            assert_eq!(requests.last_started(), highest, "after {number}");
        }
    }

    #[test]
    fn nothing_waits_for_a_subscription() {
        let mut requests = RunningRequests::default();
        requests.start(1, id(7), RequestKind::Subscribe, false);
        assert!(requests.len() == 0 && !requests.has_barrier());
        assert_eq!((requests.subscriptions(), requests.find(&id(7))), (1, Some(1)));
    }

    #[test]
    fn a_cancel_that_comes_after_the_end_leaves_nothing() {
        let mut requests = RunningRequests::default();
        requests.start(1, id(7), RequestKind::Call, false);
        requests.end(1);
        assert_eq!(requests.len(), 1, "its answer is still to come");
        requests.cancel(1);
        assert_eq!(requests.len(), 0);
    }
}
