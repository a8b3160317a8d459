//! The profile of one session: fixed once.
//!
//! Where the choice does not depend on what the client calls itself, it is fixed when the connection opens. Else it is
//! open until the first request that needs it (`initialize`, `tools/list`, a call), which says what the client is called;
//! nothing of the profile is used before. A session keeps the name; what the profile of that name is, `snowgate reload` may
//! change.

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
    /// Whether the profile is not in the configuration any more.
    pub is_gone: bool,
    /// Whether the profile is there, and its context is not: a reload may mend that.
    pub is_of_context: bool,
}

impl ProfileProblem {
    /// It has changed as often as it may.
    fn changed_too_often() -> Self {
        Self {
            message: format!("the profile of this session has changed {REPLACED_MAX} times since it began"),
            next_step: Some("restart the client: its next session gets the profile as it is now".to_owned()),
            is_gone: false,
            is_of_context: false,
        }
    }

    /// The profile called `name`, which the session had, is gone.
    pub fn gone(name: &str) -> Self {
        Self {
            message: format!("the profile `{name}` of this session is not in the configuration any more"),
            next_step: Some(format!(
                "add [profiles.{name}] again and run `snowgate reload`, or restart the client: its next session gets the \
                 profile that fits now"
            )),
            is_gone: true,
            is_of_context: false,
        }
    }
}

/// How often the profile of one session may change: what it was is kept until the session ends.
const REPLACED_MAX: usize = 256;

/// The profile of one session.
#[derive(Debug)]
pub struct SessionProfile {
    /// What a client without a name would get.
    provisional: Arc<Profile>,
    fixed: OnceLock<ChosenProfile>,
    /// What took its place, at the first reload that changed it.
    later: OnceLock<Box<Later>>,
}

/// A list in which nothing is ever moved, so that what was read stays valid without a lock. It grows by one for each reload
/// that has changed the session's profile.
#[derive(Debug)]
struct Later {
    chosen: ChosenProfile,
    next: OnceLock<Box<Later>>,
}

impl SessionProfile {
    /// One that is fixed already.
    pub(super) fn fixed(chosen: ChosenProfile) -> Self {
        let provisional = Arc::clone(&chosen.profile);
        Self { provisional, fixed: OnceLock::from(chosen), later: OnceLock::new() }
    }

    /// One that is open; `provisional`: what a client without a name would get.
    pub(super) fn open(provisional: Arc<Profile>) -> Self {
        Self { provisional, fixed: OnceLock::new(), later: OnceLock::new() }
    }

    /// Fixes it, unless it is fixed.
    pub(super) fn fix(&self, chosen: ChosenProfile) {
        // The first one has decided.
        let _ = self.fixed.set(chosen);
    }

    /// Puts `chosen`, the profile of the same name as it is now, in its place. After `REPLACED_MAX` of them the session is
    /// refused: its next one begins without any.
    pub fn replace(&self, mut chosen: ChosenProfile) {
        let (mut last, mut count) = (&self.later, 1);
        while let Some(later) = last.get() {
            (last, count) = (&later.next, count + 1);
        }
        if count > REPLACED_MAX {
            return;
        }
        if count == REPLACED_MAX {
            chosen.problem = Some(ProfileProblem::changed_too_often());
        }
        // Two at once: the other is as new as this one.
        let _ = last.set(Box::new(Later { chosen, next: OnceLock::new() }));
    }

    /// The profile and why it is this one; `None` while it is open.
    pub fn chosen(&self) -> Option<&ChosenProfile> {
        let mut newest = self.fixed.get()?;
        let mut next = &self.later;
        while let Some(later) = next.get() {
            (newest, next) = (&later.chosen, &later.next);
        }
        Some(newest)
    }

    /// Whether it is fixed.
    pub fn is_fixed(&self) -> bool {
        self.fixed.get().is_some()
    }

    /// Why it is this one; `None` while it is open.
    pub fn why(&self) -> Option<&str> {
        self.chosen().map(|chosen| chosen.why.as_str())
    }

    /// Why the session's calls are refused.
    pub fn problem(&self) -> Option<&ProfileProblem> {
        self.chosen()?.problem.as_ref()
    }
}

/// The profile; while it is open, what a client without a name would get.
impl Deref for SessionProfile {
    type Target = Arc<Profile>;

    fn deref(&self) -> &Arc<Profile> {
        self.chosen().map_or(&self.provisional, |chosen| &chosen.profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(name: &str, rows_max: u64) -> ChosenProfile {
        let mut profile = Profile { name: name.to_owned(), ..Profile::default() };
        profile.caps.rows_max = rows_max;
        ChosenProfile { profile: Arc::new(profile), why: "it fits".to_owned(), problem: None }
    }

    #[test]
    fn the_newest_counts_and_what_was_read_before_stays_valid() {
        let profile = SessionProfile::open(Arc::default());
        assert!(profile.chosen().is_none());
        profile.fix(chosen("a", 1));
        let before: &Arc<Profile> = &profile;
        profile.replace(chosen("a", 2));
        profile.replace(ChosenProfile { problem: Some(ProfileProblem::gone("a")), ..chosen("a", 3) });
        assert_eq!((before.caps.rows_max, profile.caps.rows_max), (1, 3));
        assert!(profile.problem().is_some_and(|problem| problem.is_gone));
        profile.replace(chosen("a", 4));
        assert_eq!(profile.problem(), None);
    }

    #[test]
    fn what_is_kept_of_a_long_session_is_bounded() {
        let profile = SessionProfile::fixed(chosen("a", 0));
        for rows_max in 1..REPLACED_MAX as u64 {
            profile.replace(chosen("a", rows_max));
            assert_eq!((profile.caps.rows_max, profile.problem()), (rows_max, None));
        }
        for _ in 0..3 {
            profile.replace(chosen("a", 1_000));
            assert!(profile.problem().is_some_and(|problem| problem.message.contains("256 times")));
        }
        let mut kept = 0;
        let mut next = &profile.later;
        while let Some(later) = next.get() {
            (next, kept) = (&later.next, kept + 1);
        }
        assert_eq!(kept, REPLACED_MAX);
    }
}
