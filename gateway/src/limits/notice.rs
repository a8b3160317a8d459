//! What a client is told of a limit: that it is reached, or nearly.

use std::time::Duration;

use super::account::{Measure, Unit, measure};
use super::ledger::ClientKey;
use crate::config::Limit;

/// Whose use a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// That of one client.
    Client,
    /// That of all together.
    All,
}

/// A call is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(super) whose: Whose,
    pub(super) client: ClientKey,
    pub(super) limit: Limit,
    /// What may be used; of a bucket, at once.
    pub(super) max: u64,
    pub(super) used: u64,
    pub(super) retry_ms: u64,
    /// The setting, and its value.
    pub(super) setting: (String, u64),
    /// That of the limit's burst or rate.
    pub(super) with: Option<(String, u64)>,
}

impl Refusal {
    /// The setting that refuses.
    pub fn setting(&self) -> &str {
        &self.setting.0
    }

    /// When to try again, rounded up to seconds: at least one.
    pub fn retry_after(&self) -> Duration {
        Duration::from_secs(self.retry_ms.div_ceil(1_000).max(1))
    }

    /// What happened, and why.
    pub fn message(&self) -> String {
        let Self { limit, max, used, setting: (name, value), .. } = self;
        let whose = whose(self.whose, &self.client);
        let what = match measure(*limit) {
            Measure::Running => format!("{used} of {max} calls of {whose} are being served"),
            Measure::Window(unit, _) => {
                format!("{used} of {max} {} of {whose} {}", unit.name(), period(*limit))
            }
            Measure::Bucket(unit, ..) => format!("{used} of {max} {} of {whose} came at once", unit.name()),
            Measure::Burst => format!("{used} of {max} {} of {whose} came at once", Unit::Queries.name()),
        };
        let with = self.with.as_ref().map(|(name, value)| format!(", {name} = {value}")).unwrap_or_default();
        format!("not run: {what} ({name} = {value}{with})")
    }

    /// What to do about it; `config` is where the setting is.
    pub fn next_step(&self, config: &str) -> String {
        let seconds = self.retry_after().as_secs();
        let about = match seconds {
            0..120 => String::new(),
            120..7_200 => format!(" ({} min)", seconds.div_ceil(60)),
            _ => format!(" ({} h)", (seconds + 1_800) / 3_600),
        };
        let (section, key) = self.setting.0.rsplit_once('.').unwrap_or(("limits", &self.setting.0));
        format!(
            "try again in {seconds} s{about}; `snowgate quota` shows what is used. To allow more, change `{key}` under [{section}] in \
             {config} and run `snowgate reload`"
        )
    }
}

/// A limit is nearly used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearlyUsed {
    pub(super) whose: Whose,
    pub(super) client: ClientKey,
    pub(super) limit: Limit,
    pub(super) max: u64,
    pub(super) used: u64,
    pub(super) setting: String,
}

impl NearlyUsed {
    /// The setting of the limit.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// For the client.
    pub fn message(&self) -> String {
        let Self { limit, max, used, setting, .. } = self;
        let unit = match measure(*limit) {
            Measure::Window(unit, _) | Measure::Bucket(unit, ..) => unit.name(),
            Measure::Running | Measure::Burst => "calls",
        };
        let whose = whose(self.whose, &self.client);
        let state = if *used >= *max { "Limit reached" } else { "Limit nearly reached" };
        let percent = used.saturating_mul(100) / (*max).max(1);
        format!(
            "{state}: {used} of {max} {unit} of {whose} {} ({percent}%, {setting}); what exceeds it is refused.",
            period(*limit)
        )
    }
}

fn whose(whose: Whose, client: &ClientKey) -> String {
    match whose {
        Whose::Client if client.is_api_key() => {
            format!("the API key `{}`", client.client.trim_start_matches('@'))
        }
        Whose::Client => format!("the client `{client}`"),
        Whose::All => "all clients together".to_owned(),
    }
}

fn period(limit: Limit) -> &'static str {
    match limit {
        Limit::RequestsPerMinute | Limit::QueriesPerMinute => "are used in the last minute",
        Limit::RequestsPerHour | Limit::QueriesPerHour => "are used in the last hour",
        _ => "are used in the last 24 hours",
    }
}
