//! What a command said and how it ended.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use warehouse::support::eventually;

/// What a command said and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Output {
    /// Runs `command` to its end.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let read = [child.stdout.take().map(read_all), child.stderr.take().map(read_all)];
        let what = format!("{command:?} has ended");
        let status = eventually(&what, || child.try_wait().expect("waiting for a command"));
        let [stdout, stderr] =
            read.map(|text| text.map(|text| text.join().expect("reading a pipe")).unwrap_or_default());
        Self { code: status.code(), stdout, stderr }
    }

    /// stdout as JSON.
    ///
    /// # Panics
    /// It is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What cannot be read is as good as not said.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
