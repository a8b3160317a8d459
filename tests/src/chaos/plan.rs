//! What a run is made of.

use super::backend::Backend;
use crate::harness::Random;

const CLIENTS: u64 = 12;
const GATEWAY_KILLS: u64 = 30;
/// In front of fakesnow, which takes ten times as long for a statement.
const GATEWAY_KILLS_FAKESNOW: u64 = 20;
const PAUSE_MS_MAX: u64 = 450;

/// What a run is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the gateways have behind them.
    pub backend: Backend,
    /// Whether limits, the lane and the like are on, none of which is ever hit.
    pub is_guarded: bool,
    /// Where everything is drawn from.
    pub seed: u64,
    /// Clients at once.
    pub clients: u64,
    /// Gateways that are killed; faults of other kinds come in between.
    pub gateway_kills: u64,
    /// From a fault, once somebody has got an answer again, to the next, in ms, at most.
    pub pause_ms_max: u64,
}

impl Plan {
    /// As the variables `SNOWGATE_TEST_SEED`, `SNOWGATE_TEST_CLIENTS`, `SNOWGATE_TEST_KILLS` and
    /// `SNOWGATE_TEST_PAUSE_MS` say; without them a short run with a new seed. In front of fakesnow the
    /// second and the third are `SNOWGATE_TEST_FAKESNOW_CLIENTS` and `SNOWGATE_TEST_FAKESNOW_KILLS`.
    ///
    /// # Panics
    /// A variable holds no number.
    pub fn from_env(backend: Backend) -> Self {
        let number = |name: &str, otherwise: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
            Err(_) => otherwise,
        };
        let (which, kills) = match backend {
            Backend::Sqlite => ("", GATEWAY_KILLS),
            Backend::Fakesnow => ("FAKESNOW_", GATEWAY_KILLS_FAKESNOW),
        };
        Self {
            backend,
            is_guarded: false,
            seed: Random::from_env("SNOWGATE_TEST_SEED").seed,
            clients: number(&format!("SNOWGATE_TEST_{which}CLIENTS"), CLIENTS).max(1),
            gateway_kills: number(&format!("SNOWGATE_TEST_{which}KILLS"), kills),
            pause_ms_max: number("SNOWGATE_TEST_PAUSE_MS", PAUSE_MS_MAX),
        }
    }

    /// The same with limits, the lane and the like on; `kills`: unless a variable says how many.
    #[must_use]
    pub fn guarded(self, kills: u64) -> Self {
        let is_asked_for = std::env::var_os("SNOWGATE_TEST_KILLS").is_some();
        let gateway_kills = if is_asked_for { self.gateway_kills } else { kills };
        Self { is_guarded: true, gateway_kills, ..self }
    }
}
