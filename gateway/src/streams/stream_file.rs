//! The files of one stream, what is lost of it, and that it says so itself.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::StreamName;
use super::clock::Timestamp;
use super::files::{RollingFile, prune};
use super::line::Line;
use super::state::StreamState;
use crate::config::{LogFormat, LogsConfig, Retention};

/// How often files that cannot be opened are tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Why lines are dropped that the disk would have taken.
const TOO_MANY: &str = "too many waited for the disk";

/// Writes lines to the files of a stream. Only the stream's thread uses it.
#[derive(Debug)]
pub struct StreamFile {
    name: StreamName,
    folder: PathBuf,
    retention: Retention,
    format: LogFormat,
    file: Option<RollingFile>,
    tried_at: Instant,
    state: Arc<StreamState>,
    /// Lines that were lost and are not said yet, and why the last of them was.
    unsaid: u64,
    why: String,
}

impl StreamFile {
    /// The stream's newest file in `folder`. Where that cannot be opened, it is tried again and again.
    pub fn open(folder: &Path, name: StreamName, config: &LogsConfig) -> Self {
        let mut opened = Self {
            name,
            folder: folder.to_owned(),
            retention: config.retention,
            format: config.format,
            file: None,
            tried_at: Instant::now(),
            state: Arc::new(StreamState::new(name)),
            unsaid: 0,
            why: String::new(),
        };
        opened.open_file();
        opened
    }

    /// Removes what is too old of a stream that is off.
    pub fn tidy_unused(folder: &Path, name: StreamName, config: &LogsConfig) {
        let Retention { files_max, age_max, .. } = config.retention;
        prune(folder, name.prefix(), files_max, age_max);
    }

    /// What is known of it elsewhere.
    pub fn state(&self) -> Arc<StreamState> {
        Arc::clone(&self.state)
    }

    /// How its lines are written.
    pub fn format(&self) -> LogFormat {
        self.format
    }

    /// Whether its files are open.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    fn open_file(&mut self) {
        self.tried_at = Instant::now();
        match RollingFile::open(&self.folder, self.name.prefix(), self.retention) {
            Ok(file) => {
                self.state.set_place(file.path(), file.family_bytes());
                self.state.set_problem(None);
                self.file = Some(file);
            }
            Err(error) => {
                let (stream, folder) = (self.name, self.folder.display());
                let what = if stream == StreamName::Main {
                    "log".to_owned()
                } else {
                    format!("{} log", stream.as_str())
                };
                let problem = format!("cannot open the {what} in {folder} ({error}); {}", stream.instead());
                self.state.set_problem(Some(problem));
            }
        }
    }

    /// Tries again to open the files, where they could not be opened a while ago.
    pub fn retry(&mut self) {
        if self.file.is_none() && self.tried_at.elapsed() >= RETRY_INTERVAL {
            self.open_file();
        }
    }

    /// Notes lines that were dropped before they came here.
    pub fn note_dropped(&mut self, lines: u64) {
        if lines > 0 {
            self.lose(lines, &TOO_MANY);
        }
    }

    fn lose(&mut self, lines: u64, why: &dyn Display) {
        self.unsaid += lines;
        self.why = why.to_string();
        self.state.count_dropped(lines);
    }

    /// Appends whole lines of the stream's format; what cannot be written is lost, and said with the next that can.
    pub fn write(&mut self, lines: &[u8]) {
        self.retry();
        let Some(file) = &mut self.file else {
            let why = self.state.problem().unwrap_or_default();
            self.lose(count(lines), &why);
            return;
        };
        let notice = (self.unsaid > 0).then(|| notice(self.name, self.unsaid, &self.why, self.format));
        let said = notice.map_or(Ok(()), |notice| file.append(notice.as_bytes()));
        let is_said = said.is_ok();
        let result = said.map_err(|failed| (count(lines), failed.error)).and_then(|()| {
            file.append(lines).map_err(|failed| (count(&lines[failed.written..]), failed.error))
        });
        self.state.set_place(file.path(), file.family_bytes());
        if is_said {
            self.unsaid = 0;
        }
        match result {
            Ok(()) => self.state.set_problem(None),
            Err((lost, error)) => {
                let path = self.file.as_ref().map_or_else(|| self.folder.clone(), RollingFile::path);
                let problem = format!("cannot write {} ({error}); its lines are dropped", path.display());
                self.state.set_problem(Some(problem));
                self.lose(lost, &error);
            }
        }
    }

    /// What is to be done while there is no line: removes old files, and says what was lost. Returns whether that is still to be
    /// said.
    pub fn tidy(&mut self) -> bool {
        if self.unsaid > 0 {
            self.write(b"");
        } else if let Some(file) = &mut self.file {
            file.prune();
            self.state.set_place(file.path(), file.family_bytes());
        }
        self.unsaid > 0
    }
}

fn count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

/// The line that says what was lost.
fn notice(stream: StreamName, lines: u64, why: &str, format: LogFormat) -> String {
    let json = serde_json::json!({
        "timestamp": Timestamp(SystemTime::now()).to_string(),
        "level": "WARN",
        "message": "log lines were dropped",
        "stream": stream.as_str(),
        "dropped": lines,
        "reason": why,
        "target": "snowgate::streams",
    });
    match format {
        LogFormat::Json => format!("{json}\n"),
        LogFormat::Text => Line::read(&json.to_string()).unwrap_or_default().to_text(true) + "\n",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn lines(folder: &Path) -> Vec<serde_json::Value> {
        let file = super::super::newest_log(folder, StreamName::Access).unwrap();
        fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn what_is_lost_is_counted_and_said_with_the_next_line_that_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs");
        fs::write(&folder, "no folder").unwrap();
        let mut file = StreamFile::open(&folder, StreamName::Access, &LogsConfig::default());
        file.write(b"{}\n{}\n");
        let state = file.state();
        assert!(state.problem().is_some_and(|problem| problem.contains("cannot open the access log in")));
        fs::remove_file(&folder).unwrap();
        file.tried_at -= RETRY_INTERVAL;
        file.note_dropped(3);
        file.write(b"{\"message\":\"request\"}\n");
        assert_eq!((state.dropped(), state.problem()), (5, None));
        let lines = lines(&folder);
        assert_eq!((&lines[0]["dropped"], &lines[0]["stream"]), (&5.into(), &"access".into()));
        assert_eq!(lines[0]["reason"], TOO_MANY);
        assert_eq!((lines.len(), &lines[1]["message"]), (2, &"request".into()));
        assert!(!file.tidy());
    }

    #[test]
    fn what_is_lost_is_said_when_no_line_follows() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = StreamFile::open(dir.path(), StreamName::Access, &LogsConfig::default());
        file.note_dropped(1);
        assert!(!file.tidy());
        assert_eq!(lines(dir.path()).len(), 1);
    }
}
