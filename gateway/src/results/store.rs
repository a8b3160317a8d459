//! The files of results.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::handle::Handle;
use super::kept::Kept;
use crate::config::ResultsConfig;
use crate::os;
use crate::rows::{Overflow, SpillBounds, SpillSink};

/// What is being written: gone with the gateway.
const UNFINISHED: &str = "unfinished";
/// The name of a session's folder, in bytes.
const SESSION_BYTES_MAX: usize = 64;
/// The part of all room at which results make room for others.
const PRESSURE: (u64, u64) = (3, 4);
/// A longer record is none of ours, in bytes.
const RECORD_BYTES_MAX: u64 = 64 << 20;

/// What `status` says of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultsView {
    /// Results with a handle.
    pub handles: u64,
    /// Bytes of the rows that are kept.
    pub bytes: u64,
    /// The most that they may take, in bytes.
    pub bytes_max: u64,
    /// Calls that were answered with a handle, and whose statements still run.
    #[serde(default)]
    pub running: u64,
}

/// The results of all sessions, in files.
#[derive(Debug)]
pub struct ResultStore {
    folder: PathBuf,
    bounds: SpillBounds,
    handles_max: usize,
    age_max: Duration,
    handles: AtomicU64,
}

impl ResultStore {
    /// The results in `state_dir`. What an earlier gateway has not finished is removed. Waits for the disk.
    pub fn open(state_dir: &Path, config: &ResultsConfig) -> Arc<Self> {
        let folder = state_dir.join("results");
        let _ = fs::remove_dir_all(folder.join(UNFINISHED));
        let store = Self {
            folder,
            bounds: SpillBounds {
                bytes_max: config.result_bytes_max,
                total_bytes_max: config.total_bytes_max,
                // What is wrong with the disk is found when it is written to.
                free_bytes_min: os::disk_of(state_dir).map_or(0, |disk| disk.bytes_to_leave()),
                total: Arc::default(),
            },
            handles_max: config.handles_max,
            age_max: config.age_max,
            handles: AtomicU64::new(0),
        };
        store.count();
        Arc::new(store)
    }

    /// Counts what is there.
    fn count(&self) {
        for session in entries(&self.folder) {
            for file in entries(&session.path()) {
                let bytes = file.metadata().map_or(0, |metadata| metadata.len());
                if is_rows(&file) {
                    self.bounds.total.fetch_add(bytes, Ordering::AcqRel);
                } else {
                    self.handles.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// What there is.
    pub fn view(&self) -> ResultsView {
        ResultsView {
            handles: self.handles.load(Ordering::Relaxed),
            bytes: self.bounds.total.load(Ordering::Acquire),
            bytes_max: self.bounds.total_bytes_max,
            running: 0,
        }
    }

    /// Takes the rows of one result. Makes no file until there are many.
    pub fn sink(&self) -> SpillSink {
        SpillSink::new(
            self.folder.join(UNFINISHED).join(format!("{}.rows", Uuid::new_v4())),
            self.bounds.clone(),
        )
    }

    /// Writes down what `handle` of `session` is, with its rows; in place of the session's oldest where it has as many as it may.
    ///
    /// # Errors
    /// The system's.
    pub async fn save(
        self: &Arc<Self>,
        session: &str,
        handle: &Handle,
        kept: Kept,
        overflow: Option<Arc<Overflow>>,
    ) -> io::Result<()> {
        let (store, session, handle) = (Arc::clone(self), session.to_owned(), handle.clone());
        apart(move || store.save_now(&session, &handle, &kept, overflow.as_deref())).await
    }

    fn save_now(
        &self,
        session: &str,
        handle: &Handle,
        kept: &Kept,
        overflow: Option<&Overflow>,
    ) -> io::Result<()> {
        let folder = self.folder_of(session)?;
        os::make_private_folders(&folder)?;
        let record = record_of(&folder, handle);
        let is_new = !record.exists();
        if is_new {
            self.make_room(&folder)?;
        }
        if let Some(file) = overflow.and_then(|overflow| overflow.file.as_ref()) {
            let rows = rows_of(&folder, handle);
            // A gateway that was killed may have left some of the same call.
            self.remove_rows(&rows);
            // Of a file system without links the rows are copied.
            fs::hard_link(&file.path, &rows).or_else(|_| fs::copy(&file.path, &rows).map(drop))?;
            self.bounds.total.fetch_add(file.bytes, Ordering::AcqRel);
        }
        let text = serde_json::to_vec(kept)?;
        os::replace_often(&record, &text, os::PRIVATE)?;
        self.handles.fetch_add(u64::from(is_new), Ordering::Relaxed);
        self.relieve(&folder, handle);
        Ok(())
    }

    /// Where all results together take more than [`PRESSURE`] of what they may, those of the session that has most go, the oldest first, until
    /// they do not: so one that keeps much makes room for others itself. Of `handle` in `folder`, which is just written, nothing goes.
    fn relieve(&self, folder: &Path, handle: &Handle) {
        let most = self.bounds.total_bytes_max / PRESSURE.1 * PRESSURE.0;
        while self.bounds.total.load(Ordering::Acquire) > most {
            let sessions = entries(&self.folder).map(|entry| entry.path());
            let Some(largest) =
                sessions.filter(|path| !path.ends_with(UNFINISHED)).max_by_key(|path| bytes_of_rows(path))
            else {
                return;
            };
            let is_other = |found: &Handle| largest != folder || found != handle;
            let rows = by_age(&largest)
                .into_iter()
                .find(|found| is_other(found) && rows_of(&largest, found).exists());
            let Some(oldest) = rows else { return };
            self.remove_now(&largest, &oldest);
        }
    }

    /// Removes the oldest results of a session that do not run, until another one fits.
    fn make_room(&self, folder: &Path) -> io::Result<()> {
        let records = by_age(folder);
        let mut excess = (records.len() + 1).saturating_sub(self.handles_max);
        for handle in records {
            if excess == 0 {
                break;
            }
            let is_running = read(&record_of(folder, &handle))
                .is_ok_and(|kept| kept.is_some_and(|kept| kept.is_running()));
            if !is_running {
                self.remove_now(folder, &handle);
                excess -= 1;
            }
        }
        if excess == 0 {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::QuotaExceeded, "too many statements of this session still run"))
        }
    }

    fn remove_now(&self, folder: &Path, handle: &Handle) {
        // The record first: without it, the rows are not found.
        if fs::remove_file(record_of(folder, handle)).is_ok() {
            lower(&self.handles, 1);
        }
        self.remove_rows(&rows_of(folder, handle));
    }

    fn remove_rows(&self, rows: &Path) {
        let bytes = fs::metadata(rows).map_or(0, |metadata| metadata.len());
        if fs::remove_file(rows).is_ok() {
            self.bounds.give_back(bytes);
        }
    }

    /// What `handle` is, if it is one of `session`.
    ///
    /// # Errors
    /// The system's, or the record is damaged.
    pub async fn load(self: &Arc<Self>, session: &str, handle: &Handle) -> io::Result<Option<Kept>> {
        let record = record_of(&self.folder_of(session)?, handle);
        apart(move || read(&record)).await
    }

    /// The file with the rows of `handle` of `session`.
    ///
    /// # Errors
    /// Such a session has none.
    pub fn rows(&self, session: &str, handle: &Handle) -> io::Result<PathBuf> {
        Ok(rows_of(&self.folder_of(session)?, handle))
    }

    /// The sessions that have results.
    pub async fn sessions(self: &Arc<Self>) -> Vec<String> {
        let store = Arc::clone(self);
        let names = move || {
            let names = entries(&store.folder).map(|entry| entry.file_name().to_string_lossy().into_owned());
            Ok(names.filter(|name| name != UNFINISHED).collect())
        };
        apart(names).await.unwrap_or_default()
    }

    /// Removes the results of the sessions `gone`, and what is older than it may be.
    pub async fn sweep(self: &Arc<Self>, gone: HashSet<String>) {
        let store = Arc::clone(self);
        let sweep = move || {
            for session in entries(&store.folder) {
                let name = session.file_name().to_string_lossy().into_owned();
                if name != UNFINISHED {
                    store.sweep_session(&session.path(), gone.contains(&name));
                }
            }
            Ok(())
        };
        // Nothing in there fails as a whole.
        let _ = apart(sweep).await;
    }

    fn sweep_session(&self, folder: &Path, is_gone: bool) {
        let old: Vec<Handle> = handles(folder)
            .filter(|(entry, _)| is_gone || age_of(entry) > self.age_max)
            .map(|(_, handle)| handle)
            .collect();
        old.iter().for_each(|handle| self.remove_now(folder, handle));
        // Rows whose record was never written.
        let kept: HashSet<Handle> = handles(folder).map(|(_, handle)| handle).collect();
        for entry in entries(folder).filter(is_rows) {
            let is_kept = handle_of(&entry).is_some_and(|handle| kept.contains(&handle));
            if !is_kept && age_of(&entry) > Duration::from_secs(60) {
                self.remove_rows(&entry.path());
            }
        }
        // It fails while there is something in it.
        let _ = fs::remove_dir(folder);
    }

    fn folder_of(&self, session: &str) -> io::Result<PathBuf> {
        let is_plain = session.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain || !(1..=SESSION_BYTES_MAX).contains(&session.len()) || session == UNFINISHED {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the session has no folder for results"));
        }
        Ok(self.folder.join(session))
    }
}

async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    // It is never aborted; a panic in there is in the log.
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn lower(count: &AtomicU64, by: u64) {
    // The closure never refuses.
    let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| Some(count.saturating_sub(by)));
}

fn read(record: &Path) -> io::Result<Option<Kept>> {
    match fs::metadata(record) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.len() > RECORD_BYTES_MAX => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the record is too long"));
        }
        Ok(_) => {}
    }
    Ok(Some(serde_json::from_slice(&fs::read(record)?)?))
}

fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn handles(folder: &Path) -> impl Iterator<Item = (DirEntry, Handle)> {
    entries(folder)
        .filter(|entry| !is_rows(entry))
        .filter_map(|entry| handle_of(&entry).map(|handle| (entry, handle)))
}

/// The results of a session, the oldest first.
fn by_age(folder: &Path) -> Vec<Handle> {
    let dated = |(entry, handle): (DirEntry, Handle)| Some((entry.metadata().ok()?.modified().ok()?, handle));
    let mut records: Vec<(SystemTime, Handle)> = handles(folder).filter_map(dated).collect();
    records.sort();
    records.into_iter().map(|(_, handle)| handle).collect()
}

fn bytes_of_rows(folder: &Path) -> u64 {
    let bytes = |entry: DirEntry| entry.metadata().map_or(0, |metadata| metadata.len());
    entries(folder).filter(is_rows).map(bytes).sum()
}

fn handle_of(entry: &DirEntry) -> Option<Handle> {
    let name = entry.file_name();
    Handle::parse(name.to_str()?.split('.').next()?)
}

fn is_rows(entry: &DirEntry) -> bool {
    entry.path().extension().is_some_and(|extension| extension == "rows")
}

fn age_of(entry: &DirEntry) -> Duration {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default()
}

fn record_of(folder: &Path, handle: &Handle) -> PathBuf {
    folder.join(format!("{handle}.json"))
}

fn rows_of(folder: &Path, handle: &Handle) -> PathBuf {
    folder.join(format!("{handle}.rows"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{KeptRows, RowSource};
    use crate::rows::{CellKind, Column, RowBlock, RowSink as _};

    fn store(folder: &Path, handles_max: usize) -> Arc<ResultStore> {
        let config = ResultsConfig { handles_max, ..ResultsConfig::default() };
        ResultStore::open(folder, &config)
    }

    fn overflow(store: &ResultStore, rows: u64) -> Arc<Overflow> {
        let sink = store.sink();
        sink.begin(&[Column { name: "n".to_owned(), type_name: None }]).unwrap();
        let mut block = RowBlock::default();
        for row in 0..rows {
            block.format(CellKind::Number, format_args!("{row}"));
            block.end_row();
        }
        sink.write(&block).unwrap();
        sink.finish(true).unwrap();
        sink.overflow().unwrap()
    }

    fn kept(rows: u64) -> Kept {
        let rows = KeptRows {
            source: RowSource::File,
            columns: Vec::new(),
            rows: Some(rows),
            is_whole: true,
            problem: None,
            shown: 0,
            summary: Vec::new(),
            summary_rows: rows,
        };
        Kept { rows: Some(rows), ..Kept::default() }
    }

    #[tokio::test]
    async fn a_result_is_its_session_s_alone_and_outlives_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let before = store(folder.path(), 9);
        let handle = Handle::random().unwrap();
        before.save("one", &handle, kept(5), Some(overflow(&before, 5))).await.unwrap();
        let bytes = before.view().bytes;
        drop(before);
        let after = store(folder.path(), 9);
        assert_eq!(after.load("one", &handle).await.unwrap(), Some(kept(5)));
        assert_eq!(after.load("two", &handle).await.unwrap(), None);
        for other in ["../one", "", "unfinished", "a/b", &"x".repeat(65)] {
            assert!(after.load(other, &handle).await.is_err(), "{other}");
        }
        assert!(bytes > 0 && (after.view().handles, after.view().bytes) == (1, bytes));
        after.sweep(HashSet::from(["one".to_owned()])).await;
        assert_eq!((after.view().handles, after.view().bytes), (0, 0));
        assert!(after.sessions().await.is_empty());
    }

    #[tokio::test]
    async fn the_oldest_makes_room_and_what_runs_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path(), 2);
        let running = Kept {
            call: Some(super::super::PendingCall {
                number: 1,
                params: serde_json::Value::Null,
                context: crate::state::KeptContext::default(),
                began_ms: 0,
            }),
            ..Kept::default()
        };
        let handles: Vec<Handle> = (0..4).map(|_| Handle::random().unwrap()).collect();
        store.save("s", &handles[0], running.clone(), None).await.unwrap();
        store.save("s", &handles[1], kept(1), None).await.unwrap();
        store.save("s", &handles[2], kept(2), None).await.unwrap();
        let found = |at: usize| store.load("s", &handles[at]);
        assert!(found(0).await.unwrap().is_some(), "it runs");
        assert!(found(1).await.unwrap().is_none() && found(2).await.unwrap().is_some());
        store.save("s", &handles[2], running.clone(), None).await.unwrap();
        let refused = store.save("s", &handles[3], running, None).await;
        assert!(refused.unwrap_err().to_string().contains("still run"));
        assert_eq!(store.view().handles, 2);
    }

    #[tokio::test]
    async fn a_session_that_keeps_most_makes_room_for_others() {
        let folder = tempfile::tempdir().unwrap();
        let config = ResultsConfig { total_bytes_max: 400_000, ..ResultsConfig::default() };
        let store = ResultStore::open(folder.path(), &config);
        let handles: Vec<Handle> = (0..5).map(|_| Handle::random().unwrap()).collect();
        let small = Handle::random().unwrap();
        store.save("small", &small, kept(10), Some(overflow(&store, 10))).await.unwrap();
        for handle in &handles {
            store.save("greedy", handle, kept(10_000), Some(overflow(&store, 10_000))).await.unwrap();
            assert!(store.view().bytes <= 300_000, "{:?}", store.view());
        }
        assert!(store.load("small", &small).await.unwrap().is_some());
        assert!(store.load("greedy", &handles[0]).await.unwrap().is_none());
        assert!(store.load("greedy", &handles[4]).await.unwrap().is_some());
    }
}
