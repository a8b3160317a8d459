//! Passwords, and second factors beside them.

use super::proof::ProofCheck;
use super::{Asked, refusals, user_of};
use crate::answers::Refusal;
use crate::state::State;
use crate::{SecondFactor, User};

pub(super) fn check(state: &mut State, asked: &Asked<'_>) -> Result<ProofCheck, Refusal> {
    let user = user_of(state, &asked.user())?;
    let given = asked.text("PASSWORD");
    // A programmatic access token may stand in for a password.
    if user.access_tokens.contains(given) {
        return Ok(ProofCheck::Proven(user.name.clone()));
    }
    let (password, passcode) = split(user, asked, given);
    if user.password.as_deref() != Some(password) {
        user.count_failure();
        return Err(refusals::wrong_password());
    }
    user.failures = 0;
    let remembered = asked.filled("TOKEN").is_some_and(|token| user.mfa_tokens.contains(token));
    if remembered {
        return Ok(ProofCheck::Proven(user.name.clone()));
    }
    second_factor(user, passcode)
}

/// The password and the passcode, which may be appended to it.
fn split<'a>(user: &User, asked: &'a Asked<'_>, given: &'a str) -> (&'a str, Option<&'a str>) {
    let passcode = asked.filled("PASSCODE");
    if passcode.is_some() || asked.text("EXT_AUTHN_DUO_METHOD") != "passcode" {
        return (given, passcode);
    }
    match user.password.as_deref().and_then(|password| given.strip_prefix(password)) {
        Some(appended) => (&given[..given.len() - appended.len()], Some(appended)),
        None => (given, None),
    }
}

fn second_factor(user: &User, passcode: Option<&str>) -> Result<ProofCheck, Refusal> {
    let name = user.name.clone();
    match (&user.second_factor, passcode) {
        (SecondFactor::None, _) => Ok(ProofCheck::Proven(name)),
        (SecondFactor::Passcode(_), None) => Err(refusals::passcode_needed(&name)),
        (SecondFactor::Passcode(code), Some(given)) if code == given => Ok(ProofCheck::Proven(name)),
        (SecondFactor::Passcode(_), Some(_)) => Err(refusals::wrong_passcode()),
        (SecondFactor::Push(gate), _) => Ok(ProofCheck::AfterPush(name, gate.clone())),
        (SecondFactor::DeniedPush, _) => Err(refusals::push_denied()),
    }
}
