//! The context that a session starts in, or starts again in.

use snowgate_link::hello::Refusal;

use super::handshake::refusal;
use crate::backend::{Context, Place};
use crate::intake::profile_context;
use crate::session::{
    CONTEXT_BYTES_MAX, ContextOrigin, Profile, ResumeState, SessionContext, fallback_notice,
};
use crate::shared::Shared;
use crate::state::KeptContext;

/// A session's context at its opening, and what its client is to be told about it.
pub(super) struct Restored {
    pub(super) context: SessionContext,
    pub(super) notice: Option<String>,
}

impl From<SessionContext> for Restored {
    fn from(context: SessionContext) -> Self {
        Self { context, notice: None }
    }
}

/// The context of a session that is new.
///
/// # Errors
/// The profile's context does not exist, or its backend cannot be opened.
pub(super) async fn of_profile(shared: &Shared, profile: &Profile) -> Result<SessionContext, Refusal> {
    profile_context(shared, profile).await.map_err(|problem| refusal(problem.message, problem.next_step))
}

/// The context of a session that an earlier gateway left with its shim; `None`: that cannot be read.
///
/// | it was | it can be used | it cannot |
/// |---|---|---|
/// | set in this session | it goes on | it is lost: no statement runs until it is set again |
/// | set in another of its identity | it goes on | the profile's as it is now, which is said once |
/// | the profile's | it goes on | the same |
pub(super) async fn of_shim(shared: &Shared, profile: &Profile, state: Option<&ResumeState>) -> Restored {
    let Some(ResumeState { context: kept, lost: lost_before, .. }) = state else {
        return lost(KeptContext::default(), "it cannot be read".into()).into();
    };
    if serde_json::to_vec(&kept.context).map_or(0, |context| context.len()) > CONTEXT_BYTES_MAX {
        return lost(KeptContext::default(), "it is too long".into()).into();
    }
    // There is nothing that could be found again.
    if let Some(why) = lost_before
        && kept.context == Context::default()
    {
        return lost(KeptContext::default(), why.clone()).into();
    }
    let here = place(shared, profile).await;
    let foreign_to = here.as_ref().filter(|here| kept.is_foreign_to(here));
    let usable = match (&kept.at, foreign_to) {
        (Some(at), Some(here)) => Err(format!("it belongs to {at}, and this session now has {here}")),
        _ => shared.resolve(profile, &kept.context).await.map_err(|error| error.to_string()),
    };
    let origin = origin(kept);
    match usable {
        Ok(context) => SessionContext { context, lost: None, origin, at: here }.into(),
        Err(why) if origin == ContextOrigin::Set => lost(kept.clone(), why).into(),
        Err(why) if origin == ContextOrigin::Profile && lost_before.is_some() => {
            lost(kept.clone(), why).into()
        }
        Err(why) => fall_back(shared, profile, kept, why).await,
    }
}

/// The profile's context in the place of one that was the profile's before.
async fn fall_back(shared: &Shared, profile: &Profile, gone: &KeptContext, why: String) -> Restored {
    let Ok(now) = of_profile(shared, profile).await else { return lost(gone.clone(), why).into() };
    tracing::warn!(gone = %gone.context, why, now = %now.context, "a session goes on in its profile's context");
    let notice = fallback_notice("the context that this session had", &gone.context, &why, &now.context);
    let context = SessionContext { origin: ContextOrigin::Fallback, ..now };
    Restored { context, notice: Some(notice) }
}

/// The context of a session whose profile is gone: as it was left, for when the profile is there again.
pub(super) fn unresolved(state: Option<&ResumeState>) -> SessionContext {
    let kept = state.map(|state| state.context.clone()).unwrap_or_default();
    lost(kept, "the session's profile is not in the configuration any more".into())
}

fn lost(kept: KeptContext, why: String) -> SessionContext {
    let origin = origin(&kept);
    SessionContext { context: kept.context, lost: Some(why), origin, at: kept.at }
}

fn origin(kept: &KeptContext) -> ContextOrigin {
    match kept.is_set {
        Some(false) => ContextOrigin::Profile,
        _ if kept.is_inherited => ContextOrigin::Inherited,
        _ => ContextOrigin::Set,
    }
}

/// `None` where the backend cannot be opened.
async fn place(shared: &Shared, profile: &Profile) -> Option<Place> {
    shared.pool(profile).await.ok().map(|pool| pool.place().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::testing::TestGateway;

    fn kept(database: &str, at: Option<Place>, is_set: Option<bool>) -> ResumeState {
        let context = Context { database: Some(database.to_owned()), ..Context::default() };
        ResumeState {
            context: KeptContext { context, at, is_set, is_inherited: false },
            ..ResumeState::default()
        }
    }

    async fn restored(gateway: &TestGateway, state: &ResumeState) -> Restored {
        let profile = gateway.shared.live().profiles.find(&gateway.shared.config, "default").unwrap();
        of_shim(&gateway.shared, &profile, Some(state)).await
    }

    #[tokio::test]
    async fn a_context_that_was_set_is_restored_on_its_own_connection_and_lost_on_another() {
        let gateway = TestGateway::new().await;
        let here = gateway.shared.default_pool.place().clone();
        for at in [Some(here.clone()), None] {
            let found = restored(&gateway, &kept("D", at, Some(true))).await.context;
            assert_eq!((found.lost, found.at), (None, Some(here.clone())));
            assert_eq!((found.context.database.as_deref(), found.origin), (Some("D"), ContextOrigin::Set));
        }
        let elsewhere = Some(Place::from("sqlite:000000000000".to_owned()));
        for is_set in [Some(true), None] {
            let state = kept("D", elsewhere.clone(), is_set);
            let Restored { context, notice } = restored(&gateway, &state).await;
            let why = context.lost.clone().unwrap();
            assert_eq!(why, "it belongs to a sqlite connection, and this session now has a fake connection");
            assert_eq!((notice, context.kept()), (None, KeptContext { is_set: Some(true), ..state.context }));
        }
    }

    #[tokio::test]
    async fn a_context_that_another_session_set_is_replaced_by_the_profile_s_which_is_said() {
        let gateway = TestGateway::new().await;
        let inherited = |lost: Option<&str>| {
            let elsewhere = Some(Place::from("sqlite:000000000000".to_owned()));
            let mut state = kept("D", elsewhere, Some(true));
            state.context.is_inherited = true;
            ResumeState { lost: lost.map(str::to_owned), ..state }
        };
        // Also one that an earlier build has called lost.
        for lost in [None, Some("no such database: D")] {
            let Restored { context, notice } = restored(&gateway, &inherited(lost)).await;
            assert_eq!((context.lost, context.origin), (None, ContextOrigin::Fallback));
            assert_eq!(context.context, Context::default());
            assert!(notice.is_some_and(|notice| notice.contains("database D")));
        }
    }

    #[tokio::test]
    async fn a_context_that_was_the_profile_s_is_replaced_by_the_profile_s_which_is_said() {
        let gateway = TestGateway::new().await;
        let elsewhere = Some(Place::from("sqlite:000000000000".to_owned()));
        let Restored { context, notice } = restored(&gateway, &kept("D", elsewhere, Some(false))).await;
        assert_eq!((context.lost, context.origin), (None, ContextOrigin::Fallback));
        assert_eq!(context.context, Context::default());
        let notice = notice.unwrap();
        assert!(notice.contains("database D") && notice.contains("a sqlite connection"), "{notice}");
    }
}
