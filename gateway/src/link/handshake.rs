//! A shim's hello becomes a session: a new one, or one that had a connection before.

use snowgate_link::hello::{ClientHello, Refusal, Resume, SessionKey};

use super::client_settings::{self, Settled};
use super::inner::InnerClient;
use super::profile::{self, AtHello};
use super::restore::{self, Restored};
use crate::mcp::Mcp;
use crate::os::RAISE_LIMIT;
use crate::session::{
    Claim, Opening, Profile, ResumeState, Session, SessionContext, SessionGuard, SessionTable,
};
use crate::shared::{Descriptors, Shared};
use crate::state::{Counts, SessionLookup, ShimProcess};

/// The longest session name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The process at the other end, as the system says.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) uid: u32,
    pub(super) shim: Option<ShimProcess>,
    /// What a front within the process says.
    pub(super) inner: InnerClient,
}

/// What the state file says of a session.
struct Past {
    /// This gateway's journal.
    journal: Option<String>,
    /// `None` where it could not be asked.
    found: Option<SessionLookup>,
}

impl Past {
    /// Whether a statement that this gateway's journal does not have was not run for the session.
    fn journal_is_whole(&self, resume: Resume, state: &ResumeState) -> bool {
        let has_all = match self.found {
            // It was gone for good, as far as the file knew, and its journal with it.
            Some(SessionLookup::Found { attached, .. }) => attached,
            // It is registered only from its first call on.
            Some(SessionLookup::Unknown | SessionLookup::ForeignSecret) => !state.registered,
            None => false,
        };
        match resume {
            // Nothing was run for it; of a session that is lost, the shim gives up what may have been.
            Resume::New | Resume::Lost => self.journal.is_some(),
            Resume::Rebuilt => has_all && self.journal.is_some() && state.journal == self.journal,
        }
    }
}

/// A refusal that the next gateway would repeat.
pub(super) fn refusal(message: String, next_step: Option<String>) -> Refusal {
    Refusal { message, next_step, retry: false }
}

/// Opens the session that `hello` asks for.
///
/// # Errors
/// What the shim is told, and what to do about it.
pub(super) async fn open_session(
    mcp: &Mcp,
    hello: &ClientHello,
    peer: Peer,
) -> Result<(SessionGuard, Resume), Refusal> {
    let shared = &*mcp.shared;
    if shared.shutdown.drain.is_cancelled() {
        let message = "the gateway is shutting down".into();
        return Err(Refusal { message, next_step: None, retry: true });
    }
    if shared.descriptors.is_short() {
        return Err(refusal(Descriptors::shortage(), Some(RAISE_LIMIT.into())));
    }
    let name = check_name(hello.session_name.as_deref())?;
    let claim = shared.sessions.claim(hello.session.as_ref());
    let (claim, past) = look_up(shared, claim).await;
    let state = hello.state.as_deref().map(ResumeState::read);
    let Settled { set, difference: settings } = client_settings::settle(shared, hello, peer.shim).await;
    let AtHello { profile, why, problem } = profile::of_hello(
        shared,
        set.as_deref(),
        hello,
        &peer.inner,
        state.as_ref().and_then(Option::as_ref),
    )?;
    let Restored { context, notice } = match &state {
        // It is resolved once the profile is known.
        _ if why.is_none() => SessionContext::default().into(),
        Some(state) if problem.is_some() => restore::unresolved(state.as_ref()).into(),
        Some(state) => restore::of_shim(shared, &profile, state.as_ref()).await,
        None => restore::of_profile(shared, &profile).await?.into(),
    };
    let (key, resume) = match claim {
        Claim::New(key) => (key, Resume::New),
        Claim::Resumed(key) => (key, Resume::Rebuilt),
        Claim::Lost(key) => (key, Resume::Lost),
    };
    let state = state.flatten().unwrap_or_default();
    let tools = why.is_some().then(|| mcp.tools(&profile).digest.clone());
    let (counts, started_ms) = match past.found {
        Some(SessionLookup::Found { counts, started_ms, .. }) => (counts, Some(started_ms)),
        Some(SessionLookup::Unknown | SessionLookup::ForeignSecret) | None => (Counts::default(), None),
    };
    let lost_state = lost_state(shared, &profile, &key, state.held.clone());
    let opening = Opening {
        key,
        origin: hello.origin.clone(),
        api_key: peer.inner.api_key,
        address: peer.inner.address,
        front: peer.inner.front,
        uid: peer.uid,
        shim: peer.shim,
        profile,
        profile_why: why,
        profile_problem: problem,
        asked_profile: hello.profile.clone(),
        name,
        is_resumed: resume != Resume::New,
        journal_is_whole: past.journal_is_whole(resume, &state),
        journal: past.journal,
        is_registered: state.registered,
        is_persisted: started_ms.is_some(),
        tools_before: state.tools.filter(|offered| tools.as_ref() != Some(offered)),
        tools,
        revision: state.revision,
        lost_state,
        denials: state.denials,
        limited: state.limited,
        log_level: state.log,
        counts,
        started_ms,
        settings,
        set,
    };
    let session = Session::new(opening, context);
    if let Some(notice) = notice {
        session.set_notice(notice);
    }
    if let Some(why) = shared.sessions.take_closed(&session.key.id) {
        session.add_notice(why);
    }
    let guard = shared.sessions.open(session).map_err(|error| match &shared.descriptors.budget.problem {
        Some(problem) => refusal(format!("{error}: {problem}"), Some(RAISE_LIMIT.into())),
        None => {
            refusal(error.to_string(), Some("close a client, or raise `sessions_max` under [gateway]".into()))
        }
    })?;
    if resume != Resume::New {
        shared.sessions.note_resumed();
        shared.reopen(&guard.session);
    }
    Ok((guard, resume))
}

/// What of `held`, which the shim says the session's connection held, is gone: all of it, unless this gateway still has
/// that connection.
fn lost_state(shared: &Shared, profile: &Profile, key: &SessionKey, held: Option<String>) -> Option<String> {
    let pools = shared.multiplexer.opened();
    let pool = pools.iter().find(|(name, _)| *name == profile.connection);
    held.filter(|_| pool.is_none_or(|(_, pool)| pool.held_by(&key.id).is_none()))
}

fn check_name(name: Option<&str>) -> Result<Option<String>, Refusal> {
    let Some(name) = name else { return Ok(None) };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(Some(name.to_owned()));
    }
    let message = format!("the session name {:?} cannot be used", name.chars().take(32).collect::<String>());
    let next_step = format!(
        "give --session or SNOWGATE_SESSION 1 to {NAME_BYTES_MAX} letters, digits, dots, dashes or underscores"
    );
    Err(refusal(message, Some(next_step)))
}

/// Asks the state file about a session that comes back. Without an answer, nothing is known of it. A new
/// session needs nothing but the journal's name, which is known without asking.
async fn look_up(shared: &Shared, claim: Claim) -> (Claim, Past) {
    let Claim::Resumed(key) = &claim else {
        let past = Past { journal: shared.state.id_or_open().await, found: Some(SessionLookup::Unknown) };
        return (claim, past);
    };
    let found = shared.state.find(key).await.inspect_err(|error| {
        tracing::warn!(%error, "cannot look up a session that comes back");
    });
    let past = Past { journal: shared.state.id(), found: found.ok() };
    let is_foreign = past.found == Some(SessionLookup::ForeignSecret);
    (if is_foreign { Claim::Lost(SessionTable::fresh_key()) } else { claim }, past)
}
