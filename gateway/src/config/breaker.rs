//! `[breaker]`: when a connection's requests are held back because its backend does not answer.

use std::time::Duration;

use super::keys;
use super::settings::Settings;

/// `[breaker]`: the circuit breaker of each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failed attempts in a row that open it: `breaker.failures`, 1 to 1000.
    pub failures: u32,
    /// The time within which they count. In milliseconds: `breaker.window_ms`, 1000 to 3600000.
    pub window: Duration,
    /// The first pause until a request tries again. In milliseconds: `breaker.recovery_ms`, 10 to 10000; never above
    /// `recovery_max`.
    pub recovery: Duration,
    /// The longest. In milliseconds: `breaker.recovery_max_ms`, 10 to 15000.
    pub recovery_max: Duration,
    /// Requests that try at once: `breaker.probes`, 1 to 16.
    pub probes: usize,
}

impl BreakerConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        let milliseconds = |key| Duration::from_millis(settings.integer(key));
        Self {
            failures: u32::try_from(settings.integer(&keys::BREAKER_FAILURES)).unwrap_or(u32::MAX),
            window: milliseconds(&keys::BREAKER_WINDOW),
            recovery: milliseconds(&keys::BREAKER_RECOVERY),
            recovery_max: milliseconds(&keys::BREAKER_RECOVERY_MAX),
            probes: usize::try_from(settings.integer(&keys::BREAKER_PROBES)).unwrap_or(usize::MAX),
        }
    }
}

#[cfg(test)]
impl Default for BreakerConfig {
    /// As the table in `keys` has it.
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(60),
            recovery: Duration::from_secs(1),
            recovery_max: Duration::from_secs(10),
            probes: 1,
        }
    }
}
