//! The context of a session: where its statements run, and where it comes from.

use crate::backend::{Context, Place};
use crate::state::KeptContext;

/// Where a session's context comes from: decides what happens when it cannot be used.
///
/// | origin | it cannot be used |
/// |---|---|
/// | `Profile`, `Set` | the statement fails: it was sent for that context |
/// | `Inherited` | the client knows nothing of it: the profile's takes its place, which is said once |
/// | `Fallback` | as `Profile`; what an earlier gateway was sent in another context does not run in this one |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContextOrigin {
    /// The profile.
    #[default]
    Profile,
    /// `set_context`, or an earlier session, and it has been used since.
    Set,
    /// An earlier session of the client, and nothing has shown yet that it can be used.
    Inherited,
    /// The profile, in place of one that is gone.
    Fallback,
}

/// The context of a session, or why it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionContext {
    /// Where statements run.
    pub context: Context,
    /// Set where the context that the session had cannot be restored: then no statement runs, because it
    /// would run somewhere else.
    pub lost: Option<String>,
    /// Where it comes from.
    pub origin: ContextOrigin,
    /// The connection whose context it is; `None`: not known.
    pub at: Option<Place>,
}

impl SessionContext {
    /// The context as it is written down and carried.
    pub fn kept(self) -> KeptContext {
        let is_set = matches!(self.origin, ContextOrigin::Set | ContextOrigin::Inherited);
        KeptContext { context: self.context, at: self.at, is_set: Some(is_set) }
    }
}

/// The context that [`fallback_notice`] is about, where the session has inherited it.
pub const INHERITED: &str = "the context of this client's previous session";

/// What a client is told once when `now`, its profile's context, takes the place of `gone`, which is `what`.
pub fn fallback_notice(what: &str, gone: &Context, why: &str, now: &Context) -> String {
    // A backend's message may have several lines.
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = why.trim_end_matches('.');
    format!(
        "Note: {what} ({gone}) cannot be used: {why}. This session now runs in its profile's context ({now}); \
         set_context changes it."
    )
}
