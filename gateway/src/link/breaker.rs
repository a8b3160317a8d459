//! `snowgate breaker` on the gateway's side, and how the command and the gateway speak of it.

use serde::{Deserialize, Serialize};

use crate::multiplexer::{BreakerView, Force};
use crate::shared::Shared;

/// What is to become of a connection's circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerAction {
    /// No request runs.
    Open,
    /// Requests run, whatever fails.
    Close,
    /// It decides by itself again.
    Reset,
}

/// The circuit breakers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakersView {
    /// Of each connection, or the one that was changed.
    pub breakers: Vec<BreakerView>,
    /// Why a change does not outlive the gateway.
    pub warning: Option<String>,
}

/// All of them.
pub(super) fn breakers(shared: &Shared) -> BreakersView {
    let breakers = shared.multiplexer.breakers().into_iter().map(|breaker| {
        let is_clients = shared.client_sets.has(&breaker.connection);
        // As in `status`: a client's own host is not shown.
        BreakerView { error: breaker.error.filter(|_| !is_clients), ..breaker }
    });
    BreakersView { breakers: breakers.collect(), warning: None }
}

/// Opens or closes a breaker by hand, or gives it back.
///
/// # Errors
/// There is no such connection: what there is.
pub(super) async fn set(
    shared: &Shared,
    connection: &str,
    action: BreakerAction,
) -> Result<BreakersView, String> {
    let force = match action {
        BreakerAction::Open => Some(Force::Open),
        BreakerAction::Close => Some(Force::Closed),
        BreakerAction::Reset => None,
    };
    shared.multiplexer.force_breaker(connection, force).map_err(|error| {
        let next_step = error.next_step.map(|step| format!("; {step}"));
        format!("{}{}", error.message, next_step.unwrap_or_default())
    })?;
    // A client's own connection is another one after a restart.
    let kept = match shared.client_sets.has(connection) {
        true => Ok(()),
        false => shared.state.keep_forced(connection, force.map(Force::word)).await,
    };
    let warning = kept.err().map(|error| format!("it does not outlive this gateway: {error}"));
    let breakers = breakers(shared).breakers.into_iter().filter(|breaker| breaker.connection == connection);
    Ok(BreakersView { breakers: breakers.collect(), warning })
}
