//! What a run is made of.

use crate::random::Random;

const CLIENTS: u64 = 12;
const GATEWAY_KILLS: u64 = 30;
const PAUSE_MS_MAX: u64 = 450;

/// What a run is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
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
    /// `SNOWGATE_TEST_PAUSE_MS` say; without them a short run with a new seed.
    ///
    /// # Panics
    /// A variable holds no number.
    pub fn from_env() -> Self {
        let number = |name: &str, otherwise: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
            Err(_) => otherwise,
        };
        Self {
            seed: Random::from_env("SNOWGATE_TEST_SEED").seed,
            clients: number("SNOWGATE_TEST_CLIENTS", CLIENTS).max(1),
            gateway_kills: number("SNOWGATE_TEST_KILLS", GATEWAY_KILLS),
            pause_ms_max: number("SNOWGATE_TEST_PAUSE_MS", PAUSE_MS_MAX),
        }
    }
}
