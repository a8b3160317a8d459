//! `[results]`: rows beyond what is shown.

use std::time::Duration;

use super::keys;
use super::sections::{count, milliseconds};
use super::settings::Settings;

/// `[results]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsConfig {
    /// Bytes of rows that one result keeps: `results.result_bytes_max`, 0 to 1099511627776; 0: none.
    pub result_bytes_max: u64,
    /// Bytes of rows that all results keep together: `results.total_bytes_max`, 0 to 1099511627776.
    pub total_bytes_max: u64,
    /// How long a statement is read on for them. In milliseconds: `results.read_ms_max`, 0 to 3600000.
    pub read_max: Duration,
    /// Results of one session that keep a handle: `results.handles_max`, 1 to 1000.
    pub handles_max: usize,
    /// How long a result keeps its handle. In minutes: `results.age_max_minutes`, 1 to 10080.
    pub age_max: Duration,
}

impl ResultsConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        Self {
            result_bytes_max: settings.integer(&keys::RESULT_BYTES_MAX),
            total_bytes_max: settings.integer(&keys::RESULTS_TOTAL_BYTES_MAX),
            read_max: milliseconds(settings, &keys::RESULT_READ_MAX),
            handles_max: count(settings, &keys::RESULT_HANDLES_MAX),
            age_max: Duration::from_secs(60 * settings.integer(&keys::RESULT_AGE_MAX)),
        }
    }
}

impl Default for ResultsConfig {
    /// What holds where nothing is set.
    fn default() -> Self {
        Self {
            result_bytes_max: 256 << 20,
            total_bytes_max: 2 << 30,
            read_max: Duration::from_secs(5),
            handles_max: 32,
            age_max: Duration::from_secs(24 * 3600),
        }
    }
}
