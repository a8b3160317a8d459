//! How the channel learns that a request's handler has ended.

use std::sync::{Arc, Weak};

use super::channel::Channel;
use super::stream::LinkStream;
use crate::shared::HoldPermit;

/// Rides with a request through `rmcp`, and tells the channel when its handler has ended.
pub(super) struct HandlerGuard<S: LinkStream>(Arc<EndOnDrop<S>>);

impl<S: LinkStream> HandlerGuard<S> {
    pub(super) fn new(channel: &Arc<Channel<S>>, number: u64, held: Option<HoldPermit>) -> Self {
        Self(Arc::new(EndOnDrop { channel: Arc::downgrade(channel), number, _held: held }))
    }
}

impl<S: LinkStream> Clone for HandlerGuard<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct EndOnDrop<S: LinkStream> {
    channel: Weak<Channel<S>>,
    number: u64,
    /// The memory of its line, until it has ended.
    _held: Option<HoldPermit>,
}

impl<S: LinkStream> Drop for EndOnDrop<S> {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.upgrade() {
            channel.end(self.number);
        }
    }
}
