//! Questions to a person at a terminal. They go to stderr: stdout is for results.

use std::io::{BufRead, ErrorKind, IsTerminal, Read, Write, stderr, stdin};

use anyhow::Result;

use crate::streams::escaped_lines;

/// Bytes of an answer, at most.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Wrong answers to one question, at most: what answers wrongly so often is no person.
const ATTEMPTS_MAX: usize = 10;

/// The person has gone, or has pressed Ctrl-C or Ctrl-D, or does not want it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("cancelled{}{}", if state.is_empty() { "" } else { "; " }, state)]
pub(super) struct Cancelled {
    /// What was done before, and what was not: only the command knows.
    state: &'static str,
}

impl Cancelled {
    /// `error`, and if it is this one that has not said so yet, with what was done and what was not.
    pub(super) fn after(error: anyhow::Error, state: &'static str) -> anyhow::Error {
        if error.downcast_ref() == Some(&Self::default()) { Self { state }.into() } else { error }
    }
}

/// Who is asked.
pub(super) trait Person {
    /// Shows a text.
    fn tell(&mut self, text: &str) -> Result<()>;

    /// Asks for a line.
    fn ask(&mut self, question: &str) -> Result<String>;

    /// Asks for a line that is not shown.
    fn ask_hidden(&mut self, question: &str) -> Result<String>;
}

/// Whether there is a person to be asked.
pub(super) fn is_at_terminal() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// The person at the terminal.
pub(super) struct AtTerminal;

impl Person for AtTerminal {
    fn tell(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(stderr(), "{}", escaped_lines(text))?)
    }

    fn ask(&mut self, question: &str) -> Result<String> {
        write!(stderr(), "{} ", escaped_lines(question)).and_then(|()| stderr().flush())?;
        let mut line = String::new();
        if stdin().lock().take(ANSWER_BYTES_MAX).read_line(&mut line)? == 0 {
            return Err(Cancelled::default().into());
        }
        Ok(line.trim().to_owned())
    }

    fn ask_hidden(&mut self, question: &str) -> Result<String> {
        crate::os::read_hidden_line(&format!("{question} ")).map_err(|error| match error.kind() {
            ErrorKind::Interrupted | ErrorKind::UnexpectedEof => Cancelled::default().into(),
            _ => error.into(),
        })
    }
}

/// Asks until the answer is right; an empty answer is `default`.
pub(super) fn ask<T>(
    person: &mut dyn Person,
    question: &str,
    default: Option<&str>,
    mut read: impl FnMut(&str) -> Result<T, String>,
) -> Result<T> {
    let shown = default.filter(|text| !text.is_empty()).map(|text| format!(" [{text}]")).unwrap_or_default();
    for _ in 0..ATTEMPTS_MAX {
        let answer = person.ask(&format!("{question}{shown}:"))?;
        let answer = if answer.is_empty() { default.unwrap_or_default() } else { &answer };
        match read(answer) {
            Ok(value) => return Ok(value),
            Err(hint) => person.tell(&format!("  {hint}"))?,
        }
    }
    Err(Cancelled::default().into())
}

/// Asks a question that is answered with yes or no.
pub(super) fn ask_whether(person: &mut dyn Person, question: &str, default: bool) -> Result<bool> {
    let shown = if default { "Y/n" } else { "y/N" };
    ask(person, &format!("{question} [{shown}]"), Some(""), |answer| {
        match answer.to_ascii_lowercase().as_str() {
            "" => Ok(default),
            "y" | "yes" => Ok(true),
            "n" | "no" => Ok(false),
            _ => Err("answer y or n".to_owned()),
        }
    })
}

/// Asks for one of several; the answer is its number, or the beginning of its name.
pub(super) fn ask_which(person: &mut dyn Person, question: &str, choices: &[(&str, &str)]) -> Result<usize> {
    person.tell(question)?;
    for (number, (name, title)) in choices.iter().enumerate() {
        person.tell(&format!("  {}) {name}: {title}", number + 1))?;
    }
    let is_one = |number: &usize| (1..=choices.len()).contains(number);
    ask(person, "Number", Some("1"), |answer| {
        if let Some(number) = answer.parse().ok().filter(is_one) {
            return Ok(number - 1);
        }
        let lower = answer.to_ascii_lowercase();
        choices
            .iter()
            .position(|(name, _)| name.to_ascii_lowercase() == lower)
            .ok_or_else(|| format!("answer with a number from 1 to {}", choices.len()))
    })
}

#[cfg(test)]
pub(super) mod script {
    use std::collections::VecDeque;

    use super::*;

    /// A person whose answers are known.
    pub(in crate::cli) struct Scripted {
        pub(in crate::cli) answers: VecDeque<&'static str>,
        pub(in crate::cli) said: String,
    }

    impl Scripted {
        pub(in crate::cli) fn new(answers: &[&'static str]) -> Self {
            Self { answers: answers.iter().copied().collect(), said: String::new() }
        }
    }

    impl Person for Scripted {
        fn tell(&mut self, text: &str) -> Result<()> {
            self.said.push_str(&format!("{text}\n"));
            Ok(())
        }

        fn ask(&mut self, question: &str) -> Result<String> {
            let answer = self.answers.pop_front().ok_or(Cancelled::default())?;
            self.said.push_str(&format!("{question} {answer}\n"));
            Ok(answer.to_owned())
        }

        fn ask_hidden(&mut self, question: &str) -> Result<String> {
            self.said.push_str(&format!("{question}\n"));
            Ok(self.answers.pop_front().ok_or(Cancelled::default())?.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::script::Scripted;
    use super::*;

    #[test]
    fn a_wrong_answer_is_asked_again_with_a_hint() {
        let mut person = Scripted::new(&["maybe", "y"]);
        assert!(ask_whether(&mut person, "Sure?", false).unwrap());
        assert!(person.said.contains("answer y or n"), "{}", person.said);
        let mut person = Scripted::new(&["9", "two"]);
        assert_eq!(ask_which(&mut person, "Which?", &[("one", "1"), ("two", "2")]).unwrap(), 1);
    }

    #[test]
    fn what_was_done_before_it_was_cancelled_is_said_by_who_knows_it_first() {
        let error = Cancelled::after(Cancelled::default().into(), "the file is as it was");
        let error = Cancelled::after(error, "something else");
        assert_eq!(error.to_string(), "cancelled; the file is as it was");
        assert_eq!(Cancelled::default().to_string(), "cancelled");
        assert_eq!(Cancelled::after(anyhow::anyhow!("other"), "x").to_string(), "other");
    }

    #[test]
    fn who_goes_away_or_never_answers_cancels() {
        assert!(ask_whether(&mut Scripted::new(&[]), "Sure?", true).unwrap_err().is::<Cancelled>());
        assert!(ask_whether(&mut Scripted::new(&["x"; 20]), "Sure?", true).unwrap_err().is::<Cancelled>());
    }
}
