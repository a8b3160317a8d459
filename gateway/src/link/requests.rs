//! The requests of one connection that `rmcp` works on.
//!
//! `rmcp` knows them by private ids, the numbers of their lines: a client may use an id again as soon as it has
//! cancelled it, while the cancelled request is still being stopped.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use rmcp::model::RequestId;

use super::channel::Channel;
use super::envelope::Effect;

/// A request under way.
#[derive(Debug)]
pub(super) struct InFlight {
    /// The client's id.
    pub(super) id: RequestId,
    /// What comes of it once it has succeeded.
    pub(super) effect: Option<Effect>,
    /// Whether the client has an earlier gateway's answer to it, or acknowledgement.
    pub(super) pinned: bool,
    /// The client wants no answer any more.
    cancelled: bool,
    /// Its handler has ended.
    over: bool,
}

/// All requests under way, by the numbers of their lines.
#[derive(Debug, Default)]
pub(super) struct Requests {
    by_seq: BTreeMap<u64, InFlight>,
    /// The last line that was started.
    last_started: u64,
}

/// The id that `rmcp` knows line `seq` by.
pub(super) fn private_id(seq: u64) -> RequestId {
    RequestId::Number(i64::try_from(seq).unwrap_or(i64::MAX))
}

/// The line behind a private id.
pub(crate) fn seq_of_private(id: &RequestId) -> Option<u64> {
    match id {
        RequestId::Number(seq) => u64::try_from(*seq).ok(),
        RequestId::String(_) => None,
    }
}

impl Requests {
    /// Line `seq` goes to `rmcp`.
    pub(super) fn start(&mut self, seq: u64, id: RequestId, effect: Option<Effect>, pinned: bool) {
        self.last_started = seq;
        self.by_seq.insert(seq, InFlight { id, effect, pinned, cancelled: false, over: false });
    }

    /// The request of line `seq`.
    pub(super) fn get(&self, seq: u64) -> Option<&InFlight> {
        self.by_seq.get(&seq)
    }

    /// How many subscriptions are open. They last as long as their session, and nothing waits for them.
    pub(super) fn subscriptions(&self) -> usize {
        let is_open = |request: &&InFlight| request.effect == Some(Effect::Listen) && !request.cancelled;
        self.by_seq.values().filter(is_open).count()
    }

    /// The last line that was started, or 0.
    pub(super) fn last_started(&self) -> u64 {
        self.last_started
    }

    /// How many there are, subscriptions left out and cancelled ones that have not ended included.
    pub(super) fn len(&self) -> usize {
        self.by_seq.values().filter(|request| request.effect != Some(Effect::Listen)).count()
    }

    /// Whether there is none but subscriptions.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether one of them changes what later requests depend on.
    pub(super) fn has_effect(&self) -> bool {
        self.by_seq.values().any(|request| !matches!(request.effect, None | Some(Effect::Listen)))
    }

    /// The line of the request that the client knows as `id` and still wants answered.
    pub(super) fn find(&self, id: &RequestId) -> Option<u64> {
        self.by_seq.iter().find(|(_, request)| !request.cancelled && request.id == *id).map(|(&seq, _)| seq)
    }

    /// The client wants no answer to line `seq` any more; gives the request if its handler has ended already.
    pub(super) fn cancel(&mut self, seq: u64) -> Option<InFlight> {
        let request = self.by_seq.get_mut(&seq)?;
        request.cancelled = true;
        if request.over { self.by_seq.remove(&seq) } else { None }
    }

    /// The handler of line `seq` has ended; gives the request if nobody wants its answer. One that is wanted is on its way.
    pub(super) fn end(&mut self, seq: u64) -> Option<InFlight> {
        let request = self.by_seq.get_mut(&seq)?;
        request.over = true;
        if request.cancelled { self.by_seq.remove(&seq) } else { None }
    }

    /// Line `seq` is answered; gives its request if the client still wants that.
    pub(super) fn answer(&mut self, seq: u64) -> Option<InFlight> {
        self.by_seq.remove(&seq).filter(|request| !request.cancelled)
    }
}

/// Rides with a request through `rmcp`, and says when its handler has ended.
#[derive(Clone)]
pub(super) struct Running {
    _end: Arc<EndOnDrop>,
}

struct EndOnDrop {
    channel: Weak<Channel>,
    seq: u64,
}

impl Running {
    pub(super) fn new(channel: &Arc<Channel>, seq: u64) -> Self {
        Self { _end: Arc::new(EndOnDrop { channel: Arc::downgrade(channel), seq }) }
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.upgrade() {
            channel.end(self.seq);
        }
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
        let mut requests = Requests::default();
        requests.start(1, id(7), None, false);
        assert_eq!(requests.find(&id(7)), Some(1));
        requests.cancel(1);
        assert_eq!((requests.find(&id(7)), requests.len()), (None, 1));
        requests.start(2, id(7), None, false);
        assert!(requests.answer(1).is_none(), "nobody wants the late answer");
        assert_eq!(requests.answer(2).unwrap().id, id(7));
        assert!(requests.is_empty());
    }

    #[test]
    fn a_cancelled_request_counts_until_its_handler_has_ended() {
        let mut requests = Requests::default();
        requests.start(1, id(7), Some(Effect::State), false);
        requests.cancel(1);
        assert!(requests.has_effect());
        requests.end(1);
        assert!(requests.is_empty());
    }

    #[test]
    fn nothing_waits_for_a_subscription() {
        let mut requests = Requests::default();
        requests.start(1, id(7), Some(Effect::Listen), false);
        assert!(requests.is_empty() && !requests.has_effect());
        assert_eq!((requests.subscriptions(), requests.find(&id(7))), (1, Some(1)));
    }

    #[test]
    fn a_cancel_that_comes_after_the_end_leaves_nothing() {
        let mut requests = Requests::default();
        requests.start(1, id(7), None, false);
        requests.end(1);
        assert_eq!(requests.len(), 1, "its answer is still to come");
        requests.cancel(1);
        assert!(requests.is_empty());
    }
}
