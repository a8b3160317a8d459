//! A fake connection: plays one script at a time.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use super::script::{End, OnStop, Script};
use super::signal::Signal;
use super::{Event, FakeBackend, error, key, wait};
use crate::backend::{
    BackendError, BoxFuture, Cancel, Collector, Completion, Connection, Context, ErrorKind, Held, Operation,
    Request,
};

pub(super) struct FakeConnection {
    number: u64,
    backend: FakeBackend,
    signal: Arc<Signal>,
    usable: bool,
    context: Option<Context>,
    held: Held,
}

impl FakeConnection {
    pub(super) fn new(number: u64, backend: FakeBackend) -> Self {
        let signal = Arc::new(Signal::new(number, backend.clone()));
        Self { number, signal, backend, usable: true, context: None, held: Held::default() }
    }

    async fn play(&self, request: &Request, script: Script) -> Result<Completion, BackendError> {
        if script.writes {
            request.journal.begin(None).await?;
        }
        if let Some(query_id) = &script.query_id {
            request.journal.record_query_id(query_id).await;
        }
        let mut work = pin!(async {
            match script.takes {
                Some(time) => wait(time).await,
                None => pending().await,
            }
        });
        let is_detached = tokio::select! {
            biased;
            () = &mut work => return self.finish(request, &script),
            is_detached = self.signal.stopped() => is_detached,
        };
        wait(script.stop_takes).await;
        match &script.on_stop {
            OnStop::Stops if is_detached && script.query_id.is_some() => Err(error(ErrorKind::Detached)),
            OnStop::Stops => Err(error(ErrorKind::Cancelled)),
            OnStop::Completes => self.finish(request, &Script { end: End::Completes, ..script.clone() }),
            OnStop::Fails(error) => Err(error.clone()),
            OnStop::Ignores => {
                work.await;
                self.finish(request, &script)
            }
        }
    }

    fn finish(&self, request: &Request, script: &Script) -> Result<Completion, BackendError> {
        if script.changes_catalog {
            self.backend.change_catalog();
        }
        match &script.end {
            End::Completes => Ok(completion(request, script)),
            End::Fails(error) => Err(error.clone()),
            End::Panics => panic!("scripted"),
        }
    }
}

/// One row: what was run.
fn completion(request: &Request, script: &Script) -> Completion {
    let rows = one_row(request, key(request));
    let context = Some(request.context.clone());
    Completion {
        rows,
        affected: None,
        query_id: script.query_id.clone(),
        context,
        held: Held::default(),
        overflow: None,
    }
}

fn one_row(request: &Request, value: String) -> Collector {
    let mut rows = Collector::new(request.caps);
    rows.set_columns(vec!["ran".to_owned()]);
    rows.push(vec![Some(value)]);
    rows
}

impl Connection for FakeConnection {
    fn run(&mut self, request: Request) -> BoxFuture<'_, Result<Completion, BackendError>> {
        Box::pin(async move {
            self.backend.check(&request.context)?;
            let script = self.backend.begin(self.number, &request);
            // Before the script is played: it may panic.
            self.usable = !script.breaks_connection;
            self.signal.begin();
            let leaves = script.leaves.clone();
            let version = self.backend.lock().version;
            let mut answer = self.backend.report(self.play(&request, script).await);
            if let (Ok(done), Some(version), Operation::Catalog(_)) =
                (&mut answer, version, &request.operation)
            {
                done.rows = one_row(&request, version.to_string());
            }
            self.signal.end();
            self.context = Some(request.context);
            if let (Ok(_), Some(held)) = (&answer, leaves) {
                self.held = held;
            }
            answer
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::clone(&self.signal) as Arc<dyn Cancel>
    }

    fn is_usable(&self) -> bool {
        self.usable
    }

    fn context(&self) -> Option<Context> {
        self.context.clone()
    }

    fn held(&self) -> Held {
        self.held.clone()
    }

    fn reset(&mut self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            self.backend.answer(Event::Reset(self.number)).await?;
            self.held = Held::default();
            Ok(())
        })
    }

    fn check(&mut self) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(self.backend.answer(Event::Checked(self.number)))
    }
}

impl Drop for FakeConnection {
    fn drop(&mut self) {
        self.backend.dropped(self.number);
    }
}
