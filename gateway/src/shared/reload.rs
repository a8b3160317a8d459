//! `snowgate reload`: the configuration is read again, and what can be applied is, in one step.
//!
//! A configuration with an error changes nothing: the one before goes on, whole. Sessions that are open get the profile of
//! their name as it is now; one that is gone refuses their calls until it is there again, as it does after a restart.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Live, Shared};
use crate::config::{
    Change, Changes, Config, ConfigErrors, ProcessEnvironment, SettingsDifference, settings_among,
};
use crate::os::{tell_ready, tell_reloading};
use crate::session::{ChosenProfile, Profile, ProfileProblem, Session};

/// How long a session may be opened with what was read before: longer than a hello may take.
const LATE_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a connection may take to say whether the context of a profile is there, and how long that may take for all sessions
/// that are refused for it: below the time that a command waits for its answer.
const CONTEXT_TIMEOUT: Duration = Duration::from_secs(5);
const CONTEXTS_TIMEOUT: Duration = Duration::from_secs(10);

/// What a reload has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadView {
    /// What has changed, and applies.
    pub applied: Vec<Change>,
    /// What has changed, and applies with a restart.
    pub needs_restart: Vec<Change>,
    /// Why profiles and roles are among that, if they are.
    pub profiles_wait: Option<String>,
    /// Open sessions that have another profile now than before.
    pub sessions: usize,
    /// Likely mistakes.
    pub warnings: Vec<String>,
    /// A digest of every value, as in `status`.
    pub config_hash: String,
}

impl ReloadView {
    /// What it has done, for the audit trail: which keys, and no values.
    pub fn audit_facts(&self) -> serde_json::Value {
        serde_json::json!({
            "applied": keys(&self.applied),
            "needs_restart": keys(&self.needs_restart),
            "config": self.config_hash,
        })
    }
}

fn keys(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.key.as_str()).collect()
}

impl Shared {
    /// Reads the configuration again, and applies what can be.
    ///
    /// # Errors
    /// It has errors; nothing has changed.
    pub async fn reload(&self) -> Result<ReloadView, ConfigErrors> {
        let _one = self.reloading.lock().await;
        tell_reloading("reading the config again");
        let read = self.read_config().await;
        let done = match read {
            Ok(new) => {
                *self.reload_problem.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(self.apply(new).await)
            }
            Err(errors) => {
                let problem = errors.to_string();
                tracing::error!(problem, "the config has errors; the one before goes on");
                *self.reload_problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
                Err(errors)
            }
        };
        tell_ready(&format!("serving on {}", self.endpoint.socket.display()));
        done
    }

    /// Reads the files on a thread that may wait for them.
    async fn read_config(&self) -> Result<Config, ConfigErrors> {
        let paths = self.paths.clone();
        let read = spawn_blocking(move || Config::load(&paths, &ProcessEnvironment)).await;
        // A panic in there is in the log; reading it here says the same.
        read.unwrap_or_else(|_| Config::load(&self.paths, &ProcessEnvironment))
    }

    async fn apply(&self, new: Config) -> ReloadView {
        let before = self.live();
        let Changes { live, restart, profiles_wait } = Changes::between(&self.config, &before.config, &new);
        let takes_profiles = profiles_wait.is_none();
        let now = Arc::new(Live::new(before.config.with_live_of(&new, takes_profiles), restart.clone()));
        let mut view = ReloadView {
            applied: live,
            needs_restart: restart,
            profiles_wait,
            sessions: 0,
            warnings: new.warnings.iter().map(ToString::to_string).collect(),
            config_hash: now.digest.clone(),
        };
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&now);
        self.limits.set_all(now.config.limits.usage.all);
        self.telemetry.queries.set_slow(now.config.observing.queries.slow);
        self.keys.set_roles(now.config.roles.clone());
        if let Some(set_level) = &self.set_log_level {
            set_level(now.config.gateway.log_level);
        }
        // Without a wait in between: no session goes on with what was before because the one who asked for this has gone.
        *self.reloaded_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let mut sessions = self.renew_profiles();
        self.reload_client_sets(new, takes_profiles).await;
        sessions += self.renew_profiles();
        let outdated = self.client_sets.outdated();
        outdated.iter().for_each(|outdated| tracing::warn!("{outdated}"));
        view.warnings.extend(outdated);
        for session in self.sessions.all().iter().filter(|session| session.set.is_some()) {
            self.revoke_held(session, &session.profile);
        }
        // However many there are: those that were not asked for in time are refused as before, and the next reload looks again.
        let _ = timeout(CONTEXTS_TIMEOUT, self.begin_refused_sessions()).await;
        tracing::info!(
            applied = ?keys(&view.applied),
            needs_restart = ?keys(&view.needs_restart),
            sessions,
            config = view.config_hash,
            "the config was read again"
        );
        ReloadView { sessions, ..view }
    }

    /// What was read holds for clients with settings of their own, too, as far as those do not say otherwise.
    async fn reload_client_sets(&self, new: Config, takes_profiles: bool) {
        let (sets, system_file) = (Arc::clone(&self.client_sets), self.paths.system_file.clone());
        let reload = move || {
            let gateway = settings_among(std::env::vars_os());
            sets.reload(&new, takes_profiles, |client| {
                let env = &ProcessEnvironment;
                SettingsDifference::configured(env, &gateway, client, system_file.as_ref()).ok()
            });
        };
        // A panic of it is in the log.
        let _ = spawn_blocking(reload).await;
    }

    /// The same for sessions that were being opened during a reload. A watcher calls it again and again.
    pub fn renew_late_profiles(&self) {
        let reloaded = *self.reloaded_at.lock().unwrap_or_else(PoisonError::into_inner);
        if reloaded.is_some_and(|at| at.elapsed() < LATE_TIMEOUT) {
            self.renew_profiles();
        }
    }

    /// Sessions that are refused because the context of their profile was not there begin, where it is now.
    async fn begin_refused_sessions(&self) {
        for session in self.sessions.all() {
            let Some(chosen) = session.profile.chosen() else { continue };
            if !chosen.problem.as_ref().is_some_and(|problem| problem.is_of_context) {
                continue;
            }
            let profile = Arc::clone(&chosen.profile);
            let resolved = timeout(CONTEXT_TIMEOUT, self.resolve(&profile, &profile.context)).await;
            // One that is not there is refused as before; the next reload looks again.
            if let Ok(Ok(context)) = resolved {
                let at = self.pool(&profile).await.ok().map(|pool| pool.place().clone());
                let chosen = ChosenProfile { profile, why: chosen.why.clone(), problem: None };
                session.begin_anew(chosen, context, at);
            }
        }
    }

    /// Gives each open session the profile of its name as it is now; returns how many had another.
    fn renew_profiles(&self) -> usize {
        self.sessions.all().iter().filter(|session| self.renew_profile(session)).count()
    }

    fn renew_profile(&self, session: &Session) -> bool {
        let Some(fixed) = session.profile.chosen() else { return false };
        let (config, profiles) = self.configured(session.set.as_deref());
        let name = &fixed.profile.name;
        let chosen = match profiles.find(&config, name) {
            Ok(found) => {
                let profile = profiles.for_key(&config, found, session.api_key.as_deref());
                // One that refuses for another reason keeps it: its context does not exist.
                let was_gone = fixed.problem.as_ref().is_some_and(|problem| problem.is_gone);
                if Arc::ptr_eq(&profile, &fixed.profile) || (*profile == *fixed.profile && !was_gone) {
                    return false;
                }
                let problem = fixed.problem.clone().filter(|problem| !problem.is_gone);
                ChosenProfile { profile, why: fixed.why.clone(), problem }
            }
            Err(_) if fixed.problem.is_some() => return false,
            Err(_) => ChosenProfile {
                profile: Arc::new(Profile::gone(&config, name)),
                why: fixed.why.clone(),
                problem: Some(ProfileProblem::gone(name)),
            },
        };
        let before = Arc::clone(&fixed.profile);
        let offers_others = chosen.profile.offers_others_than(&before);
        session.profile.replace(chosen);
        if offers_others {
            session.tools_changed.send_replace(());
        }
        self.revoke_held(session, &before);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use crate::shared::testing::TestGateway;

    #[tokio::test]
    async fn a_reload_whose_caller_leaves_has_applied_to_open_sessions_or_not_at_all() {
        let gateway = TestGateway::new().await;
        let opened = gateway.open_session();
        let shared = &gateway.shared;
        std::fs::write(&shared.paths.config_file, "[limits]\nrows_max = 3\n").unwrap();
        let mut reload = Box::pin(shared.reload());
        poll_fn(|cx| {
            let ended = reload.as_mut().poll(cx).is_ready();
            let is_live = shared.live().config.limits.rows_max == 3;
            if ended || is_live { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        drop(reload);
        assert_eq!(opened.session.profile.caps.rows_max, 3);
    }
}
