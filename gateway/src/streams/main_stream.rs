//! The lines of the process: to the stream `main`, warnings and errors to `error` as well, and to stderr where the files of `main`
//! cannot be opened. A gateway whose state folder is read-only serves all the same.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::StreamName;
use super::line::{Line, hoisted};
use super::state::StreamState;
use super::stream::{Consumer, Stream};
use super::stream_file::StreamFile;
use crate::config::{LogFormat, LogsConfig};
use crate::os::{empty_stderr, write_ready_to_stderr};

/// What stderr is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StderrUse {
    /// It gets `main` while the files of that cannot be opened.
    Fallback,
    /// It is a journal, which adds the time, and reads the level at the beginning of a line: it gets `main`, too.
    Journal,
    /// A service manager takes it elsewhere: it gets `main`, too.
    Service,
}

/// The lines of one event.
#[derive(Debug)]
struct EventLines {
    level: Level,
    text: Vec<u8>,
}

/// The streams `main` and `error`.
#[derive(Debug)]
pub struct MainStream {
    stream: Stream<EventLines>,
    states: [Arc<StreamState>; 2],
}

impl MainStream {
    /// Opens both in `folder`. `stderr`: whether that gets `main`, too.
    ///
    /// # Errors
    /// There is no room for a thread.
    pub fn open(folder: &Path, config: &LogsConfig, stderr: StderrUse) -> io::Result<Self> {
        let files = [StreamName::Main, StreamName::Error].map(|name| StreamFile::open(folder, name, config));
        let states = [files[0].state(), files[1].state()];
        let [main, error] = files;
        let writer = Writer {
            main,
            error,
            stderr_use: stderr,
            file_bytes_max: config.retention.file_bytes_max,
            lines: Vec::new(),
            error_lines: Vec::new(),
            stderr_lines: Vec::new(),
        };
        Ok(Self { stream: Stream::start(StreamName::Main.thread(), writer)?, states })
    }

    /// Takes events.
    pub fn lines(&self) -> MainLines {
        MainLines { stream: self.stream.clone() }
    }

    /// `main` and `error` as they are.
    pub fn states(&self) -> &[Arc<StreamState>; 2] {
        &self.states
    }
}

impl Drop for MainStream {
    fn drop(&mut self) {
        self.stream.close();
    }
}

/// Where `tracing` writes events.
#[derive(Clone, Debug)]
pub struct MainLines {
    stream: Stream<EventLines>,
}

impl<'a> MakeWriter<'a> for MainLines {
    type Writer = EventWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        EventWriter { lines: self, level: Level::INFO }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        EventWriter { lines: self, level: *metadata.level() }
    }
}

/// Takes one event, which `tracing` writes in one piece.
#[derive(Debug)]
pub struct EventWriter<'a> {
    lines: &'a MainLines,
    level: Level,
}

impl Write for EventWriter<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        // A repeated fault has no text.
        if !text.is_empty() {
            self.lines.stream.push(EventLines { level: self.level, text: text.to_vec() }, text.len());
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writer {
    main: StreamFile,
    error: StreamFile,
    stderr_use: StderrUse,
    file_bytes_max: u64,
    lines: Vec<u8>,
    error_lines: Vec<u8>,
    stderr_lines: Vec<u8>,
}

impl Writer {
    /// Notes one line where it belongs. `level` is that of the event that it came with.
    fn take(&mut self, json: &str, level: Level) {
        let said = hoisted(json);
        let json = said.as_deref().unwrap_or(json);
        let line = Line::read(json).unwrap_or_default();
        let level = line.level.parse().unwrap_or(level);
        let text = match self.main.format() {
            LogFormat::Json => json.to_owned(),
            LogFormat::Text => line.to_text(true) + "\n",
        };
        self.lines.extend_from_slice(text.as_bytes());
        if level <= Level::WARN {
            self.error_lines.extend_from_slice(text.as_bytes());
        }
        let text = match self.stderr_use {
            StderrUse::Fallback => return,
            StderrUse::Journal => format!("<{}>{}\n", priority(level), line.to_text(false)),
            StderrUse::Service => line.to_text(true) + "\n",
        };
        self.stderr_lines.extend_from_slice(text.as_bytes());
    }
}

/// The level for a journal: `sd-daemon(3)`.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

impl Consumer<EventLines> for Writer {
    fn write(&mut self, items: &mut Vec<EventLines>, dropped: u64) {
        self.lines.clear();
        self.error_lines.clear();
        self.stderr_lines.clear();
        for event in items.drain(..) {
            // There may be more than one: counts of earlier faults come with an event.
            for line in event.text.split_inclusive(|byte| *byte == b'\n') {
                self.take(&String::from_utf8_lossy(line), event.level);
            }
        }
        self.main.note_dropped(dropped);
        self.main.retry();
        if self.main.is_open() || self.stderr_use != StderrUse::Fallback {
            self.main.write(&self.lines);
        } else {
            empty_stderr(self.file_bytes_max);
            // What stderr does not take is lost: there is nothing else to tell.
            write_ready_to_stderr(&self.lines);
        }
        if !self.error_lines.is_empty() {
            self.error.write(&self.error_lines);
        }
        // What it does not take is in the files.
        write_ready_to_stderr(&self.stderr_lines);
    }

    fn tidy(&mut self) -> bool {
        let (main, error) = (self.main.tidy(), self.error.tidy());
        main || error
    }
}
