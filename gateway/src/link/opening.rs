//! A shim's hello becomes a session: a new one, or one that had a connection before.

use std::sync::Arc;

use snowgate_link::hello::{ClientHello, Refusal, Resume};
use tokio::task::spawn_blocking;

use crate::backend::Context;
use crate::config::ProfileConfig;
use crate::gateway::Gateway;
use crate::session::{
    CONTEXT_BYTES_MAX, Carried, Claim, Opening, Session, SessionContext, SessionGuard, SessionTable,
    ShimProcess,
};
use crate::state::{Counts, Known};

/// The longest session name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The process at the other end, as the system says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) uid: u32,
    pub(super) shim: Option<ShimProcess>,
}

/// What the state file says of a session.
struct Past {
    /// This gateway's journal.
    journal: Option<String>,
    /// `None` where it could not be asked.
    known: Option<Known>,
}

impl Past {
    /// Whether a statement that this gateway's journal does not have was not run for the session.
    fn journal_is_whole(&self, resume: Resume, carried: &Carried) -> bool {
        let has_all = match self.known {
            // It was gone for good, as far as the file knew, and its journal with it.
            Some(Known::Yes { attached, .. }) => attached,
            // Known only from its first call on.
            Some(Known::No | Known::NotYours) => !carried.entered,
            None => false,
        };
        match resume {
            // Nothing was run for it; of a session that is lost, the shim gives up what may have been.
            Resume::New | Resume::Lost => self.journal.is_some(),
            Resume::Rebuilt => has_all && self.journal.is_some() && carried.journal == self.journal,
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
    gateway: &Gateway,
    hello: &ClientHello,
    peer: Peer,
) -> Result<(SessionGuard, Resume), Refusal> {
    if gateway.drain.is_cancelled() {
        return Err(Refusal { message: "the gateway is leaving".into(), next_step: None, retry: true });
    }
    let profile = hello.profile.as_deref().unwrap_or("default");
    // Also for a session that comes back: the profile may be gone since.
    let settings = gateway.config.profile(profile).map_err(|error| {
        refusal(error.to_string(), Some("correct --profile or SNOWGATE_PROFILE, or add the profile".into()))
    })?;
    let name = check_name(hello.session_name.as_deref())?;
    let claim = gateway.sessions.claim(hello.session.as_ref());
    let (claim, past) = look_up(gateway, claim, peer).await;
    let carried = hello.state.as_deref().map(Carried::read);
    let context = match &carried {
        Some(carried) => restored_context(gateway, carried.as_ref()).await,
        None => SessionContext { context: initial_context(gateway, profile, settings).await?, lost: None },
    };
    let (key, resume) = match claim {
        Claim::New(key) => (key, Resume::New),
        Claim::Resumed(key) => (key, Resume::Rebuilt),
        Claim::Lost(key) => (key, Resume::Lost),
    };
    let carried = carried.flatten().unwrap_or_default();
    let tools = gateway.tools_digest();
    let (counts, started_ms) = match past.known {
        Some(Known::Yes { counts, started_ms, .. }) => (counts, Some(started_ms)),
        Some(Known::No | Known::NotYours) | None => (Counts::default(), None),
    };
    let opening = Opening {
        key,
        origin: hello.origin.clone(),
        uid: peer.uid,
        shim: peer.shim,
        profile: profile.to_owned(),
        name,
        is_resumed: resume != Resume::New,
        journal_is_whole: past.journal_is_whole(resume, &carried),
        journal: past.journal,
        has_entered: carried.entered,
        tools_before: carried.tools.filter(|offered| *offered != tools),
        tools,
        revision: carried.revision,
        counts,
        started_ms,
    };
    let session = Session::new(opening, context);
    session.is_kept.store(started_ms.is_some(), std::sync::atomic::Ordering::Relaxed);
    let guard = gateway.sessions.open(session).map_err(|error| {
        refusal(error.to_string(), Some("close a client, or raise `sessions_max` under [gateway]".into()))
    })?;
    Ok((guard, resume))
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

/// Asks the state file about a session. Without an answer, nothing is known of it.
async fn look_up(gateway: &Gateway, claim: Claim, peer: Peer) -> (Claim, Past) {
    let state = Arc::clone(&gateway.state);
    let presented = match &claim {
        Claim::Resumed(key) => Some(key.clone()),
        Claim::New(_) | Claim::Lost(_) => None,
    };
    let asked = spawn_blocking(move || {
        let known = presented.map_or(Ok(Known::No), |key| state.resume(&key, peer.shim));
        let known = known.inspect_err(|error| {
            tracing::warn!(%error, "a session comes back, and nothing is known of it");
        });
        Past { journal: state.id(), known: known.ok() }
    });
    let past = asked.await.unwrap_or(Past { journal: None, known: None });
    let claim =
        if past.known == Some(Known::NotYours) { Claim::Lost(SessionTable::fresh_key()) } else { claim };
    (claim, past)
}

/// The context a session of `profile` starts in.
async fn initial_context(
    gateway: &Gateway,
    profile: &str,
    settings: &ProfileConfig,
) -> Result<Context, Refusal> {
    let wanted = Context {
        role: settings.role.clone(),
        warehouse: settings.warehouse.clone(),
        database: settings.database.clone(),
        schema: settings.schema.clone(),
    };
    gateway.multiplexer.backend().resolve(&wanted).await.map_err(|error| {
        let next_step = error.next_step.clone();
        refusal(format!("profile `{profile}`: {error}"), next_step)
    })
}

/// The context that an earlier gateway left with the shim.
async fn restored_context(gateway: &Gateway, carried: Option<&Carried>) -> SessionContext {
    let lost = |context, why: String| SessionContext { context, lost: Some(why) };
    let Some(Carried { context, lost: lost_before, .. }) = carried else {
        return lost(Context::default(), "it cannot be read".into());
    };
    if serde_json::to_vec(context).map_or(0, |context| context.len()) > CONTEXT_BYTES_MAX {
        return lost(Context::default(), "it is too long".into());
    }
    match (lost_before, gateway.multiplexer.backend().resolve(context).await) {
        // There is nothing that could be found again.
        (Some(why), _) if *context == Context::default() => lost(Context::default(), why.clone()),
        (_, Ok(context)) => SessionContext { context, lost: None },
        (_, Err(error)) => lost(context.clone(), error.to_string()),
    }
}
