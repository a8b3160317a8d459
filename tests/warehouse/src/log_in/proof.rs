//! Whether a log-in proves who it is.

use super::{Asked, jwt, password, refusals, user_of};
use crate::answers::Refusal;
use crate::state::State;
use crate::{Gate, User};

/// What the proof is worth.
pub(super) enum ProofCheck {
    /// It is this user.
    Proven(String),
    /// It is this user, when the gate opens.
    AfterPush(String, Gate),
}

pub(super) fn check(state: &mut State, asked: &Asked<'_>) -> Result<ProofCheck, Refusal> {
    let authenticator = asked.authenticator();
    if authenticator == "OAUTH" {
        return oauth(state, asked).map(ProofCheck::Proven);
    }
    if authenticator == "WORKLOAD_IDENTITY" {
        return workload(state, asked).map(ProofCheck::Proven);
    }
    let name = asked.user();
    if user_of(state, &name)?.locked {
        return Err(refusals::locked());
    }
    let token = asked.text("TOKEN");
    match authenticator.as_str() {
        "SNOWFLAKE" | "USERNAME_PASSWORD_MFA" => return password::check(state, asked),
        "SNOWFLAKE_JWT" => jwt::check(token, &name, &user_of(state, &name)?.public_keys)?,
        "PROGRAMMATIC_ACCESS_TOKEN" => {
            let known = user_of(state, &name)?.access_tokens.contains(token);
            known.then_some(()).ok_or_else(refusals::invalid_access_token)?;
        }
        "ID_TOKEN" => {
            let known = user_of(state, &name)?.id_tokens.contains(token);
            known.then_some(()).ok_or_else(refusals::invalid_id_token)?;
        }
        "EXTERNALBROWSER" => {
            let taken = state.challenges.take(&name, token, asked.text("PROOF_KEY"));
            taken.then_some(()).ok_or_else(refusals::browser_mismatch)?;
        }
        _ => return Err(refusals::unknown_authenticator()),
    }
    Ok(ProofCheck::Proven(name))
}

/// The provider's token says whose it is.
fn workload(state: &State, asked: &Asked<'_>) -> Result<String, Refusal> {
    let (provider, token) = (asked.text("PROVIDER"), asked.text("TOKEN"));
    let has_it = |user: &&User| user.workload_tokens.contains(&(provider.to_owned(), token.to_owned()));
    let owner = state.users.values().find(has_it).ok_or_else(refusals::unknown_workload)?;
    let named = asked.user();
    match (owner.locked, named.is_empty() || named == owner.name) {
        (true, _) => Err(refusals::locked()),
        (false, true) => Ok(owner.name.clone()),
        (false, false) => Err(refusals::unknown_workload()),
    }
}

/// The token says whose it is; a name beside it must be the same.
fn oauth(state: &State, asked: &Asked<'_>) -> Result<String, Refusal> {
    let token = asked.text("TOKEN");
    let owner = state.users.values().find(|user| user.oauth_tokens.contains_key(token));
    let owner = owner.ok_or_else(refusals::invalid_oauth_token)?;
    if owner.locked {
        return Err(refusals::locked());
    }
    if owner.oauth_tokens[token] {
        return Err(refusals::expired_oauth_token());
    }
    let named = asked.user();
    if named.is_empty() || named == owner.name {
        Ok(owner.name.clone())
    } else {
        Err(refusals::invalid_oauth_token())
    }
}
