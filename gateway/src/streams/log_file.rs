//! Where the log goes: to its files, or to stderr for as long as those cannot be written. A gateway whose
//! state folder is read-only serves all the same.

use std::io::{self, Stderr, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, SeekFrom, fstat, ftruncate, seek};

use super::files::RollingFile;

/// How often the files are tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// Why the log goes to stderr; `None` while it does not. Written by the log's thread, read by `status`.
pub type LogProblem = Arc<Mutex<Option<String>>>;

/// The log's lines end here.
pub struct LogFile {
    folder: PathBuf,
    file_bytes_max: u64,
    problem: LogProblem,
    target: Target,
}

enum Target {
    Files(RollingFile),
    /// And when the files were tried last.
    Stderr(Stderr, Instant),
}

impl LogFile {
    /// The newest file in `folder`, or stderr where that cannot be written.
    pub fn open(folder: &Path, file_bytes_max: u64) -> (Self, LogProblem) {
        let problem = LogProblem::default();
        let target = match RollingFile::open(folder, file_bytes_max) {
            Ok(file) => Target::Files(file),
            Err(error) => {
                let said =
                    format!("cannot open the log in {} ({error}); it goes to stderr", folder.display());
                *problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
                Target::Stderr(io::stderr(), Instant::now())
            }
        };
        let log = Self { folder: folder.to_owned(), file_bytes_max, problem: Arc::clone(&problem), target };
        (log, problem)
    }

    /// Goes back to the files if they can be written again.
    fn retry(&mut self) {
        let Target::Stderr(_, tried_at) = &mut self.target else { return };
        if tried_at.elapsed() < RETRY_INTERVAL {
            return;
        }
        *tried_at = Instant::now();
        if let Ok(file) = RollingFile::open(&self.folder, self.file_bytes_max) {
            self.target = Target::Files(file);
            *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.retry();
        match &mut self.target {
            Target::Files(file) => file.write(line),
            Target::Stderr(stderr, _) => {
                begin_anew(stderr, self.file_bytes_max);
                stderr.write_all(line)?;
                Ok(line.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Files(file) => file.flush(),
            Target::Stderr(stderr, _) => stderr.flush(),
        }
    }
}

/// Empties stderr where that is a file (as it is where a shim has started the gateway) of so many bytes.
fn begin_anew(stderr: &Stderr, bytes_max: u64) {
    let Ok(stat) = fstat(stderr) else { return };
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if is_file && u64::try_from(stat.st_size).unwrap_or(0) >= bytes_max {
        // What cannot be emptied grows; there is nobody else to tell.
        let _ = ftruncate(stderr, 0).and_then(|()| seek(stderr, SeekFrom::Start(0)));
    }
}
