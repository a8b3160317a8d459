//! Which profile a session has: at its hello where that does not depend on what the client calls itself, else before the
//! first request that needs it.

use std::sync::Arc;

use crate::isolation::{Choice, ClientName, Decision, Who, choose};
use crate::mcp::Mcp;
use crate::session::{ChosenProfile, Profile, ProfileProblem, Session, SessionContext};
use crate::shared::Shared;

/// Fixes the profile of `session`, whose client is called `client`, unless it is fixed. Where that fails, the session's
/// calls are refused, and say why.
pub async fn fix_profile(mcp: &Mcp, session: &Session, client: Option<String>) {
    if session.profile.is_fixed() {
        return;
    }
    let shared = &*mcp.shared;
    let client = client.filter(|name| !name.is_empty());
    let who = Who {
        client: client.as_deref().map_or(ClientName::Unnamed, ClientName::Named),
        parent: session.origin.parent_exe.as_deref(),
        folder: session.origin.cwd.as_deref(),
        key: session.api_key.as_ref().map(|key| key.name.as_str()),
    };
    let (chosen, context) =
        match choose(&shared.configured(session.set.as_deref()).0, who, session.asked_profile.as_deref()) {
            Ok(Decision::Made(choice) | Decision::Open(choice)) => begin(shared, session, choice).await,
            Err(error) => {
                let next_step = "correct --profile or SNOWGATE_PROFILE in the client's configuration";
                let problem = ProfileProblem {
                    message: error.to_string(),
                    next_step: Some(next_step.to_owned()),
                    is_gone: false,
                    is_of_context: false,
                };
                let profile = Arc::new(Profile::gone(
                    &shared.configured(session.set.as_deref()).0,
                    &session.profile.name,
                ));
                (refusing(profile, problem.message.clone(), problem), SessionContext::default())
            }
        };
    session.span.in_scope(|| {
        let profile = &chosen.profile.name;
        match &chosen.problem {
            None => tracing::info!(profile, why = chosen.why, "the session's profile is fixed"),
            Some(problem) => {
                tracing::warn!(
                    profile,
                    why = problem.message,
                    "the session's calls are refused for its profile"
                );
            }
        }
    });
    let tools = mcp.tools(&chosen.profile).digest.clone();
    session.fix_profile(chosen, context, tools);
}

/// The profile that was chosen, and the context that the session begins in.
async fn begin(shared: &Shared, session: &Session, choice: Choice) -> (ChosenProfile, SessionContext) {
    let (config, profiles) = shared.configured(session.set.as_deref());
    let profile = match profiles.find(&config, &choice.profile) {
        Ok(profile) => profile,
        Err(error) => {
            let problem = ProfileProblem {
                message: error.to_string(),
                next_step: None,
                is_gone: false,
                is_of_context: false,
            };
            let profile = Arc::clone(&session.profile);
            return (refusing(profile, choice.why, problem), SessionContext::default());
        }
    };
    let profile = profiles.for_key(&config, profile, session.api_key.as_deref());
    match profile_context(shared, &profile).await {
        Ok(context) => (ChosenProfile { profile, why: choice.why, problem: None }, context),
        Err(problem) => (refusing(profile, choice.why, problem), SessionContext::default()),
    }
}

fn refusing(profile: Arc<Profile>, why: String, problem: ProfileProblem) -> ChosenProfile {
    ChosenProfile { profile, why, problem: Some(problem) }
}

/// The context that sessions of `profile` start in.
///
/// # Errors
/// It does not exist, or its backend cannot be opened.
pub async fn profile_context(shared: &Shared, profile: &Profile) -> Result<SessionContext, ProfileProblem> {
    let context = shared.resolve(profile, &profile.context).await.map_err(|error| ProfileProblem {
        next_step: error.next_step.clone(),
        is_gone: false,
        is_of_context: true,
        message: format!("profile `{}`: {error}", profile.name),
    })?;
    let at = shared.pool(profile).await.ok().map(|pool| pool.place().clone());
    Ok(SessionContext { context, at, ..SessionContext::default() })
}
