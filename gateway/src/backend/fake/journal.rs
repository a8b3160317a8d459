//! A journal of writes in memory.

use std::future::ready;
use std::sync::{Mutex, PoisonError};

use crate::backend::{BackendError, BoxFuture, WriteJournal};

/// Records what it is asked, and refuses it if told to.
#[derive(Debug, Default)]
pub(crate) struct FakeJournal {
    refusal: Option<BackendError>,
    entries: Mutex<Vec<String>>,
}

impl FakeJournal {
    /// A journal that lets nothing run.
    pub(crate) fn refusing(refusal: BackendError) -> Self {
        Self { refusal: Some(refusal), entries: Mutex::default() }
    }

    /// What it was asked, in order: `begin`, and `query` with the query's id.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, entry: String) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

impl WriteJournal for FakeJournal {
    fn begin<'a>(&'a self, query_id: Option<&'a str>) -> BoxFuture<'a, Result<(), BackendError>> {
        self.record(query_id.map_or_else(|| "begin".to_owned(), |query_id| format!("begin {query_id}")));
        Box::pin(ready(self.refusal.clone().map_or(Ok(()), Err)))
    }

    fn record_query_id<'a>(&'a self, query_id: &'a str) -> BoxFuture<'a, ()> {
        self.record(format!("query {query_id}"));
        Box::pin(ready(()))
    }
}
