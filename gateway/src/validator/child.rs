//! The child of a validator: started when it is needed, ended when it does not answer.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::protocol::{self, Verdict};
use super::{NoVerdict, ValidatorView, lock};
use crate::os::{self, ProcessGroup};

/// The pause before the first start after a failure; it doubles with each further one.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The longest line of a child, in bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// A question on its way to the child.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: u64,
    pub(super) line: Vec<u8>,
    pub(super) answer: Answer,
}

type Answer = oneshot::Sender<Result<Verdict, String>>;

/// The child that runs now.
#[derive(Debug)]
struct Running {
    child: ProcessGroup,
    /// Which start it is: a reader of an earlier child ends nothing of a later one.
    number: u64,
}

/// What is known of the child, for all threads.
#[derive(Debug)]
pub(super) struct Control {
    command: Vec<String>,
    running: Mutex<Option<Running>>,
    /// Questions that the running child has got.
    pending: Mutex<HashMap<u64, Answer>>,
    /// Failures in a row, and when the last one was.
    failures: Mutex<(u32, Option<Instant>)>,
    problem: Mutex<Option<String>>,
    is_closed: AtomicBool,
    ids: AtomicU64,
    asked: AtomicU64,
    denied: AtomicU64,
    failed: AtomicU64,
    started: AtomicU64,
}

impl Control {
    pub(super) fn new(command: Vec<String>) -> Self {
        Self {
            command,
            running: Mutex::default(),
            pending: Mutex::default(),
            failures: Mutex::default(),
            problem: Mutex::default(),
            is_closed: AtomicBool::new(false),
            ids: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            started: AtomicU64::new(0),
        }
    }

    pub(super) fn next_id(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn view(&self) -> ValidatorView {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ValidatorView {
            command: self.command.clone(),
            pid: lock(&self.running).as_ref().map(|running| running.child.leader.id()),
            asked: count(&self.asked),
            denied: count(&self.denied),
            failed: count(&self.failed),
            started: count(&self.started),
            problem: lock(&self.problem).clone(),
        }
    }

    pub(super) fn note_problem(&self, why: String) {
        tracing::warn!(program = self.command.first(), why, "a validator gives no answer");
        *lock(&self.problem) = Some(why);
    }

    pub(super) fn answered(&self, allowed: bool) {
        self.denied.fetch_add(u64::from(!allowed), Ordering::Relaxed);
        *lock(&self.failures) = (0, None);
        *lock(&self.problem) = None;
    }

    pub(super) fn failed(&self, why: String) -> NoVerdict {
        self.failed.fetch_add(1, Ordering::Relaxed);
        *lock(&self.problem) = Some(why.clone());
        NoVerdict(why)
    }

    /// No request waits for the answer to `id` any more.
    pub(super) fn forget(&self, id: u64) {
        lock(&self.pending).remove(&id);
    }

    /// Ends the child that runs now because of `why`.
    pub(super) fn end(&self, why: &str) {
        let number = lock(&self.running).as_ref().map(|running| running.number);
        if let Some(number) = number {
            self.end_number(number, why);
        }
    }

    /// No child is started any more.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.end("the gateway shuts down");
    }

    /// Ends the child of this number, if it is the one that runs, and refuses what waits for it.
    fn end_number(&self, number: u64, why: &str) {
        let ended = {
            let mut running = lock(&self.running);
            if running.as_ref().is_none_or(|running| running.number != number) {
                return;
            }
            running.take()
        };
        let Some(Running { mut child, .. }) = ended else { return };
        // Also what it has started.
        child.kill();
        let _ = child.leader.kill();
        let waited = child.leader.wait();
        child.let_go();
        let why = match waited {
            Ok(status) if !status.success() && why == ENDED => format!("{why} ({status})"),
            _ => why.to_owned(),
        };
        {
            let mut failures = lock(&self.failures);
            *failures = (failures.0.saturating_add(1), Some(Instant::now()));
        }
        self.note_problem(why.clone());
        for (_, answer) in lock(&self.pending).drain() {
            // Who asked may have gone.
            let _ = answer.send(Err(why.clone()));
        }
    }

    /// What is left of the pause before the next start.
    fn pause(&self) -> Option<Duration> {
        let (failures, at) = *lock(&self.failures);
        let pause = PAUSE_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(PAUSE_MAX);
        at.and_then(|at| pause.checked_sub(at.elapsed())).filter(|_| failures > 0)
    }

    fn start(self: &Arc<Self>) -> Result<ChildStdin, String> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err("the gateway shuts down".to_owned());
        }
        if let Some(pause) = self.pause() {
            let why = lock(&self.problem).clone().unwrap_or_default();
            return Err(format!("{why}; it is started again in {} ms", pause.as_millis()));
        }
        let spawned = self.spawn().map_err(|error| {
            let mut failures = lock(&self.failures);
            *failures = (failures.0.saturating_add(1), Some(Instant::now()));
            format!("it cannot be started: {error}")
        });
        let mut child = spawned?;
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let (input, output) = (child.leader.stdin.take(), child.leader.stdout.take());
        *lock(&self.running) = Some(Running { child, number });
        let (Some(input), Some(output)) = (input, output) else {
            self.end_number(number, "it has no input or output");
            return Err("it has no input or output".to_owned());
        };
        let control = Arc::clone(self);
        let reader = std::thread::Builder::new().name("validator-answers".to_owned());
        if let Err(error) = reader.spawn(move || control.read(number, output)) {
            self.end_number(number, "there is no thread for its answers");
            return Err(format!("there is no thread for its answers: {error}"));
        }
        Ok(input)
    }

    fn spawn(&self) -> std::io::Result<ProcessGroup> {
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(std::io::ErrorKind::NotFound.into());
        };
        let mut command = Command::new(program);
        // Credentials are not its business.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"SNOWFLAKE_"))
        {
            command.env_remove(name);
        }
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        ProcessGroup::spawn(os::unblock_signals_in(&mut command))
    }

    /// Reads the answers of the child `number` until it ends.
    fn read(&self, number: u64, output: ChildStdout) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = output.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line);
            match read {
                Ok(0) | Err(_) => return self.end_number(number, ENDED),
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => continue,
                Ok(_) => {}
            }
            let Some((id, verdict)) = protocol::read(&line) else {
                return self.end_number(number, "it wrote a line that is no answer");
            };
            let waits = lock(&self.pending).remove(&id);
            // One that comes too late is nobody's.
            if let Some(answer) = waits {
                let _ = answer.send(Ok(verdict));
            }
        }
    }
}

/// Why a child's answers have come to an end.
const ENDED: &str = "it has ended";

/// Writes the questions to the child, which it starts where there is none, until nobody asks any more.
pub(super) fn write(control: &Arc<Control>, questions: &Receiver<Asked>) {
    let mut input: Option<(u64, ChildStdin)> = None;
    while let Ok(Asked { id, line, answer }) = questions.recv() {
        if answer.is_closed() {
            continue;
        }
        let running = lock(&control.running).as_ref().map(|running| running.number);
        if input.as_ref().map(|(number, _)| *number) != running || input.is_none() {
            input = None;
            match control.start() {
                Ok(started) => {
                    let number = control.started.load(Ordering::Relaxed);
                    input = Some((number, started));
                }
                Err(why) => {
                    let _ = answer.send(Err(why));
                    continue;
                }
            }
        }
        let Some((number, input)) = &mut input else { continue };
        lock(&control.pending).insert(id, answer);
        // The caller may have gone in between, and would not take it out any more.
        lock(&control.pending).retain(|_, answer| !answer.is_closed());
        if input.write_all(&line).and_then(|()| input.flush()).is_err() {
            control.end_number(*number, ENDED);
        }
        // It may have ended between the look and the line above: then nobody reads the answer.
        let is_running = lock(&control.running).as_ref().is_some_and(|running| running.number == *number);
        if !is_running && let Some(answer) = lock(&control.pending).remove(&id) {
            let _ = answer.send(Err(ENDED.to_owned()));
        }
    }
    control.end("nobody asks it any more");
}
