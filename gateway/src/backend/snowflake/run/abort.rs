//! Aborting a statement on the server.

use std::time::Duration;

use snowflake_wire::{Error, Operation, RequestId};
use tokio::time::timeout;
use tracing::Instrument;

use super::Run;
use crate::backend::snowflake::outages::Outages;
use crate::backend::snowflake::session::SessionHandle;

/// An abort that takes longer than this counts as an outage.
const ABORT_ANSWER_MAX: Duration = Duration::from_secs(3);

impl Run<'_> {
    /// Starts an abort, which continues even if the request ends first.
    pub(super) fn abort(&self, abort: impl Future<Output = Result<(), Error>> + Send + 'static) {
        let outages = self.outages.clone();
        let aborting = async move {
            if let Err(error) = drive(abort, &outages).await {
                tracing::warn!(%error, "the statement could not be aborted");
            }
        };
        self.session.aborts.spawn(aborting.in_current_span());
    }
}

/// The server answers an abort at once, or it does not respond at all.
async fn drive(abort: impl Future<Output = Result<(), Error>>, outages: &Outages) -> Result<(), Error> {
    let mut abort = std::pin::pin!(abort);
    match timeout(ABORT_ANSWER_MAX, &mut abort).await {
        Ok(done) => done,
        Err(_) => {
            let (operation, after) = (Operation::Abort, ABORT_ANSWER_MAX);
            outages.record(&Err::<(), _>(Error::TimedOut { operation, after }));
            abort.await
        }
    }
}

/// Aborts a submission if it is dropped before the server has answered: the result would reach no one.
pub(super) struct AbortOnDrop<'a> {
    session: &'a SessionHandle,
    request: Option<RequestId>,
}

impl<'a> AbortOnDrop<'a> {
    pub(super) fn new(session: &'a SessionHandle, request: RequestId) -> Self {
        Self { session, request: Some(request) }
    }

    /// The server knows nothing of the request, has finished it, or its query id is known.
    pub(super) fn disarm(&mut self) {
        self.request = None;
    }
}

impl Drop for AbortOnDrop<'_> {
    fn drop(&mut self) {
        let Some(request) = self.request else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let wire = self.session.wire.clone();
        let abort = async move {
            let _ = wire.abort(request).await;
        };
        self.session.aborts.spawn_on(abort.in_current_span(), &runtime);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::backend::snowflake::outages::tests::Heard;

    #[tokio::test(start_paused = true)]
    async fn an_abort_without_an_answer_counts_as_an_outage_and_goes_on() {
        let (outages, heard) = (Outages::default(), Arc::new(Heard::default()));
        outages.report_to(heard.clone());
        let slow = async {
            tokio::time::sleep(ABORT_ANSWER_MAX * 2).await;
            Ok(())
        };
        drive(slow, &outages).await.unwrap();
        assert_eq!(heard.0.lock().unwrap().len(), 1);
    }
}
