//! A request and what comes back for it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedReceiver;

use super::http_session::HttpSession;

/// A message for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// The message, without a newline.
    pub(crate) line: Bytes,
    /// Whether it answers the request: nothing follows.
    pub(crate) is_answer: bool,
}

/// A request that was sent, until this is dropped. Dropping it does not stop the request: see [`Exchange::cancel`].
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(super) session: Arc<HttpSession>,
    pub(super) number: u64,
    /// Bounded by the session's credit, which comes back when a message is taken.
    pub(super) messages: UnboundedReceiver<Outgoing>,
    pub(super) has_answer: bool,
}

impl Exchange {
    /// The request's number in its session.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next message that belongs to the request: progress, log messages, those of a subscription, and last its
    /// answer. `None`: there is no answer (the gateway shuts down, the session was closed, the request was cancelled).
    /// Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        let message = self.messages.recv().await?;
        self.session.note_taken(message.line.len());
        self.has_answer |= message.is_answer;
        Some(message)
    }

    /// Whether the request was never started, where [`Exchange::next`] returned `None`: it may be sent again.
    pub(crate) fn was_not_started(&self) -> bool {
        self.session.was_not_started(self.number)
    }

    /// Whether the client wants no answer, where [`Exchange::next`] returned `None`: it has cancelled the request, or ended the
    /// session.
    pub(crate) fn is_given_up(&self) -> bool {
        self.session.is_given_up()
    }

    /// The client wants no answer any more: stops the request.
    pub(crate) fn cancel(self) {
        if !self.has_answer {
            self.session.cancel(self.number);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.messages.close();
        while let Ok(message) = self.messages.try_recv() {
            self.session.note_taken(message.line.len());
        }
    }
}
