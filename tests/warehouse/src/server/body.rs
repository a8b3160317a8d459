//! Bodies of answers: whole, in slow pieces, or cut off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::connection::Reset;

/// A body.
pub(super) struct Pieces {
    left: Bytes,
    pace: Pace,
    pause: Option<Pin<Box<Sleep>>>,
}

/// How a body comes.
pub(super) enum Pace {
    Whole,
    Slow {
        piece: usize,
        pause: Duration,
    },
    /// So many bytes, then a reset.
    Cut {
        after: usize,
    },
    /// The reset that follows. What was written before has been passed on by then.
    Broken,
}

impl Pieces {
    pub(super) fn new(body: Vec<u8>, pace: Pace) -> Self {
        Self { left: body.into(), pace, pause: None }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Reset;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let length = match self.pace {
            Pace::Broken => return Poll::Ready(Some(Err(Reset))),
            Pace::Whole => self.left.len(),
            Pace::Slow { piece, pause } => {
                self.pause = Some(Box::pin(sleep(pause)));
                piece.clamp(1, self.left.len().max(1)).min(self.left.len())
            }
            Pace::Cut { after } => {
                // A pause, however short, is when the server writes what it has.
                self.pause = Some(Box::pin(sleep(Duration::from_millis(1))));
                self.pace = Pace::Broken;
                after.min(self.left.len())
            }
        };
        if length == 0 && !matches!(self.pace, Pace::Broken) {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && matches!(self.pace, Pace::Whole | Pace::Slow { .. })
    }

    /// A cut body states the length that it does not keep.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
