//! The profile of a session at its hello.
//!
//! | the session | its profile |
//! |---|---|
//! | is new | the one that was asked for, or the first that fits; open if that depends on the client's name |
//! | had one before | the same, whatever fits now: a changed configuration counts for new sessions |
//! | is that of an HTTP client without a session id | chosen anew each time it is opened, by what it is called: such a client has no new sessions |
//! | had one that is gone | that name, and its calls are refused until it is there again; if the client asks for it by name, so is its connection |

use std::sync::Arc;

use snowgate_link::hello::{ClientHello, Refusal};

use super::handshake::refusal;
use super::inner::InnerClient;
use crate::config::{Config, PROFILE_DEFAULT};
use crate::isolation::{Choice, ClientName, Decision, NoProfile, Who, choose};
use crate::session::{ClientSet, Profile, ProfileProblem, Profiles, ResumeState, kept_name};
use crate::shared::Shared;

/// A session's profile, as far as its hello tells.
pub(super) struct AtHello {
    /// The profile; if it is open, what a client without a name would get.
    pub(super) profile: Arc<Profile>,
    /// Why; `None`: it is open.
    pub(super) why: Option<String>,
    /// Why the session's calls are refused.
    pub(super) problem: Option<ProfileProblem>,
}

/// The profile for the session that `hello` asks for, of which an earlier gateway says `state`.
///
/// # Errors
/// There is no profile of the name that was asked for, or it cannot be used.
pub(super) fn of_hello(
    shared: &Shared,
    set: Option<&ClientSet>,
    hello: &ClientHello,
    client: &InnerClient,
    state: Option<&ResumeState>,
) -> Result<AtHello, Refusal> {
    let (config, profiles) = shared.configured(set);
    let (config, profiles) = (&*config, &*profiles);
    let key = client.api_key.as_deref();
    let mut found = unbounded(config, profiles, hello, client, state)?;
    found.profile = profiles.for_key(config, found.profile, key);
    Ok(found)
}

/// The same, not yet bounded by the role of the session's API key.
fn unbounded(
    config: &Config,
    profiles: &Profiles,
    hello: &ClientHello,
    client: &InnerClient,
    state: Option<&ResumeState>,
) -> Result<AtHello, Refusal> {
    let key = client.api_key.as_deref();
    let called = match client.called.as_deref() {
        _ if !client.has_several_clients => ClientName::NotYet,
        Some(name) => ClientName::Named(name),
        None => ClientName::Unnamed,
    };
    let state = state.filter(|_| !client.has_several_clients);
    let who = Who {
        client: called,
        parent: hello.origin.parent_exe.as_deref(),
        folder: hello.origin.cwd.as_deref(),
        key: key.map(|key| key.name.as_str()),
    };
    let chosen = choose(config, who, hello.profile.as_deref());
    if let Err(error @ NoProfile::Unknown(_)) = &chosen {
        // Also for a session that comes back: the name stands in its client's configuration.
        return Err(refused(error));
    }
    if let Some(kept) = state.and_then(|state| state.profile.as_deref()) {
        return Ok(of_earlier(config, profiles, kept, chosen.ok()));
    }
    // An earlier build chose by name alone, and its session goes on.
    if state.is_some_and(|state| state.registered || state.revision.is_some()) {
        let name = hello.profile.as_deref().unwrap_or(PROFILE_DEFAULT);
        return Ok(of_earlier(config, profiles, name, chosen.ok()));
    }
    match chosen.map_err(|error| refused(&error))? {
        Decision::Made(Choice { profile, why, .. }) => {
            Ok(AtHello { profile: find(config, profiles, &profile)?, why: Some(why), problem: None })
        }
        Decision::Open(Choice { profile, .. }) => {
            Ok(AtHello { profile: find(config, profiles, &profile)?, why: None, problem: None })
        }
    }
}

/// The profile that the session had before, as it is `kept`.
fn of_earlier(config: &Config, profiles: &Profiles, kept: &str, now: Option<Decision>) -> AtHello {
    let found = config.profile_order.iter().find(|name| kept_name(name) == kept || *name == kept);
    let profile = found.and_then(|name| profiles.find(config, name).ok());
    let Some(profile) = profile else {
        let problem = ProfileProblem::gone(kept);
        let profile = Arc::new(Profile::gone(config, kept));
        return AtHello {
            profile,
            why: Some("the session had it before".to_owned()),
            problem: Some(problem),
        };
    };
    let why = match now {
        Some(Decision::Made(choice)) if choice.profile == profile.name => choice.why,
        _ => "the session had it before".to_owned(),
    };
    AtHello { profile, why: Some(why), problem: None }
}

fn find(config: &Config, profiles: &Profiles, name: &str) -> Result<Arc<Profile>, Refusal> {
    profiles.find(config, name).map_err(|error| refused(&error.into()))
}

fn refused(error: &NoProfile) -> Refusal {
    let next_step = match error {
        NoProfile::Unknown(_) => "correct --profile or SNOWGATE_PROFILE, or add the profile",
        NoProfile::Given { .. } => "remove --profile or SNOWGATE_PROFILE from the client's configuration",
    };
    refusal(error.to_string(), Some(next_step.into()))
}

#[cfg(test)]
mod tests {
    use snowgate_link::hello::Role;

    use super::*;
    use crate::config::ProfileConfig;
    use crate::shared::testing::TestGateway;

    #[tokio::test]
    async fn a_session_keeps_its_profile_and_a_client_without_one_gets_what_fits_now() {
        let gateway = TestGateway::with(|config| {
            for name in ["first", "second"] {
                config.profiles.insert(name.to_owned(), ProfileConfig::default());
                config.profile_order.push(name.to_owned());
            }
        })
        .await;
        let state = ResumeState { profile: Some("first".to_owned()), ..ResumeState::default() };
        let mut hello = ClientHello::new(Role::Client);
        hello.profile = Some("second".to_owned());
        let profile = |has_several_clients| {
            let client = InnerClient { has_several_clients, ..InnerClient::default() };
            let found = of_hello(&gateway.shared, None, &hello, &client, Some(&state));
            found.ok().map(|found| found.profile.name.clone())
        };
        assert_eq!(profile(false).as_deref(), Some("first"));
        assert_eq!(profile(true).as_deref(), Some("second"));
    }
}
