//! One page of kept rows: some of them, in order, of some columns.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::backend::{Caps, Collector, Flow, shorten};
use crate::rows::{CellKind, Column, RowBlock, RowSink, SpillFile, Want};

/// Takes rows until its page is full.
#[derive(Debug)]
pub(super) struct PageSink {
    caps: Caps,
    /// The columns that are wanted, by their places; `None`: all.
    columns: Option<Vec<usize>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rows: Collector,
    /// Rows that come before the page.
    skipped: u64,
    is_full: bool,
}

impl PageSink {
    pub(super) fn new(caps: Caps, columns: Option<Vec<usize>>) -> Self {
        let state = State { rows: Collector::new(caps), skipped: 0, is_full: false };
        Self { caps, columns, state: Mutex::new(state) }
    }

    /// The rows of the page.
    pub(super) fn take_rows(&self) -> Collector {
        std::mem::replace(&mut self.state().rows, Collector::new(self.caps))
    }

    /// The page of the rows in the file `path` with `columns` that begins with row `offset`, counted from 0.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn fill(&self, path: &Path, columns: &[Column], offset: u64) -> io::Result<()> {
        let mut file = SpillFile::open(path, columns.len())?;
        self.begin(columns)?;
        self.state().skipped = file.seek(offset)?;
        while let Some(block) = file.next_block()? {
            if self.write(block)? == Want::Nothing {
                break;
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RowSink for PageSink {
    fn begin(&self, columns: &[Column]) -> io::Result<()> {
        let mut state = self.state();
        *state = State { rows: Collector::new(self.caps), skipped: 0, is_full: false };
        let name = |at: &usize| columns.get(*at).map(|column| column.name.clone());
        let names = match &self.columns {
            Some(wanted) => wanted.iter().filter_map(name).collect(),
            None => columns.iter().map(|column| column.name.clone()).collect(),
        };
        state.rows.set_columns(names);
        Ok(())
    }

    fn write(&self, block: &RowBlock) -> io::Result<Want> {
        let mut state = self.state();
        for row in block.rows() {
            if state.is_full {
                break;
            }
            if state.skipped > 0 {
                state.skipped -= 1;
                continue;
            }
            let cells: Vec<(CellKind, &str)> = row.collect();
            let wanted: Vec<(CellKind, &str)> = match &self.columns {
                Some(columns) => columns.iter().filter_map(|at| cells.get(*at).copied()).collect(),
                None => cells,
            };
            state.is_full = push(&mut state.rows, wanted) != Flow::More;
        }
        Ok(if state.is_full { Want::Nothing } else { Want::More })
    }

    fn finish(&self, _: bool) -> io::Result<()> {
        Ok(())
    }
}

fn push(rows: &mut Collector, mut cells: Vec<(CellKind, &str)>) -> Flow {
    cells.truncate(rows.columns_kept());
    let texts = cells.iter().map(|(kind, text)| (*kind != CellKind::Null).then(|| (*text).to_owned()));
    let (texts, shortened) = shorten(texts.collect(), rows.room());
    let mut writer = rows.begin_row();
    for ((kind, _), text) in cells.iter().zip(&texts) {
        match text {
            Some(text) => _ = writer.text_of(*kind, text),
            None => writer.null(),
        }
    }
    writer.end(shortened)
}
