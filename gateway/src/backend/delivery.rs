//! Rows on their way from a connection: into the capped result, and where a request has a sink for them, all of them into that.
//!
//! | sink | begins | with |
//! |---|---|---|
//! | `Taking::All` | with the result | every row |
//! | `Taking::IfCut` | with the first row that is not shown whole | that row, behind those that were shown |

use std::sync::Arc;
use std::time::Duration;

use super::{BackendError, Collector, Cut, ErrorKind, RowsRead};
use crate::rows::{CellKind, Column, ColumnType, Overflow, RowBlock, RowSink, Want};

/// Rows are handed on once they take as many bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// Which rows a sink takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// All.
    All,
    /// All of a result that is cut; none of one that is shown whole.
    IfCut,
}

/// Where rows go beside the result.
#[derive(Clone, Debug)]
pub struct SinkUse {
    /// Who takes them.
    pub sink: Arc<dyn RowSink>,
    /// Which.
    pub taking: Taking,
    /// How long rows are read for its sake alone, with [`Taking::IfCut`].
    pub time_max: Duration,
    /// Counts what it is given.
    pub read: Arc<RowsRead>,
}

/// A result that is being filled.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) rows: Collector,
    sink: Option<SinkUse>,
    columns: Vec<Column>,
    state: State,
    block: RowBlock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was given to the sink yet.
    Waiting,
    /// It takes rows.
    Taking,
    /// It wants no more.
    Enough,
}

impl Delivery {
    pub(super) fn new(rows: Collector, sink: Option<SinkUse>) -> Self {
        Self { rows, sink, columns: Vec::new(), state: State::Waiting, block: RowBlock::default() }
    }

    /// Names the columns; see [`Collector::set_columns`].
    pub(super) fn set_columns(
        &mut self,
        names: Vec<String>,
        types: Vec<Option<ColumnType>>,
    ) -> Result<(), BackendError> {
        if let Some(sink) = &self.sink {
            let type_of = |at: usize| types.get(at).cloned().flatten().map(|of: ColumnType| of.name);
            let column = |(at, name): (usize, &String)| Column { name: name.clone(), type_name: type_of(at) };
            self.columns = names.iter().enumerate().map(column).collect();
            if sink.taking == Taking::All {
                self.begin(0)?;
            }
        }
        self.rows.set_columns(names);
        if !types.is_empty() {
            self.rows.set_types(types);
        }
        Ok(())
    }

    /// Whether the row that was just added to `rows` is to be given here too, whole; `is_whole`: it is shown as it is.
    pub(super) fn wants_row(&mut self, is_whole: bool) -> Result<bool, BackendError> {
        if self.sink.is_none() {
            return Ok(false);
        }
        if self.state == State::Waiting {
            let is_kept = self.rows.cut() == Cut::Nothing;
            if is_kept && is_whole && self.rows.columns_cut() == 0 {
                return Ok(false);
            }
            // Those before it were shown whole.
            self.begin(self.rows.row_count() - usize::from(is_kept))?;
        }
        Ok(self.state == State::Taking)
    }

    /// The row that [`Delivery::wants_row`] asked for: its cells go in here.
    pub(super) fn row(&mut self) -> &mut RowBlock {
        &mut self.block
    }

    /// The row is complete. Returns whether [`Delivery::hand_on`] is to be called.
    pub(super) fn end_row(&mut self) -> bool {
        self.block.end_row();
        self.block.memory_bytes() >= BLOCK_BYTES
    }

    /// Whether rows past the caps are read for the sink's sake; `None`: not, else how long at most.
    pub(super) fn reads_on(&self) -> Option<Option<Duration>> {
        let sink = self.sink.as_ref().filter(|_| self.state != State::Enough)?;
        Some((sink.taking == Taking::IfCut).then_some(sink.time_max))
    }

    /// What the sink keeps for who has the result.
    pub(super) fn overflow(&self) -> Option<Arc<Overflow>> {
        self.sink.as_ref()?.sink.overflow()
    }

    /// Whether the sink has been given anything.
    pub(super) fn has_begun(&self) -> bool {
        self.state != State::Waiting
    }

    /// Whether the sink wants no more.
    pub(super) fn has_enough(&self) -> bool {
        self.sink.is_some() && self.state == State::Enough
    }

    fn begin(&mut self, kept: usize) -> Result<(), BackendError> {
        let Some(sink) = &self.sink else { return Ok(()) };
        sink.sink.begin(&self.columns).map_err(|error| failed(&error))?;
        self.state = State::Taking;
        for row in self.rows.block().rows().take(kept) {
            for (kind, text) in row {
                if kind == CellKind::Null { self.block.null() } else { self.block.cell(kind, text) }
            }
            self.block.end_row();
        }
        Ok(())
    }

    /// Hands rows on; may wait for a disk.
    pub(super) fn hand_on(&mut self) -> Result<(), BackendError> {
        let Some(sink) = self.sink.as_ref().filter(|_| self.state == State::Taking) else { return Ok(()) };
        if sink.sink.write(&self.block).map_err(|error| failed(&error))? == Want::Nothing {
            self.state = State::Enough;
        }
        sink.read.add(self.block.row_count() as u64, self.block.text_bytes() as u64);
        self.block.clear(BLOCK_BYTES);
        Ok(())
    }

    /// No further rows come; `is_whole`: these were all. May wait for a disk.
    pub(super) fn finish(&mut self, is_whole: bool) -> Result<(), BackendError> {
        if self.state == State::Waiting {
            // The rest is not here, and is known to be elsewhere.
            let is_elsewhere =
                self.sink.as_ref().is_some_and(|sink| sink.taking == Taking::IfCut) && self.is_cut();
            if !is_elsewhere {
                return Ok(());
            }
            self.begin(self.rows.row_count())?;
        }
        if self.block.row_count() > 0 {
            self.hand_on()?;
        }
        let is_whole = is_whole && self.state == State::Taking;
        let Some(sink) = &self.sink else { return Ok(()) };
        let is_needed = sink.taking == Taking::All || self.is_cut();
        if is_needed { sink.sink.finish(is_whole).map_err(|error| failed(&error)) } else { Ok(()) }
    }

    /// Whether the result shows less than there is.
    pub(super) fn is_cut(&self) -> bool {
        self.rows.cut() != Cut::Nothing || self.rows.columns_cut() > 0 || self.rows.shortened() > 0
    }
}

fn failed(error: &std::io::Error) -> BackendError {
    BackendError::new(ErrorKind::Refused, format!("the rows cannot be written: {error}")).with_next_step(
        "free space there or name another file; nothing was changed, and no half file is left",
    )
}
