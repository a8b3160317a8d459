//! Rows in a file: written once, from the first row to the last, and read by page.
//!
//! The file is a sequence of blocks, each of whole rows:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | rows of the block, little-endian, as all numbers |
//! | 4 | cells |
//! | 4 | bytes of text |
//! | 4 for each cell | where its text ends, and its kind in the highest three bits |
//! | bytes of text | the texts, one behind the other |
//!
//! What is known of the whole (columns, rows, bytes) is beside it and written later: so a file of that is there is complete.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::block::{CellEnd, RowBlock};
use super::sink::{Column, RowSink, Want};
use super::summary::{ColumnSummary, Summary};
use crate::os;

/// A block is written once it has as many bytes.
const BLOCK_BYTES: usize = 256 << 10;
/// A block that claims more is not read: nothing of ours writes one.
const BLOCK_BYTES_MAX: usize = 1 << 30;
const HEADER_BYTES: usize = 12;
/// The disk is looked at every so many bytes.
const LOOK_BYTES: u64 = 8 << 20;

/// How much files of rows may take.
#[derive(Clone, Debug)]
pub struct SpillBounds {
    /// Bytes of one file.
    pub bytes_max: u64,
    /// Bytes of all files together.
    pub total_bytes_max: u64,
    /// Bytes that stay free on their disk, on which the gateway's own files are, too.
    pub free_bytes_min: u64,
    /// Bytes of all files now: written by all sinks, and by what removes files.
    pub total: Arc<AtomicU64>,
}

impl SpillBounds {
    /// Takes `bytes` of the whole; `false`: there is no room for them.
    fn take(&self, bytes: u64) -> bool {
        let take = |total: u64| total.checked_add(bytes).filter(|total| *total <= self.total_bytes_max);
        self.total.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    /// `bytes` are free again.
    pub fn give_back(&self, bytes: u64) {
        let give = |total: u64| Some(total.saturating_sub(bytes));
        // The closure never refuses.
        let _ = self.total.fetch_update(Ordering::AcqRel, Ordering::Acquire, give);
    }
}

/// What is known of the rows of a result that was cut, with a file of them or without.
#[derive(Debug)]
pub struct Overflow {
    /// The rows, where they are kept here.
    pub file: Option<RowFile>,
    /// Rows that were seen, and are in the file.
    pub rows: u64,
    /// Whether these are all rows of the result.
    pub is_whole: bool,
    /// Why not, where that is a bound or a disk.
    pub problem: Option<String>,
    /// The columns.
    pub columns: Vec<Column>,
    /// What each holds, in the rows that were seen.
    pub summary: Vec<ColumnSummary>,
}

/// A file of rows, which goes with this.
#[derive(Debug)]
pub struct RowFile {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    bounds: SpillBounds,
}

impl Drop for RowFile {
    fn drop(&mut self) {
        // It may have been removed with its folder.
        let _ = fs::remove_file(&self.path);
        self.bounds.give_back(self.bytes);
    }
}

/// Keeps rows in a file, or only looks at them. What cannot be kept, as the disk is full or a bound reached, harms no statement: the rest
/// is left out.
#[derive(Debug)]
pub struct SpillSink {
    path: Option<PathBuf>,
    bounds: SpillBounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    columns: Vec<Column>,
    summary: Summary,
    file: Option<File>,
    bytes: u64,
    rows: u64,
    waiting: RowBlock,
    /// Why no further rows are kept.
    problem: Option<String>,
    done: Option<Arc<Overflow>>,
}

impl SpillSink {
    /// One that makes the file `path` once there are rows for it.
    pub fn new(path: PathBuf, bounds: SpillBounds) -> Self {
        Self { path: Some(path), bounds, state: Mutex::default() }
    }

    /// One that keeps no rows: only what they are as a whole, of the first `bytes_max` bytes.
    pub fn of_summary(bytes_max: u64) -> Self {
        let bounds =
            SpillBounds { bytes_max, total_bytes_max: u64::MAX, free_bytes_min: 0, total: Arc::default() };
        Self { path: None, bounds, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what a statement that failed has left.
    fn discard(&self, state: &mut State) {
        if let (Some(path), Some(_)) = (&self.path, state.file.take()) {
            let _ = fs::remove_file(path);
            self.bounds.give_back(state.bytes);
        }
    }

    /// Writes what waits; `false`: it is left out, and nothing follows.
    fn flush(&self, state: &mut State) -> bool {
        if state.problem.is_some() {
            return false;
        }
        let block = std::mem::take(&mut state.waiting);
        let bytes = (HEADER_BYTES + block.memory_bytes()) as u64;
        state.problem = self.keep(state, &block, bytes).err();
        state.waiting = block;
        state.waiting.clear(BLOCK_BYTES);
        state.problem.is_none()
    }

    /// Whether the disk has room, looked at once in [`LOOK_BYTES`] of a file of `bytes` bytes.
    fn check_disk(&self, path: &Path, bytes: u64) -> io::Result<()> {
        if bytes % LOOK_BYTES >= BLOCK_BYTES as u64 {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(path);
        os::make_private_folders(folder)?;
        if os::disk_of(folder)?.free_bytes >= self.bounds.free_bytes_min.saturating_add(LOOK_BYTES) {
            Ok(())
        } else {
            Err(os::full_disk(self.bounds.free_bytes_min))
        }
    }

    fn keep(&self, state: &mut State, block: &RowBlock, bytes: u64) -> Result<(), String> {
        if state.bytes + bytes > self.bounds.bytes_max {
            return Err(format!(
                "it would take more than {} bytes (`results.result_bytes_max`)",
                self.bounds.bytes_max
            ));
        }
        let Some(path) = &self.path else {
            state.bytes += bytes;
            state.rows += block.row_count() as u64;
            state.summary.add(block);
            return Ok(());
        };
        if !self.bounds.take(bytes) {
            return Err(format!(
                "all results that are kept take {} bytes (`results.total_bytes_max`)",
                self.bounds.total_bytes_max
            ));
        }
        let appended = self.check_disk(path, state.bytes).and_then(|()| append(path, &mut state.file, block));
        match appended {
            Ok(written) => {
                self.bounds.give_back(bytes.saturating_sub(written));
                state.bytes += written;
                state.rows += block.row_count() as u64;
                state.summary.add(block);
                Ok(())
            }
            Err(error) => {
                self.bounds.give_back(bytes);
                // A torn block at the end is cut off, so what is before it can be read.
                if let Some(file) = &state.file {
                    let _ = os::set_length(file, state.bytes);
                }
                Err(format!("it cannot be written: {error}"))
            }
        }
    }
}

fn append(path: &Path, file: &mut Option<File>, block: &RowBlock) -> io::Result<u64> {
    let file = match file {
        Some(file) => file,
        None => file.insert(os::create_private(path)?),
    };
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + block.ends.len() * 4 + block.text.len());
    bytes.extend(number(block.rows.len()));
    bytes.extend(number(block.ends.len()));
    bytes.extend(number(block.text.len()));
    bytes.extend(block.ends.iter().flat_map(|end| end.to_bits().to_le_bytes()));
    bytes.extend_from_slice(block.text.as_bytes());
    file.write_all(&bytes)?;
    Ok(bytes.len() as u64)
}

impl RowSink for SpillSink {
    fn begin(&self, columns: &[Column]) -> io::Result<()> {
        let mut state = self.lock();
        self.discard(&mut state);
        *state =
            State { columns: columns.to_vec(), summary: Summary::new(columns.len()), ..State::default() };
        Ok(())
    }

    fn write(&self, rows: &RowBlock) -> io::Result<Want> {
        let mut state = self.lock();
        state.waiting.append(rows);
        let is_full = state.waiting.memory_bytes() >= BLOCK_BYTES;
        let goes_on = if is_full { self.flush(&mut state) } else { state.problem.is_none() };
        Ok(if goes_on { Want::More } else { Want::Nothing })
    }

    fn finish(&self, is_whole: bool) -> io::Result<()> {
        let mut state = self.lock();
        if state.waiting.row_count() > 0 {
            self.flush(&mut state);
        }
        let file = state.file.take().zip(self.path.clone()).map(|(_, path)| RowFile {
            path,
            bytes: state.bytes,
            bounds: self.bounds.clone(),
        });
        let overflow = Overflow {
            file,
            rows: state.rows,
            is_whole: is_whole && state.problem.is_none(),
            problem: state.problem.clone(),
            columns: std::mem::take(&mut state.columns),
            summary: state.summary.columns(),
        };
        state.bytes = 0;
        state.done = Some(Arc::new(overflow));
        Ok(())
    }

    fn overflow(&self) -> Option<Arc<Overflow>> {
        self.lock().done.clone()
    }
}

impl Drop for SpillSink {
    fn drop(&mut self) {
        let mut state = std::mem::take(self.state.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.discard(&mut state);
    }
}

/// A file of rows, read from any row on.
#[derive(Debug)]
pub struct SpillFile {
    file: File,
    columns: usize,
    block: RowBlock,
}

impl SpillFile {
    /// Opens `path`, whose rows have `columns` cells.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn open(path: &Path, columns: usize) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, columns, block: RowBlock::default() })
    }

    /// Goes to row `row`, counted from 0: the next block begins with the block that has it. Returns how many rows of that are before it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn seek(&mut self, mut row: u64) -> io::Result<u64> {
        self.file.seek(SeekFrom::Start(0))?;
        loop {
            let Some([rows, cells, text]) = self.header()? else { return Ok(row) };
            if row < rows as u64 {
                self.file.seek(SeekFrom::Current(-(HEADER_BYTES as i64)))?;
                return Ok(row);
            }
            row -= rows as u64;
            self.file.seek(SeekFrom::Current((cells * size_of::<u32>() + text) as i64))?;
        }
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn next_block(&mut self) -> io::Result<Option<&RowBlock>> {
        let Some([rows, cells, text]) = self.header()? else { return Ok(None) };
        if cells != rows * self.columns || cells * 4 + text > BLOCK_BYTES_MAX {
            return Err(damaged("a block's numbers do not fit together"));
        }
        let mut bytes = vec![0; cells * size_of::<u32>() + text];
        self.file.read_exact(&mut bytes)?;
        let texts = bytes.split_off(cells * size_of::<u32>());
        let ends = bytes
            .chunks_exact(4)
            .map(|end| CellEnd::of_bits(u32::from_le_bytes([end[0], end[1], end[2], end[3]])));
        self.block.ends = ends.collect();
        self.block.text = String::from_utf8(texts).map_err(|_| damaged("a block's text is not UTF-8"))?;
        if !self.has_sound_ends() {
            return Err(damaged("a cell's end is not in its block"));
        }
        self.block.rows =
            (1..=rows).map(|row| u32::try_from(row * self.columns).unwrap_or(u32::MAX)).collect();
        Ok(Some(&self.block))
    }

    fn has_sound_ends(&self) -> bool {
        let text = &self.block.text;
        let ends = self.block.ends.iter().map(|end| end.at());
        ends.clone().is_sorted()
            && ends.clone().all(|end| text.is_char_boundary(end))
            && self.block.ends.last().is_none_or(|end| end.at() <= text.len())
    }

    fn header(&mut self) -> io::Result<Option<[usize; 3]>> {
        let mut header = [0; HEADER_BYTES];
        match self.file.read(&mut header)? {
            0 => return Ok(None),
            HEADER_BYTES => {}
            some => self.file.read_exact(&mut header[some..])?,
        }
        let number = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
        };
        Ok(Some([number(0), number(4), number(8)]))
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the file of rows is damaged: {what}"))
}

/// A row of a block, for tests.
#[cfg(test)]
pub(crate) fn texts(block: &RowBlock) -> Vec<Vec<Option<String>>> {
    use super::block::CellKind;
    let cell = |(kind, text): (CellKind, &str)| (kind != CellKind::Null).then(|| text.to_owned());
    block.rows().map(|row| row.map(cell).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::block::CellKind;
    use super::*;

    fn bounds(bytes_max: u64, total_bytes_max: u64) -> SpillBounds {
        SpillBounds { bytes_max, total_bytes_max, free_bytes_min: 0, total: Arc::default() }
    }

    fn columns() -> Vec<Column> {
        ["a", "b"].map(|name| Column { name: name.to_owned(), type_name: None }).to_vec()
    }

    fn block(rows: std::ops::Range<u64>) -> RowBlock {
        let mut block = RowBlock::default();
        for row in rows {
            block.format(CellKind::Number, format_args!("{row}"));
            if row % 3 == 0 {
                block.null();
            } else {
                block.cell(CellKind::Text, &"é".repeat(usize::try_from(row % 50).unwrap()));
            }
            block.end_row();
        }
        block
    }

    #[test]
    fn every_row_is_read_once_and_in_order_from_any_place() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = bounds(u64::MAX, u64::MAX);
        let sink = SpillSink::new(folder.path().join("rows"), bounds.clone());
        sink.begin(&columns()).unwrap();
        for at in 0..100 {
            assert_eq!(sink.write(&block(at * 1000..(at + 1) * 1000)).unwrap(), Want::More);
        }
        sink.finish(true).unwrap();
        let spilled = sink.overflow().unwrap();
        assert_eq!(
            (spilled.rows, spilled.is_whole, spilled.summary[0].distinct > 80_000),
            (100_000, true, true)
        );
        assert_eq!(
            bounds.total.load(Ordering::Acquire),
            fs::metadata(&spilled.file.as_ref().unwrap().path).unwrap().len()
        );
        let mut file = SpillFile::open(&spilled.file.as_ref().unwrap().path, 2).unwrap();
        for from in [0, 1, 999, 31_234, 99_999, 100_000] {
            let mut skip = file.seek(from).unwrap();
            let mut next = from;
            while let Some(block) = file.next_block().unwrap() {
                for row in texts(block).into_iter().skip(usize::try_from(skip).unwrap()) {
                    assert_eq!(row[0].as_deref(), Some(next.to_string().as_str()));
                    next += 1;
                }
                skip = 0;
            }
            assert_eq!(next, 100_000, "from {from}");
        }
        let path = spilled.file.as_ref().unwrap().path.clone();
        drop((spilled, sink));
        assert!(!path.exists() && bounds.total.load(Ordering::Acquire) == 0);
    }

    #[test]
    fn a_bound_ends_the_file_with_a_whole_row_and_says_which() {
        let folder = tempfile::tempdir().unwrap();
        for (bounds, setting) in [
            (bounds(600_000, u64::MAX), "results.result_bytes_max"),
            (bounds(u64::MAX, 600_000), "results.total_bytes_max"),
        ] {
            let sink = SpillSink::new(folder.path().join(setting), bounds.clone());
            sink.begin(&columns()).unwrap();
            let wants = |at: u64| sink.write(&block(at * 1000..(at + 1) * 1000)).unwrap();
            assert!((0..100).any(|at| wants(at) == Want::Nothing));
            sink.finish(true).unwrap();
            let spilled = sink.overflow().unwrap();
            assert!(
                !spilled.is_whole && spilled.problem.as_deref().unwrap().contains(setting),
                "{:?}",
                spilled.problem
            );
            let mut file = SpillFile::open(&spilled.file.as_ref().unwrap().path, 2).unwrap();
            let mut rows = 0;
            while let Some(block) = file.next_block().unwrap() {
                rows += block.row_count() as u64;
            }
            assert_eq!(rows, spilled.rows);
        }
    }

    #[test]
    fn a_disk_keeps_what_the_gateway_needs() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = SpillBounds { free_bytes_min: u64::MAX >> 1, ..bounds(u64::MAX, u64::MAX) };
        let sink = SpillSink::new(folder.path().join("rows"), bounds.clone());
        sink.begin(&columns()).unwrap();
        assert!((0..100).any(|at| sink.write(&block(at * 1000..(at + 1) * 1000)).unwrap() == Want::Nothing));
        sink.finish(true).unwrap();
        let overflow = sink.overflow().unwrap();
        assert!(
            overflow.file.is_none() && overflow.problem.as_deref().unwrap().contains("stay free"),
            "{overflow:?}"
        );
        assert_eq!(bounds.total.load(Ordering::Acquire), 0);
    }

    #[test]
    fn a_statement_that_fails_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = bounds(u64::MAX, u64::MAX);
        let sink = SpillSink::new(folder.path().join("rows"), bounds.clone());
        sink.begin(&columns()).unwrap();
        for at in 0..50 {
            sink.write(&block(at * 1000..(at + 1) * 1000)).unwrap();
        }
        assert!(folder.path().join("rows").exists());
        drop(sink);
        assert!(!folder.path().join("rows").exists() && bounds.total.load(Ordering::Acquire) == 0);
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        for bytes in [&[1_u8; 12][..], &[1, 0, 0, 0, 2, 0, 0, 0, 255, 255, 255, 255], &[7; 5]] {
            fs::write(&path, bytes).unwrap();
            assert!(SpillFile::open(&path, 2).unwrap().next_block().is_err());
        }
    }
}
