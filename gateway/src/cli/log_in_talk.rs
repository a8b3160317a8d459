//! What a person does for a log-in, asked for one after the other: a password, a passcode, an approval elsewhere. The same for
//! `snowgate login`, which asks the gateway, and for `snowgate setup`, which logs in by itself.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::login::NotLoggedIn;
use super::person::Person;
use crate::link::{LogInAsked, LogInView, Need, Passcode, Password};

/// How long the command waits for the user, who is in a browser or has a phone in hand: a little longer than
/// the gateway does.
const USER_TIMEOUT: Duration = Duration::from_secs(310);

/// Between two questions whether the user is done, where the first is not held.
const ASK_PAUSE: Duration = Duration::from_millis(250);

/// Secrets that are asked for in one log-in, at most: a wrong password counts at the account, which locks the user after five.
const SECRETS_ASKED_MAX: usize = 3;

/// What the outcome of a log-in is asked of; `None`: it is not there.
pub(super) type Asks<'a> = dyn FnMut(&LogInAsked) -> Result<Option<LogInView>> + 'a;

/// Logs in, with the help of `person` if there is one. `first` is what is known already.
pub(super) fn log_in(
    asks: &mut Asks<'_>,
    first: &LogInAsked,
    mut person: Option<&mut (dyn Person + '_)>,
    tell: &mut dyn FnMut(&str),
) -> Result<Option<LogInView>> {
    let connection = first.connection.clone();
    let next =
        |passcode, password, joins| LogInAsked { connection: connection.clone(), passcode, password, joins };
    let Some(mut view) = asks(first)? else { return Ok(None) };
    for _ in 0..SECRETS_ASKED_MAX {
        let Some(person) = person.as_deref_mut() else { break };
        let asked = match view.needs {
            Need::Password => {
                person.tell(&format!("snowgate: {}", view.problem.as_deref().unwrap_or_default()))?;
                let typed = person
                    .ask_hidden("Password (kept in the gateway's memory only, and written nowhere):")?;
                next(None, Some(Password::new(&typed).map_err(NotLoggedIn::password)?), false)
            }
            Need::Passcode => {
                person.tell(&format!("snowgate: {}", view.problem.as_deref().unwrap_or_default()))?;
                let typed = person.ask_hidden("Passcode:")?;
                next(Some(Passcode::parse(&typed).map_err(NotLoggedIn::usage)?), None, false)
            }
            _ => break,
        };
        let Some(then) = asks(&asked)? else { return Ok(None) };
        view = then;
        view = match wait(asks, &next(None, None, true), view, tell)? {
            Some(view) => view,
            None => return Ok(None),
        };
    }
    wait(asks, &next(None, None, true), view, tell)
}

/// Waits for what the user does elsewhere, and tells what that is.
fn wait(
    asks: &mut Asks<'_>,
    joining: &LogInAsked,
    mut view: LogInView,
    tell: &mut dyn FnMut(&str),
) -> Result<Option<LogInView>> {
    let deadline = Instant::now() + USER_TIMEOUT;
    let mut told = None;
    while view.needs == Need::User && Instant::now() < deadline {
        if told != view.problem {
            tell(view.problem.as_deref().unwrap_or_default());
            told.clone_from(&view.problem);
        }
        std::thread::sleep(ASK_PAUSE);
        let Some(next) = asks(joining)? else { return Ok(None) };
        view = next;
    }
    Ok(Some(view))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::person::script::Scripted;
    use super::*;

    fn view(needs: Need) -> LogInView {
        LogInView {
            logged_in: needs == Need::Nothing,
            connection: None,
            backend: "snowflake".to_owned(),
            target: None,
            problem: Some(format!("{needs:?}")),
            code: None,
            next_step: None,
            needs,
        }
    }

    fn talked(
        needs: &[Need],
        answers: &[&'static str],
    ) -> (Result<Option<LogInView>>, Vec<LogInAsked>, String) {
        let (mut left, mut seen): (VecDeque<_>, Vec<_>) = (needs.iter().copied().collect(), Vec::new());
        let mut person = Scripted::new(answers);
        let mut said = String::new();
        let done = log_in(
            &mut |asked: &LogInAsked| {
                seen.push(asked.clone());
                Ok(left.pop_front().map(view))
            },
            &LogInAsked::default(),
            Some(&mut person),
            &mut |text| said.push_str(text),
        );
        (done, seen, said)
    }

    #[test]
    fn a_password_and_then_a_code_are_asked_for() {
        let (done, seen, _) = talked(&[Need::Password, Need::Passcode, Need::Nothing], &["pw", "123 456"]);
        assert!(done.unwrap().unwrap().logged_in);
        assert_eq!(seen[1].password, Password::new("pw").ok());
        assert_eq!(seen[2].passcode, Passcode::parse("123456").ok());
        assert!(seen[2].password.is_none());
    }

    #[test]
    fn an_approval_elsewhere_is_waited_for() {
        let (done, seen, said) = talked(&[Need::User, Need::User, Need::Nothing], &[]);
        assert!(done.unwrap().unwrap().logged_in);
        assert_eq!(seen.iter().map(|asked| asked.joins).collect::<Vec<_>>(), [false, true, true]);
        assert_eq!(said, "User", "told once");
    }

    #[test]
    fn wrong_passwords_are_not_asked_for_without_end() {
        let (done, seen, _) = talked(&[Need::Password; 9], &["a", "b", "c", "d", "e"]);
        assert_eq!(done.unwrap().unwrap().needs, Need::Password);
        assert_eq!(seen.len(), 1 + SECRETS_ASKED_MAX);
    }
}
