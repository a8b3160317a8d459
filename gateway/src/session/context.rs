//! The context of a session: where its statements run, and where it comes from.

use crate::backend::{Context, Place};
use crate::state::KeptContext;

/// Where a session's context comes from: decides what happens when it cannot be used.
///
/// | origin | it cannot be used |
/// |---|---|
/// | `Profile`, `Set`, `Inherited` | the statement fails: it was sent for that context |
/// | `Tentative` | the client knows nothing of it: the profile's takes its place, which is said once |
/// | `Fallback` | as `Profile`; what an earlier gateway was sent in another context does not run in this one |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContextOrigin {
    /// The profile.
    #[default]
    Profile,
    /// `set_context`, in this session.
    Set,
    /// `set_context` in another session of the same identity.
    Inherited,
    /// The same, and nothing has shown yet that it can be used.
    Tentative,
    /// The profile, in place of one that is gone.
    Fallback,
}

impl ContextOrigin {
    /// As people and clients are told; the documentation explains each.
    pub fn name(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Set => "set",
            Self::Inherited | Self::Tentative => "inherited",
            Self::Fallback => "fallback",
        }
    }

    /// Whether another session of the same identity has set it.
    pub fn is_inherited(self) -> bool {
        matches!(self, Self::Inherited | Self::Tentative)
    }
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
        let is_inherited = self.origin.is_inherited();
        let is_set = is_inherited || self.origin == ContextOrigin::Set;
        KeptContext { context: self.context, at: self.at, is_set: Some(is_set), is_inherited }
    }
}

/// The context that [`fallback_notice`] is about, where the session has inherited it.
pub const INHERITED: &str = "the context that this client has set last";

/// What a client is told once of `context`, which its session begins in because another of its identity has set
/// it; `name`: the session's.
pub fn inheritance_notice(context: &Context, name: Option<&str>) -> String {
    let whose = match name {
        Some(name) => format!("under the session name `{name}`"),
        None => "by this client in this folder".to_owned(),
    };
    format!(
        "Note: this session runs in the context ({context}), because that was set last {whose}; set_context \
         changes it."
    )
}

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
