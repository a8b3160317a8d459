//! What a call leaves behind: rows that are more than it shows, and a statement that takes longer than it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};

use super::call::Call;
use super::table::Source;
use crate::backend::{Backend, Completion, Cut, Operation, RowsRead, SinkUse, Taking};
use crate::results::{Handle, Kept, KeptRows, RowSource};
use crate::rows::{Overflow, SpillSink};

/// Bytes of rows that are looked at for a summary where the warehouse keeps the rows.
const SUMMARY_BYTES_MAX: u64 = 4 << 20;

/// What is kept of one call.
#[derive(Debug, Default)]
pub(super) struct CallKept {
    handle: OnceLock<Option<Handle>>,
    record: Mutex<Kept>,
    /// How much of its rows has been read.
    pub(super) read: Arc<RowsRead>,
}

impl CallKept {
    /// Of a call that goes on what an earlier gateway began under `handle`.
    pub(super) fn of(handle: Handle, record: Kept) -> Self {
        Self { handle: OnceLock::from(Some(handle)), record: Mutex::new(record), read: Arc::default() }
    }

    /// The call's handle; `None`: there are no random numbers for one.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.handle.get_or_init(Handle::random).clone()
    }

    /// Changes the record, and returns it as it is then.
    pub(super) fn change(&self, change: impl FnOnce(&mut Kept)) -> Kept {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut record);
        record.clone()
    }
}

/// What a result says of rows that it does not show.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    /// The name by which `get_result` finds them.
    pub(super) handle: Handle,
    /// What is known of them.
    pub(super) rows: KeptRows,
    /// Whether its client can have all rows of a query in a file.
    pub(super) can_export: bool,
}

impl Rest {
    /// What a program, and the app, is told of them: `shown` rows are shown, behind the first `offset`.
    pub(super) fn meta(&self, offset: u64, shown: u64) -> Value {
        json!({
            "handle": self.handle.as_str(),
            "offset": offset,
            "shown": shown,
            "rows": self.rows.rows,
            "complete": self.rows.is_whole,
        })
    }
}

impl Call {
    /// Who takes the rows of `operation` that its result has no room for. `is_filtered`: rows are left out of the result that its client
    /// must not see.
    pub(super) fn rest_sink(
        &self,
        operation: &Operation,
        backend: &dyn Backend,
        is_filtered: bool,
    ) -> Option<SinkUse> {
        let has_rows = match operation {
            Operation::Statement { .. } => true,
            Operation::Catalog(catalog) => matches!(catalog, crate::backend::Catalog::Rows(_)),
            Operation::UseContext => false,
        };
        let config = &self.shared.config.results;
        if !has_rows || is_filtered || config.result_bytes_max == 0 || !self.may_keep() {
            return None;
        }
        let sink = if backend.keeps_results() {
            SpillSink::of_summary(SUMMARY_BYTES_MAX)
        } else {
            self.shared.results.sink()
        };
        Some(SinkUse {
            sink: Arc::new(sink),
            taking: Taking::IfCut,
            time_max: config.read_max,
            read: Arc::clone(&self.kept.read),
        })
    }

    /// Keeps the rows of `done` that its result does not show, under the call's handle; `None`: there are none, or they cannot be kept.
    pub(super) async fn keep_rest(&self, done: &Completion, source: Source) -> Option<Rest> {
        let rows = &done.rows;
        // A value that is too long for a result is too long for a page, too.
        let is_cut = rows.cut() != Cut::Nothing || rows.columns_cut() > 0;
        if !is_cut || source == Source::Catalog || !self.may_keep() {
            return None;
        }
        let overflow = done.overflow.clone()?;
        let shown = rows.row_count() as u64;
        let (source, total) = match (&overflow.file, &done.query_id) {
            (Some(_), _) => (RowSource::File, Some(overflow.rows)),
            (None, Some(id)) => {
                let context = self.record.seen().context.clone().unwrap_or_default();
                (RowSource::Query { id: id.clone(), context }, known_total(rows.cut(), shown))
            }
            (None, None) => {
                if let Some(problem) = &overflow.problem {
                    tracing::warn!(problem, "cannot keep the rows of a result");
                }
                return None;
            }
        };
        let is_in_warehouse = overflow.file.is_none();
        let rest = KeptRows {
            source,
            columns: overflow.columns.clone(),
            rows: total,
            is_whole: is_in_warehouse || overflow.is_whole,
            problem: self.why_not_all(&overflow),
            shown,
            summary: overflow.summary.clone(),
            summary_rows: overflow.rows,
        };
        let handle = self.kept.handle()?;
        let record = self.kept.change(|record| {
            self.name(record);
            record.rows = Some(rest.clone());
        });
        let saved = self.shared.results.save(&self.session.key.id, &handle, record, Some(overflow)).await;
        saved.inspect_err(|error| tracing::warn!(%error, "cannot keep the rows of a result")).ok()?;
        Some(self.rest(handle, rest))
    }

    /// Why not all rows of a result are kept, where they are kept here.
    fn why_not_all(&self, overflow: &Overflow) -> Option<String> {
        overflow.file.as_ref().filter(|_| !overflow.is_whole)?;
        let late = || {
            let read_max = self.shared.config.results.read_max;
            format!("further ones did not come within {read_max:?} (`results.read_ms_max`)")
        };
        Some(overflow.problem.clone().unwrap_or_else(late))
    }

    /// What a result says of `rows`, which are kept.
    pub(super) fn rest(&self, handle: Handle, rows: KeptRows) -> Rest {
        Rest { handle, rows, can_export: self.profile.offers("export_result") }
    }

    /// Whether its client can come back for what the call leaves behind.
    pub(super) fn may_keep(&self) -> bool {
        self.profile.offers("get_result") && !self.session.front.is_anonymous
    }

    /// Says whose `record` is.
    pub(super) fn name(&self, record: &mut Kept) {
        record.tool = self.record.seen().tool.map(|tool| tool.as_str().to_owned()).unwrap_or_default();
        record.profile.clone_from(&self.profile.name);
        record.policy.clone_from(&self.profile.policy);
    }
}

/// All rows of a result of which `shown` are shown, where that is known.
fn known_total(cut: Cut, shown: u64) -> Option<u64> {
    match cut {
        Cut::Nothing => Some(shown),
        Cut::Rows(more) => Some(shown + more),
        Cut::AtLeast(_) => None,
    }
}
