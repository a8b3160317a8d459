//! Who takes the rows of a statement and writes them to a file.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::folder::ExportFolder;
use super::format::ExportFormat;
use super::part::{PartFile, is_same};
use super::{Encoder, encoder};
use crate::rows::{Column, RowBlock, RowSink, Want};

/// How much a file may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportBounds {
    /// Bytes of one file.
    pub bytes_max: u64,
    /// Bytes that stay free on its disk.
    pub free_bytes_min: u64,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Where it is.
    pub path: PathBuf,
    /// Its rows, without the line of names.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: String,
    /// What it is.
    pub format: ExportFormat,
}

/// Writes rows to a file, which appears once it is published. Dropping it removes what is not.
#[derive(Debug)]
pub struct ExportSink {
    folder: Arc<ExportFolder>,
    name: String,
    format: ExportFormat,
    bounds: ExportBounds,
    /// Set once its call is over: what is written then is of no use. What holds the state then removes the file.
    is_over: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    writing: Option<Writing>,
    rows: u64,
    is_whole: bool,
    /// Why no more can be written: the kind of the error, and what it says.
    problem: Option<(io::ErrorKind, String)>,
}

#[derive(Debug)]
struct Writing {
    part: PartFile,
    encoder: Box<dyn Encoder>,
}

impl ExportSink {
    /// One that is to write `name`, which is the name of a file, into `folder`.
    pub fn new(folder: Arc<ExportFolder>, name: String, format: ExportFormat, bounds: ExportBounds) -> Self {
        Self { folder, name, format, bounds, is_over: AtomicBool::new(false), state: Mutex::default() }
    }

    /// Why the rows could not be written; `None`: they could.
    pub fn problem(&self) -> Option<(io::ErrorKind, String)> {
        self.lock().problem.clone()
    }

    /// Has the file appear. `may_be_there`: the same export may have been made before; a file with just this content is its own.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` where something has its name. Nothing of it is left then.
    pub fn publish(&self, may_be_there: bool) -> io::Result<Exported> {
        let mut state = self.lock();
        self.look_whether_over(&mut state)?;
        let (Some(Writing { part, .. }), true) = (state.writing.take(), state.is_whole) else {
            return Err(io::Error::other("not all rows were read"));
        };
        let exported = Exported {
            path: self.folder.path_of(&self.name),
            rows: state.rows,
            bytes: part.bytes(),
            sha256: part.sha256(),
            format: self.format,
        };
        match part.publish(&self.name) {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists
                    && may_be_there
                    && is_same(&self.folder, &self.name, &exported.sha256, exported.bytes) => {}
            published => published?,
        }
        Ok(exported)
    }

    /// Its call is over: what is not published is removed, and no more is taken. Never waits for a disk: where rows are being written just
    /// then, who writes them removes the file.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        match self.state.try_lock() {
            Ok(mut state) => state.writing = None,
            Err(TryLockError::Poisoned(state)) => state.into_inner().writing = None,
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// Removes what was written, if the call is over.
    fn look_whether_over(&self, state: &mut State) -> io::Result<()> {
        if !self.is_over.load(Ordering::Acquire) {
            return Ok(());
        }
        state.writing = None;
        Err(io::Error::other("the call is over"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `done` says; an error is kept, and what was written is removed.
    fn settle<T>(&self, state: &mut State, done: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &done {
            state.problem = Some((error.kind(), error.to_string()));
            state.writing = None;
        }
        done
    }

    fn open(&self, columns: &[Column]) -> io::Result<Writing> {
        if columns.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the statement returns no rows"));
        }
        let mut part = PartFile::create(Arc::clone(&self.folder), &self.name, self.bounds)?;
        let mut encoder = encoder(self.format);
        encoder.begin(columns, &mut part)?;
        Ok(Writing { part, encoder })
    }
}

impl RowSink for ExportSink {
    fn begin(&self, columns: &[Column]) -> io::Result<()> {
        let mut state = self.lock();
        // Before another is made: the two may not fit on the disk together.
        *state = State::default();
        let opened = self.open(columns);
        state.writing = Some(self.settle(&mut state, opened)?);
        self.look_whether_over(&mut state)
    }

    fn write(&self, rows: &RowBlock) -> io::Result<Want> {
        let mut state = self.lock();
        let Some(Writing { part, encoder }) = &mut state.writing else { return Ok(Want::Nothing) };
        let written = encoder.write(rows, part);
        self.settle(&mut state, written)?;
        state.rows += rows.row_count() as u64;
        self.look_whether_over(&mut state)?;
        Ok(Want::More)
    }

    fn finish(&self, is_whole: bool) -> io::Result<()> {
        let mut state = self.lock();
        let Some(Writing { part, encoder }) = &mut state.writing else { return Ok(()) };
        let finished = match is_whole {
            true => encoder.finish(part).and_then(|()| part.finish()),
            false => Err(io::Error::other("not all rows were read")),
        };
        self.settle(&mut state, finished)?;
        state.is_whole = true;
        self.look_whether_over(&mut state)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::rows::CellKind;

    const BOUNDS: ExportBounds = ExportBounds { bytes_max: 1 << 30, free_bytes_min: 0 };

    fn columns(names: &[&str]) -> Vec<Column> {
        names.iter().map(|name| Column { name: (*name).to_owned(), type_name: None }).collect()
    }

    fn block() -> RowBlock {
        let mut block = RowBlock::default();
        block.cell(CellKind::Number, "9007199254740993");
        block.cell(CellKind::Text, "a,\"b\"\n");
        block.cell(CellKind::Bytes, "X'00FF'");
        block.end_row();
        block.null();
        block.cell(CellKind::Text, "");
        block.cell(CellKind::Real, "1.5");
        block.end_row();
        block
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    struct Place(TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("exports")
        }

        fn sink(&self, name: &str, format: ExportFormat, bounds: ExportBounds) -> ExportSink {
            let folder = Arc::new(ExportFolder::open(&self.path()).unwrap());
            ExportSink::new(folder, name.to_owned(), format, bounds)
        }

        fn export(&self, name: &str, format: ExportFormat) -> io::Result<Exported> {
            let sink = self.sink(name, format, BOUNDS);
            sink.begin(&columns(&["a", "b", "a"]))?;
            sink.write(&block())?;
            sink.finish(true)?;
            sink.publish(false)
        }
    }

    #[test]
    fn each_format_has_all_rows_with_their_types() {
        let place = Place::new();
        for (format, text) in [
            (ExportFormat::Csv, "a,b,a_2\r\n9007199254740993,\"a,\"\"b\"\"\n\",00FF\r\n,\"\",1.5\r\n"),
            (
                ExportFormat::Jsonl,
                "{\"a\":\"9007199254740993\",\"b\":\"a,\\\"b\\\"\\n\",\"a_2\":\"00FF\"}\n{\"a\":null,\"b\":\"\",\"a_2\":1.5}\n",
            ),
            (
                ExportFormat::Json,
                "[\n{\"a\":\"9007199254740993\",\"b\":\"a,\\\"b\\\"\\n\",\"a_2\":\"00FF\"},\n{\"a\":null,\"b\":\"\",\"a_2\":1.5}\n]\n",
            ),
        ] {
            let done = place.export(format.as_str(), format).unwrap();
            assert_eq!(fs::read_to_string(&done.path).unwrap(), text);
            assert_eq!((done.rows, done.bytes), (2, text.len() as u64));
            let sha256 = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
            assert_eq!(
                done.sha256,
                sha256.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            );
            assert_eq!(crate::os::FileAccess::at(&done.path).unwrap().mode, crate::os::PRIVATE);
        }
        assert_eq!(names(&place.path()), ["csv", "json", "jsonl"]);
    }

    #[test]
    fn a_result_without_rows_is_a_sound_file() {
        let place = Place::new();
        for (format, text) in
            [(ExportFormat::Csv, "a\r\n"), (ExportFormat::Jsonl, ""), (ExportFormat::Json, "[]\n")]
        {
            let sink = place.sink(format.as_str(), format, BOUNDS);
            sink.begin(&columns(&["a"])).unwrap();
            sink.finish(true).unwrap();
            let done = sink.publish(false).unwrap();
            assert_eq!((fs::read_to_string(&done.path).unwrap().as_str(), done.rows), (text, 0));
        }
        let sink = place.sink("none", ExportFormat::Csv, BOUNDS);
        assert!(sink.begin(&[]).unwrap_err().to_string().contains("no rows"));
    }

    #[test]
    fn nothing_is_replaced_and_nothing_half_is_left() {
        let place = Place::new();
        let sink = place.sink("a.csv", ExportFormat::Csv, BOUNDS);
        sink.begin(&columns(&["a", "b", "c"])).unwrap();
        sink.write(&block()).unwrap();
        assert_eq!(names(&place.path()).len(), 1, "the part");
        fs::write(place.path().join("a.csv"), "mine").unwrap();
        sink.finish(true).unwrap();
        assert_eq!(sink.publish(true).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(place.path().join("a.csv")).unwrap(), "mine");
        assert_eq!(names(&place.path()), ["a.csv"]);
        for is_whole in [None, Some(false)] {
            let sink = place.sink("b.csv", ExportFormat::Csv, BOUNDS);
            sink.begin(&columns(&["a", "b", "c"])).unwrap();
            sink.write(&block()).unwrap();
            if let Some(is_whole) = is_whole {
                sink.finish(is_whole).unwrap_err();
            }
            sink.publish(false).unwrap_err();
            drop(sink);
            assert_eq!(names(&place.path()), ["a.csv"]);
        }
    }

    #[test]
    fn once_its_call_is_over_nothing_is_left_and_nothing_is_taken() {
        let place = Place::new();
        let sink = place.sink("a.csv", ExportFormat::Csv, BOUNDS);
        sink.begin(&columns(&["a", "b", "c"])).unwrap();
        sink.write(&block()).unwrap();
        sink.end();
        assert_eq!(names(&place.path()), [""; 0]);
        assert_eq!(sink.write(&block()).unwrap(), Want::Nothing);
        sink.begin(&columns(&["a"])).unwrap_err();
        assert_eq!(names(&place.path()), [""; 0]);
        sink.publish(false).unwrap_err();
    }

    #[test]
    fn a_statement_that_is_begun_anew_is_written_anew() {
        let place = Place::new();
        let sink = place.sink("a.csv", ExportFormat::Csv, BOUNDS);
        for _ in 0..2 {
            sink.begin(&columns(&["a", "b", "c"])).unwrap();
            sink.write(&block()).unwrap();
        }
        sink.finish(true).unwrap();
        let done = sink.publish(false).unwrap();
        assert_eq!(done.rows, 2);
        assert_eq!(fs::metadata(&done.path).unwrap().len(), done.bytes);
        assert_eq!(names(&place.path()), ["a.csv"]);
    }

    #[test]
    fn the_same_export_once_more_finds_its_own_file() {
        let place = Place::new();
        let done = place.export("a.csv", ExportFormat::Csv).unwrap();
        let sink = place.sink("a.csv", ExportFormat::Csv, BOUNDS);
        sink.begin(&columns(&["a", "b", "a"])).unwrap();
        sink.write(&block()).unwrap();
        sink.finish(true).unwrap();
        assert_eq!(sink.publish(true).unwrap(), done);
        assert_eq!(names(&place.path()), ["a.csv"]);
    }

    #[test]
    fn bounds_end_an_export_and_say_which() {
        let place = Place::new();
        for (bounds, kind, said) in [
            (
                ExportBounds { bytes_max: 1_000_000, ..BOUNDS },
                io::ErrorKind::FileTooLarge,
                "limits.export_bytes_max",
            ),
            (
                ExportBounds { free_bytes_min: u64::MAX >> 1, ..BOUNDS },
                io::ErrorKind::StorageFull,
                "MiB left",
            ),
        ] {
            let sink = place.sink("a.csv", ExportFormat::Csv, bounds);
            let end = sink
                .begin(&columns(&["a", "b", "c"]))
                .and_then(|()| (0..100_000).try_for_each(|_| sink.write(&block()).map(drop)));
            assert!(end.unwrap_err().to_string().contains(said));
            assert_eq!(sink.problem().unwrap().0, kind);
            sink.publish(false).unwrap_err();
            assert_eq!(names(&place.path()), [""; 0]);
        }
    }

    #[test]
    fn a_folder_that_is_replaced_gets_nothing() {
        let place = Place::new();
        let sink = place.sink("a.csv", ExportFormat::Csv, BOUNDS);
        sink.begin(&columns(&["a", "b", "c"])).unwrap();
        sink.write(&block()).unwrap();
        sink.finish(true).unwrap();
        let moved = place.0.path().join("moved");
        // Where an open folder cannot be moved, it stays in place.
        let is_moved = fs::rename(place.path(), &moved).is_ok();
        if is_moved {
            fs::create_dir(place.path()).unwrap();
            assert_eq!(sink.publish(false).unwrap_err().kind(), io::ErrorKind::NotFound);
            assert_eq!((names(&place.path()), names(&moved)), (Vec::new(), Vec::new()));
        }
    }
}
