//! What a client may use, and all clients together: rates, quotas and calls at once.

use super::keys::{self, Key};
use super::settings::Settings;

/// A limit that can be set for each client, and for all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// `limits.requests_per_second`, 0 to 1000000; `limits.global_requests_per_second`, 0 to 1000000.
    RequestsPerSecond,
    /// `limits.requests_burst`, 0 to 1000000; `limits.global_requests_burst`, 0 to 1000000.
    RequestsBurst,
    /// `limits.requests_per_minute`, 0 to 10000000; `limits.global_requests_per_minute`, 0 to 10000000.
    RequestsPerMinute,
    /// `limits.requests_per_hour`, 0 to 1000000000; `limits.global_requests_per_hour`, 0 to 1000000000.
    RequestsPerHour,
    /// `limits.requests_per_day`, 0 to 1000000000; `limits.global_requests_per_day`, 0 to 1000000000.
    RequestsPerDay,
    /// `limits.queries_per_minute`, 0 to 10000000; `limits.global_queries_per_minute`, 0 to 10000000.
    QueriesPerMinute,
    /// `limits.queries_burst`, 0 to 10000000; `limits.global_queries_burst`, 0 to 10000000.
    QueriesBurst,
    /// `limits.queries_per_hour`, 0 to 1000000000; `limits.global_queries_per_hour`, 0 to 1000000000.
    QueriesPerHour,
    /// `limits.queries_per_day`, 0 to 1000000000; `limits.global_queries_per_day`, 0 to 1000000000.
    QueriesPerDay,
    /// `limits.rows_per_day`, 0 to 1000000000000000; `limits.global_rows_per_day`, 0 to 1000000000000000.
    RowsPerDay,
    /// `limits.bytes_per_day`, 0 to 1000000000000000; `limits.global_bytes_per_day`, 0 to 1000000000000000.
    BytesPerDay,
    /// `limits.backend_seconds_per_day`, 0 to 1000000000; `limits.global_backend_seconds_per_day`, 0 to 1000000000.
    BackendSecondsPerDay,
    /// `limits.concurrent_max`, 0 to 100000; `limits.global_concurrent_max`, 0 to 100000.
    ConcurrentMax,
}

/// Each limit with its key, and that of the same for all clients together. In the order of [`Limit`].
const TABLE: [(Limit, &Key, &Key); Limit::COUNT] = [
    (Limit::RequestsPerSecond, &keys::REQUESTS_PER_SECOND, &keys::GLOBAL_REQUESTS_PER_SECOND),
    (Limit::RequestsBurst, &keys::REQUESTS_BURST, &keys::GLOBAL_REQUESTS_BURST),
    (Limit::RequestsPerMinute, &keys::REQUESTS_PER_MINUTE, &keys::GLOBAL_REQUESTS_PER_MINUTE),
    (Limit::RequestsPerHour, &keys::REQUESTS_PER_HOUR, &keys::GLOBAL_REQUESTS_PER_HOUR),
    (Limit::RequestsPerDay, &keys::REQUESTS_PER_DAY, &keys::GLOBAL_REQUESTS_PER_DAY),
    (Limit::QueriesPerMinute, &keys::QUERIES_PER_MINUTE, &keys::GLOBAL_QUERIES_PER_MINUTE),
    (Limit::QueriesBurst, &keys::QUERIES_BURST, &keys::GLOBAL_QUERIES_BURST),
    (Limit::QueriesPerHour, &keys::QUERIES_PER_HOUR, &keys::GLOBAL_QUERIES_PER_HOUR),
    (Limit::QueriesPerDay, &keys::QUERIES_PER_DAY, &keys::GLOBAL_QUERIES_PER_DAY),
    (Limit::RowsPerDay, &keys::ROWS_PER_DAY, &keys::GLOBAL_ROWS_PER_DAY),
    (Limit::BytesPerDay, &keys::BYTES_PER_DAY, &keys::GLOBAL_BYTES_PER_DAY),
    (Limit::BackendSecondsPerDay, &keys::BACKEND_SECONDS_PER_DAY, &keys::GLOBAL_BACKEND_SECONDS_PER_DAY),
    (Limit::ConcurrentMax, &keys::CONCURRENT_MAX, &keys::GLOBAL_CONCURRENT_MAX),
];

impl Limit {
    /// How many there are.
    pub const COUNT: usize = 13;

    /// All of them, in display order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(limit, ..)| *limit)
    }

    /// Its name, as `[limits]` and a profile have it.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1.name
    }

    /// The name of the same for all clients together.
    pub fn global_name(self) -> &'static str {
        TABLE[self as usize].2.name
    }

    /// The one called `name`.
    pub fn find(name: &str) -> Option<Self> {
        Self::all().find(|limit| limit.name() == name)
    }
}

/// The limits that are set; 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitValues([u64; Limit::COUNT]);

impl LimitValues {
    /// Those that `value` returns.
    pub fn of(value: impl FnMut(Limit) -> u64) -> Self {
        let mut limits = TABLE.map(|(limit, ..)| limit).map(value);
        // A burst alone is no limit.
        for (burst, rate) in
            [(Limit::RequestsBurst, Limit::RequestsPerSecond), (Limit::QueriesBurst, Limit::QueriesPerMinute)]
        {
            if limits[rate as usize] == 0 {
                limits[burst as usize] = 0;
            }
        }
        Self(limits)
    }

    /// The value of `limit`; 0: there is none.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// Whether none is set.
    pub fn are_none(&self) -> bool {
        self.0.iter().all(|value| *value == 0)
    }
}

/// The limits of `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageLimits {
    /// What one client may use.
    pub each: LimitValues,
    /// What all clients together may.
    pub all: LimitValues,
    /// Sessions of one client; 0: no limit. `limits.sessions_per_client_max`, 0 to 100000.
    pub sessions_max: usize,
    /// Memory for the results of one client. `limits.result_bytes_in_flight_max`, 1048576 to 17179869184.
    pub result_bytes: usize,
    /// Memory for the results of all. `limits.global_result_bytes_in_flight_max`, 16777216 to 17179869184.
    pub all_result_bytes: usize,
}

impl UsageLimits {
    pub(super) fn from_settings(settings: &Settings) -> Self {
        let count = |key: &Key| usize::try_from(settings.integer(key)).unwrap_or(usize::MAX);
        Self {
            each: LimitValues::of(|limit| settings.integer(TABLE[limit as usize].1)),
            all: LimitValues::of(|limit| settings.integer(TABLE[limit as usize].2)),
            sessions_max: count(&keys::SESSIONS_PER_CLIENT_MAX),
            result_bytes: count(&keys::RESULT_BYTES_IN_FLIGHT_MAX),
            all_result_bytes: count(&keys::GLOBAL_RESULT_BYTES_IN_FLIGHT_MAX),
        }
    }
}

/// The limits of a profile's clients, none of them above those of `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// What one client may use.
    pub values: LimitValues,
    /// Those that the profile decides.
    own: LimitValues,
    /// Sessions of one client; 0: no limit.
    pub sessions_max: usize,
    /// Whether the profile decides that.
    has_own_sessions_max: bool,
    /// Memory for the results of one client, in bytes.
    pub result_bytes: usize,
    /// Whether the profile decides that.
    has_own_result_bytes: bool,
    /// The role that lowers limits, and those that it decides.
    role: Option<(String, LimitValues)>,
}

impl ClientLimits {
    /// Those of `general`, lowered by what a profile sets.
    pub fn of(general: &UsageLimits, own: &ProfileLimits) -> Self {
        let lower =
            |general: u64, own: u64| if own != 0 && (general == 0 || own < general) { own } else { 0 };
        let mut decided = LimitValues::default();
        let mut values = general.each;
        for limit in Limit::all() {
            let own = lower(general.each.get(limit), own.values.get(limit));
            if own != 0 {
                (decided.0[limit as usize], values.0[limit as usize]) = (own, own);
            }
        }
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let own_result_bytes = own.result_bytes.map(count).filter(|own| *own < general.result_bytes);
        let sessions_max = count(lower(general.sessions_max as u64, own.sessions_max));
        Self {
            values: LimitValues::of(|limit| values.get(limit)),
            own: decided,
            sessions_max: if sessions_max == 0 { general.sessions_max } else { sessions_max },
            has_own_sessions_max: sessions_max != 0,
            result_bytes: own_result_bytes.unwrap_or(general.result_bytes),
            has_own_result_bytes: own_result_bytes.is_some(),
            role: None,
        }
    }

    /// The same, lowered by the role called `name`.
    #[must_use]
    pub fn with_role(self, name: &str, role: &LimitValues) -> Self {
        let (mut values, mut decided) = (self.values, LimitValues::default());
        for limit in Limit::all() {
            let (now, own) = (values.get(limit), role.get(limit));
            if own != 0 && (now == 0 || own < now) {
                (decided.0[limit as usize], values.0[limit as usize]) = (own, own);
            }
        }
        Self {
            values: LimitValues::of(|limit| values.get(limit)),
            role: Some((name.to_owned(), decided)),
            ..self
        }
    }

    /// Those of an API key with the role called `name`.
    pub fn of_role(name: &str, role: &LimitValues) -> Self {
        Self::default().with_role(name, role)
    }

    /// The setting that decides `limit` for clients of the profile `profile`.
    pub fn setting(&self, limit: Limit, profile: &str) -> String {
        if let Some((role, decided)) = &self.role
            && decided.get(limit) != 0
        {
            return format!("{}.{role}.{}", keys::ROLES, limit.name());
        }
        path(TABLE[limit as usize].1, (self.own.get(limit) != 0).then_some(profile))
    }

    /// The setting that decides how many sessions a client of the profile `profile` may have.
    pub fn sessions_setting(&self, profile: &str) -> String {
        path(&keys::SESSIONS_PER_CLIENT_MAX, self.has_own_sessions_max.then_some(profile))
    }

    /// The setting that decides how much memory there is for the results of such a client.
    pub fn results_setting(&self, profile: &str) -> String {
        path(&keys::RESULT_BYTES_IN_FLIGHT_MAX, self.has_own_result_bytes.then_some(profile))
    }
}

/// The path of `key`, of `[limits]` or of a profile.
fn path(key: &Key, profile: Option<&str>) -> String {
    profile.map_or_else(|| key.path.to_owned(), |profile| format!("profiles.{profile}.{}", key.name))
}

/// The limits that a profile sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileLimits {
    /// What one client may use; 0: it sets none.
    pub values: LimitValues,
    /// Sessions of one client; 0: it sets none. 0 to 100000.
    pub sessions_max: u64,
    /// Memory for the results of one client; `None`: it sets none. 1048576 to 17179869184.
    pub result_bytes: Option<u64>,
}

impl ProfileLimits {
    pub(super) fn from_numbers(number: impl Fn(&str) -> Option<u64>) -> Self {
        let or_none = |name: &str| number(name).unwrap_or_default();
        // Not `LimitValues::of`: the rate of a burst may be that of `[limits]`.
        let values = LimitValues(TABLE.map(|(_, key, _)| or_none(key.name)));
        Self {
            values,
            sessions_max: or_none(keys::SESSIONS_PER_CLIENT_MAX.name),
            result_bytes: number(keys::RESULT_BYTES_IN_FLIGHT_MAX.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(set: &[(Limit, u64)]) -> LimitValues {
        LimitValues::of(|limit| set.iter().find(|(of, _)| *of == limit).map_or(0, |(_, value)| *value))
    }

    fn general(set: &[(Limit, u64)]) -> UsageLimits {
        let all = LimitValues::default();
        UsageLimits { each: values(set), all, sessions_max: 0, result_bytes: 10, all_result_bytes: 20 }
    }

    #[test]
    fn the_table_is_in_the_order_of_its_limits() {
        for (at, (limit, key, global)) in TABLE.iter().enumerate() {
            assert_eq!(*limit as usize, at);
            assert_eq!(format!("global_{}", key.name), global.name);
            assert_eq!(Limit::find(key.name), Some(*limit));
        }
    }

    #[test]
    fn a_profile_can_only_lower_and_zero_lowers_nothing() {
        let general = general(&[(Limit::RequestsPerDay, 10), (Limit::RowsPerDay, 10)]);
        let own = ProfileLimits {
            values: values(&[(Limit::RequestsPerDay, 20), (Limit::RowsPerDay, 5), (Limit::BytesPerDay, 7)]),
            sessions_max: 3,
            result_bytes: Some(30),
        };
        let limits = ClientLimits::of(&general, &own);
        let found = |limit| (limits.values.get(limit), limits.setting(limit, "p"));
        assert_eq!(found(Limit::RequestsPerDay), (10, "limits.requests_per_day".to_owned()));
        assert_eq!(found(Limit::RowsPerDay), (5, "profiles.p.rows_per_day".to_owned()));
        assert_eq!(found(Limit::BytesPerDay), (7, "profiles.p.bytes_per_day".to_owned()));
        assert_eq!(limits.values.get(Limit::QueriesPerDay), 0);
        assert_eq!((limits.sessions_max, limits.result_bytes), (3, 10));
        assert_eq!(limits.sessions_setting("p"), "profiles.p.sessions_per_client_max");
    }

    #[test]
    fn a_role_lowers_what_the_profile_has_and_says_so() {
        let general = general(&[(Limit::QueriesPerHour, 100), (Limit::RowsPerDay, 5)]);
        let role = values(&[(Limit::QueriesPerHour, 10), (Limit::RowsPerDay, 50), (Limit::BytesPerDay, 7)]);
        let limits = ClientLimits::of(&general, &ProfileLimits::default()).with_role("guest", &role);
        let found = |limit| (limits.values.get(limit), limits.setting(limit, "p"));
        assert_eq!(found(Limit::QueriesPerHour), (10, "roles.guest.queries_per_hour".to_owned()));
        assert_eq!(found(Limit::RowsPerDay), (5, "limits.rows_per_day".to_owned()));
        assert_eq!(found(Limit::BytesPerDay), (7, "roles.guest.bytes_per_day".to_owned()));
    }

    #[test]
    fn a_burst_without_its_rate_is_no_limit_and_one_of_a_profile_may_go_with_the_general_rate() {
        assert!(values(&[(Limit::RequestsBurst, 5), (Limit::QueriesBurst, 5)]).are_none());
        let own = ProfileLimits::from_numbers(|name| (name == "requests_burst").then_some(5));
        let with =
            |set: &[(Limit, u64)]| ClientLimits::of(&general(set), &own).values.get(Limit::RequestsBurst);
        assert_eq!((with(&[]), with(&[(Limit::RequestsPerSecond, 9)])), (0, 5));
    }
}
