//! The profile of one session: fixed once, for good.
//!
//! Where the choice does not depend on what the client calls itself, it is fixed when the connection opens. Else it is
//! open until the first request that needs it (`initialize`, `tools/list`, a call), which says what the client is called;
//! nothing of the profile is used before.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use super::Profile;

/// A profile, and why it is the session's.
#[derive(Clone, Debug)]
pub struct ChosenProfile {
    /// The profile.
    pub profile: Arc<Profile>,
    /// Why, for people.
    pub why: String,
    /// Why the session's calls are refused, if they are: the profile is gone, or its context does not exist.
    pub problem: Option<ProfileProblem>,
}

/// Why a session cannot be served with its profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileProblem {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub next_step: Option<String>,
}

/// The profile of one session.
#[derive(Debug)]
pub struct SessionProfile {
    /// What a client without a name would get.
    provisional: Arc<Profile>,
    fixed: OnceLock<ChosenProfile>,
}

impl SessionProfile {
    /// One that is fixed already.
    pub(super) fn fixed(chosen: ChosenProfile) -> Self {
        Self { provisional: Arc::clone(&chosen.profile), fixed: OnceLock::from(chosen) }
    }

    /// One that is open; `provisional`: what a client without a name would get.
    pub(super) fn open(provisional: Arc<Profile>) -> Self {
        Self { provisional, fixed: OnceLock::new() }
    }

    /// Fixes it, unless it is fixed.
    pub(super) fn fix(&self, chosen: ChosenProfile) {
        // Whoever came first has decided.
        let _ = self.fixed.set(chosen);
    }

    /// Whether it is fixed.
    pub fn is_fixed(&self) -> bool {
        self.fixed.get().is_some()
    }

    /// Why it is this one; `None` while it is open.
    pub fn why(&self) -> Option<&str> {
        self.fixed.get().map(|chosen| chosen.why.as_str())
    }

    /// Why the session's calls are refused.
    pub fn problem(&self) -> Option<&ProfileProblem> {
        self.fixed.get()?.problem.as_ref()
    }
}

/// The profile; while it is open, what a client without a name would get.
impl Deref for SessionProfile {
    type Target = Arc<Profile>;

    fn deref(&self) -> &Arc<Profile> {
        self.fixed.get().map_or(&self.provisional, |chosen| &chosen.profile)
    }
}
