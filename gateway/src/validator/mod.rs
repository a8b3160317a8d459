//! Programs of the user's own that are asked whether a statement may run.
//!
//! One long-lived child for each command: it gets one JSON object a line on its standard input and answers one a line
//! on its standard output, in any order, under the question's `id`. Everything else than a clear "allow" within
//! [`ANSWER_TIMEOUT`] is a refusal: no answer, an answer that cannot be read, a child that ends. After that the child
//! is ended, and started again by the next question, after a pause that doubles with each failure in a row.
//!
//! | the child | the statements that wait for it | the next question |
//! |---|---|---|
//! | cannot be started | are refused | starts it again, after the pause |
//! | does not answer in time | are refused; it is ended | the same |
//! | ends, or writes what is no answer | are refused | the same |
//! | reads nothing | are refused when their time is up; it is ended | the same |

mod child;
mod protocol;

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use child::{Asked, Control};
pub use protocol::{Question, QuestionObject, Verdict};

/// How long an answer may take.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Questions that wait to be written, at most; further ones are refused.
const WAITING_MAX: usize = 1024;

/// Why there is no verdict: the statement does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoVerdict(pub String);

/// A validator, for `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidatorView {
    /// Its program and arguments.
    pub command: Vec<String>,
    /// Its process; `None`: it is not running.
    pub pid: Option<u32>,
    /// Statements that it was asked about.
    pub asked: u64,
    /// Those that it did not allow.
    pub denied: u64,
    /// Those that were refused because it gave no answer.
    pub failed: u64,
    /// How often it was started.
    pub started: u64,
    /// Why it has given no answer, the last time.
    pub problem: Option<String>,
}

/// All validators of a gateway, by their commands.
#[derive(Debug, Default)]
pub struct Validators {
    by_command: Mutex<BTreeMap<Vec<String>, Arc<Validator>>>,
}

/// One child, and the thread that writes to it.
#[derive(Debug)]
pub struct Validator {
    control: Arc<Control>,
    questions: SyncSender<Asked>,
}

impl Validators {
    /// The validator of `command`; it is started by the first question.
    pub fn of(&self, command: &[String]) -> Arc<Validator> {
        let mut all = lock(&self.by_command);
        if let Some(validator) = all.get(command) {
            return Arc::clone(validator);
        }
        let validator = Arc::new(Validator::new(command.to_vec()));
        all.insert(command.to_vec(), Arc::clone(&validator));
        validator
    }

    /// Those that were used, for `status`.
    pub fn views(&self) -> Vec<ValidatorView> {
        lock(&self.by_command).values().map(|validator| validator.control.view()).collect()
    }

    /// Ends all of them, and waits until they are gone. Statements that wait for them are refused.
    pub fn close(&self) {
        for validator in lock(&self.by_command).values() {
            validator.control.close();
        }
    }
}

impl Validator {
    fn new(command: Vec<String>) -> Self {
        let control = Arc::new(Control::new(command));
        let (questions, received) = sync_channel(WAITING_MAX);
        let writer = Arc::clone(&control);
        let thread = std::thread::Builder::new().name("validator".to_owned());
        if let Err(error) = thread.spawn(move || child::write(&writer, &received)) {
            control.note_problem(format!("there is no thread for it: {error}"));
        }
        Self { control, questions }
    }

    /// What the program says of `question`.
    ///
    /// # Errors
    /// It says nothing within [`ANSWER_TIMEOUT`], or nothing that is an answer.
    pub async fn ask(&self, question: &Question<'_>) -> Result<Verdict, NoVerdict> {
        let id = self.control.next_id();
        let (answer, verdict) = oneshot::channel();
        // Also where no request waits any more: what is asked is forgotten with the caller.
        let _pending = Pending { control: &self.control, id };
        let asked = Asked { id, line: question.to_line(id), answer };
        let refused = self.questions.try_send(asked).map_err(|error| match error {
            TrySendError::Full(_) => format!("{WAITING_MAX} statements wait for it already"),
            TrySendError::Disconnected(_) => "it is not running, and cannot be started".to_owned(),
        });
        if let Err(why) = refused {
            return Err(self.control.failed(why));
        }
        match tokio::time::timeout(ANSWER_TIMEOUT, verdict).await {
            Ok(Ok(Ok(verdict))) => {
                self.control.answered(verdict.allow);
                Ok(verdict)
            }
            Ok(Ok(Err(why))) => Err(self.control.failed(why)),
            Ok(Err(_)) => Err(self.control.failed("it has ended".to_owned())),
            Err(_) => {
                let why = format!("it did not answer within {} ms", ANSWER_TIMEOUT.as_millis());
                // It waits for the child's end. A panic in there is in the log.
                let (control, said) = (Arc::clone(&self.control), why.clone());
                let _ = tokio::task::spawn_blocking(move || control.end(&said)).await;
                Err(self.control.failed(why))
            }
        }
    }
}

/// A question under way; forgotten when this is dropped.
struct Pending<'a> {
    control: &'a Control,
    id: u64,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.control.forget(self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
