//! `[allocator]`: who gets the next connection.

use std::time::Duration;

use fair_queue::{Terms, Weight};

use super::ProfileConfig;
use super::keys;
use super::sections::{count, milliseconds};
use super::settings::Settings;

/// Weights of the priorities 1 to 5.
const PRIORITY_WEIGHTS: [u32; 5] = [1_000, 2_000, 4_000, 8_000, 16_000];

/// The priority of a profile that has none.
pub const PRIORITY: u64 = 3;

/// With so many connections or more, one is kept for short requests unless something else is configured.
const SLOTS_WITH_LANE_MIN: usize = 4;

/// How flows share connections. All are settings of one mechanism.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// By the time that they use connections, in proportion to the weights of their profiles.
    #[default]
    WeightedFair,
    /// By that time, all the same.
    FairShare,
    /// By that time, twice as much for each step of the priority of their profiles.
    PriorityBased,
    /// One request a turn, however long it takes.
    RoundRobin,
}

/// What shares connections: whose time is counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FairBy {
    /// A client with all its sessions.
    #[default]
    Client,
    /// Each session.
    Session,
    /// All sessions of a profile.
    Profile,
    /// All sessions of an API key; one without a key counts by its client.
    Key,
}

/// `[allocator]`: who gets the next connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocatorConfig {
    /// How connections are shared: `allocator.strategy`.
    pub strategy: Strategy,
    /// Between whom: `allocator.fair_by`.
    pub fair_by: FairBy,
    /// Connections for short requests: `allocator.lane_slots`, 0 to 64; `None`: one, of four or more.
    pub lane_slots: Option<usize>,
    /// How long a request may take there. In milliseconds: `allocator.lane_timeout_ms`, 100 to 60000.
    pub lane_timeout: Duration,
    /// Requests of a flow that wait: `allocator.queue_max`, 1 to 10000.
    pub queue_max: usize,
    /// How long a request waits. In milliseconds: `allocator.max_wait_ms`, 1 to 3600000.
    pub max_wait: Duration,
}

impl Strategy {
    /// As a configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WeightedFair => "weighted_fair",
            Self::FairShare => "fair_share",
            Self::PriorityBased => "priority_based",
            Self::RoundRobin => "round_robin",
        }
    }

    /// What a flow of `profile` may take.
    pub fn terms(self, profile: &ProfileConfig) -> Terms {
        let weight = match self {
            Self::FairShare | Self::RoundRobin => Weight::ONE,
            Self::WeightedFair => {
                let weight = profile.weight.unwrap_or(1).saturating_mul(1_000);
                Weight::from_thousandths(u32::try_from(weight).unwrap_or(u32::MAX))
            }
            Self::PriorityBased => {
                let priority = profile.priority.unwrap_or(PRIORITY);
                let step = usize::try_from(priority).unwrap_or_default().clamp(1, PRIORITY_WEIGHTS.len());
                Weight::from_thousandths(PRIORITY_WEIGHTS[step - 1])
            }
        };
        Terms { weight, slots_max: profile.slots_max.unwrap_or(usize::MAX) }
    }
}

impl FairBy {
    /// As a configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Session => "session",
            Self::Profile => "profile",
            Self::Key => "key",
        }
    }
}

impl Default for AllocatorConfig {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            fair_by: FairBy::default(),
            lane_slots: None,
            lane_timeout: Duration::from_secs(2),
            queue_max: 256,
            max_wait: Duration::from_secs(300),
        }
    }
}

impl AllocatorConfig {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        Self {
            strategy: match settings.text(&keys::STRATEGY) {
                "fair_share" => Strategy::FairShare,
                "priority_based" => Strategy::PriorityBased,
                "round_robin" => Strategy::RoundRobin,
                _ => Strategy::WeightedFair,
            },
            fair_by: match settings.text(&keys::FAIR_BY) {
                "session" => FairBy::Session,
                "profile" => FairBy::Profile,
                "key" => FairBy::Key,
                _ => FairBy::Client,
            },
            lane_slots: settings.find(&keys::LANE_SLOTS).map(|_| count(settings, &keys::LANE_SLOTS)),
            lane_timeout: milliseconds(settings, &keys::LANE_TIMEOUT),
            queue_max: count(settings, &keys::QUEUE_MAX),
            max_wait: milliseconds(settings, &keys::MAX_WAIT),
        }
    }

    /// Of `slots` connections, those that are kept for short requests: at least one is always for all.
    pub fn lane_slots(&self, slots: usize) -> usize {
        let wanted = self.lane_slots.unwrap_or(usize::from(slots >= SLOTS_WITH_LANE_MIN));
        wanted.min(slots.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_kept_where_there_are_enough_connections() {
        let config = AllocatorConfig::default();
        assert_eq!([1, 2, 3, 4, 10].map(|slots| config.lane_slots(slots)), [0, 0, 0, 1, 1]);
        let config = AllocatorConfig { lane_slots: Some(3), ..config };
        assert_eq!([1, 2, 10].map(|slots| config.lane_slots(slots)), [0, 1, 3]);
    }

    #[test]
    fn each_strategy_reads_its_own_key_of_a_profile() {
        let profile = ProfileConfig {
            weight: Some(3),
            priority: Some(5),
            slots_max: Some(2),
            ..ProfileConfig::default()
        };
        let weight = |strategy: Strategy, profile| strategy.terms(profile).weight.as_f64();
        assert_eq!(weight(Strategy::WeightedFair, &profile), 3.0);
        assert_eq!(weight(Strategy::PriorityBased, &profile), 16.0);
        assert_eq!(weight(Strategy::FairShare, &profile), 1.0);
        assert_eq!(weight(Strategy::RoundRobin, &profile), 1.0);
        assert_eq!(weight(Strategy::PriorityBased, &ProfileConfig::default()), 4.0);
        assert_eq!(Strategy::FairShare.terms(&profile).slots_max, 2);
    }
}
