//! Questions to the user that a session's client has been given, and not answered yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::backend::Estimate;

/// Open questions of a session, at most; the oldest goes first.
const QUESTIONS_MAX: usize = 8;

/// How long an answer counts.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);

/// The open questions of a session. In memory only: the next gateway asks again.
#[derive(Debug, Default)]
pub struct Questions(Mutex<VecDeque<Question>>);

#[derive(Debug)]
struct Question {
    token: String,
    /// Of the call that it is about.
    digest: [u8; 32],
    estimate: Estimate,
    asked: Instant,
}

impl Questions {
    fn open(&self) -> MutexGuard<'_, VecDeque<Question>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a question about the call of this digest; returns what names it.
    pub fn ask(&self, digest: [u8; 32], estimate: Estimate) -> String {
        let token = Uuid::new_v4().to_string();
        let mut open = self.open();
        while open.len() >= QUESTIONS_MAX {
            open.pop_front();
        }
        open.push_back(Question { token: token.clone(), digest, estimate, asked: Instant::now() });
        token
    }

    /// Takes the question, if it is open and about the call of this digest. Each is answered once.
    pub fn take(&self, token: &str, digest: [u8; 32]) -> Option<Estimate> {
        let mut open = self.open();
        open.retain(|question| question.asked.elapsed() < ANSWER_TIMEOUT);
        let at = open.iter().position(|question| question.token == token && question.digest == digest)?;
        open.remove(at).map(|question| question.estimate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_once_and_for_its_own_call_only() {
        let questions = Questions::default();
        let estimate = Estimate { rows: Some(7), ..Estimate::default() };
        let token = questions.ask([1; 32], estimate);
        assert_eq!(questions.take(&token, [2; 32]), None);
        assert_eq!(questions.take("other", [1; 32]), None);
        assert_eq!(questions.take(&token, [1; 32]), Some(estimate));
        assert_eq!(questions.take(&token, [1; 32]), None);
        let tokens: Vec<String> = (0..=QUESTIONS_MAX).map(|_| questions.ask([1; 32], estimate)).collect();
        assert_eq!(questions.take(&tokens[0], [1; 32]), None, "the oldest went");
        assert!(tokens[1..].iter().all(|token| questions.take(token, [1; 32]).is_some()));
    }
}
