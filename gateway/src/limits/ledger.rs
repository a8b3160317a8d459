//! The accounts of all clients, and the one of all together: a call is let in by all limits or charged to none.
//! Pure, with the time given.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;

use super::account::{Account, CallKind, Exceeded, Standing, Used};
use super::notice::{NearlyUsed, Refusal, Whose};
use super::view::{ClientQuotaView, LimitView, QuotaView};
use crate::config::{ClientLimits, Limit, LimitValues};
use crate::state::UsageRecord;

/// Clients that are counted at once, at most; those that were not used for the longest time go first.
pub(super) const CLIENTS_MAX: usize = 4_096;

/// Clients that are shown, at most: those used last.
const SHOWN_MAX: usize = 256;

/// Whom a call counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKey {
    /// What the client calls itself.
    pub client: Arc<str>,
    /// The name of its profile.
    pub profile: Arc<str>,
}

impl ClientKey {
    /// That of an API key with all its clients: no profile has no name.
    pub fn of_api_key(name: &str) -> Self {
        Self { client: format!("@{name}").into(), profile: "".into() }
    }

    /// Whether it is that of an API key.
    pub fn is_api_key(&self) -> bool {
        self.profile.is_empty() && !self.client.is_empty()
    }

    /// How the account of all clients is called in the state file: no client has no name.
    fn of_all() -> Self {
        Self { client: "".into(), profile: "".into() }
    }
}

impl fmt::Display for ClientKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.profile == crate::config::PROFILE_DEFAULT || self.is_api_key() {
            return formatter.write_str(&self.client);
        }
        write!(formatter, "{} ({})", self.client, self.profile)
    }
}

/// Whom a call counts for, with the limits of that: a client, and the API key that it came with.
#[derive(Clone, Debug)]
pub struct Party {
    /// Who.
    pub key: ClientKey,
    /// What may be used.
    pub limits: Arc<ClientLimits>,
}

/// One client's account.
#[derive(Debug)]
struct Client {
    limits: Arc<ClientLimits>,
    account: Account,
    used_ms: u64,
    /// Whether the state file does not have it as it is.
    is_dirty: bool,
}

/// All accounts.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The limits of all clients together.
    all_limits: LimitValues,
    all: Account,
    is_all_dirty: bool,
    clients: HashMap<ClientKey, Client>,
}

impl Ledger {
    /// In which nothing was used.
    pub(super) fn new(all_limits: LimitValues) -> Self {
        Self { all_limits, all: Account::default(), is_all_dirty: false, clients: HashMap::new() }
    }

    /// From here on, these are the limits of all clients together.
    pub(super) fn set_all(&mut self, all: LimitValues) {
        self.all_limits = all;
    }

    /// Whether calls are counted where these limits hold.
    pub(super) fn counts<'a>(&self, mut limits: impl Iterator<Item = &'a ClientLimits>) -> bool {
        !self.all_limits.are_none() || limits.any(|limits| !limits.values.are_none())
    }

    /// Lets a call in, and counts it, for all of `parties`.
    ///
    /// # Errors
    /// A limit is reached; nothing is counted.
    pub(super) fn enter(
        &mut self,
        now_ms: u64,
        parties: &[Party],
        kind: CallKind,
    ) -> Result<(), Box<Refusal>> {
        let all_limits = self.all_limits;
        let of_all = self.all.exceeded(now_ms, &all_limits, kind);
        let mut reached: Vec<_> =
            of_all.into_iter().filter_map(|reached| Some((Whose::All, parties.first()?, reached))).collect();
        for party in parties {
            let client = self.client(now_ms, &party.key, &party.limits);
            let own = client.account.exceeded(now_ms, &party.limits.values, kind);
            reached.extend(own.map(|reached| (Whose::Client, party, reached)));
        }
        let is_replayed = kind == CallKind::Replayed;
        // To try again before the last of them lets it in would be of no use.
        let last = reached.into_iter().max_by_key(|(.., reached)| reached.retry_ms).filter(|_| !is_replayed);
        if let Some((whose, party, reached)) = last {
            self.client(now_ms, &party.key, &party.limits).account.refused += 1;
            return Err(Box::new(refusal(&party.key, &party.limits, &all_limits, whose, reached)));
        }
        for Party { key, limits } in parties {
            self.client(now_ms, key, limits).account.enter(now_ms, &limits.values, kind);
        }
        self.all.enter(now_ms, &all_limits, kind);
        self.is_all_dirty = true;
        Ok(())
    }

    /// A call that was let in has ended.
    pub(super) fn leave(&mut self, parties: &[Party]) {
        for party in parties {
            if let Some(client) = self.clients.get_mut(&party.key) {
                client.account.running = client.account.running.saturating_sub(1);
            }
        }
        self.all.running = self.all.running.saturating_sub(1);
    }

    /// Counts what a call has used. It was let in, so nothing is refused: the next call is.
    pub(super) fn charge(&mut self, now_ms: u64, parties: &[Party], used: Used) {
        let all_limits = self.all_limits;
        for Party { key, limits } in parties {
            self.client(now_ms, key, limits).account.charge(now_ms, &limits.values, used);
        }
        self.all.charge(now_ms, &all_limits, used);
        self.is_all_dirty = true;
    }

    /// The limits that are nearly used up and of which the client was not told within their windows; from here on, it
    /// was.
    pub(super) fn take_nearly_used(&mut self, now_ms: u64, parties: &[Party]) -> Vec<NearlyUsed> {
        let mut of_all = self.all.nearly_used(now_ms, &self.all_limits);
        let told = parties.iter().flat_map(|party| {
            // The first is the client itself: it is told what all have used.
            self.nearly_used_of(now_ms, party, std::mem::take(&mut of_all))
        });
        told.collect()
    }

    fn nearly_used_of(&mut self, now_ms: u64, party: &Party, of_all: Vec<Standing>) -> Vec<NearlyUsed> {
        let Party { key, limits } = party;
        let account = &mut self.client(now_ms, key, limits).account;
        let own = account.nearly_used(now_ms, &limits.values);
        let both = own.into_iter().map(|standing| (Whose::Client, standing));
        let both = both.chain(of_all.into_iter().map(|standing| (Whose::All, standing)));
        both.filter(|(whose, standing)| account.tell(now_ms, *whose == Whose::All, standing.limit))
            .map(|(whose, standing)| NearlyUsed {
                whose,
                limit: standing.limit,
                max: standing.max,
                used: standing.used,
                setting: setting(key, limits, whose, standing.limit),
                client: key.clone(),
            })
            .collect()
    }

    /// Forgets what was used: by clients of this name (also those that are told apart by their sessions), or by all of
    /// them and together. Returns how many there were.
    pub(super) fn reset(&mut self, client: Option<&str>) -> usize {
        if client.is_none() {
            self.all.reset();
            self.is_all_dirty = true;
        }
        let is_meant = |key: &ClientKey| {
            let plain = |name: &str| key.client.strip_prefix(name).is_some_and(|rest| rest.starts_with('#'));
            let of_api_key = |name: &str| key.is_api_key() && key.client.strip_prefix('@') == Some(name);
            client.is_none_or(|name| {
                *key.client == *name || key.to_string() == name || plain(name) || of_api_key(name)
            })
        };
        let meant = self.clients.iter_mut().filter(|(key, _)| is_meant(key));
        meant
            .map(|(_, client)| {
                client.account.reset();
                client.is_dirty = true;
            })
            .count()
    }

    /// Takes over what an earlier gateway has written down. What was counted meanwhile by this one is kept.
    pub(super) fn restore(
        &mut self,
        records: Vec<UsageRecord>,
        limits_of: impl Fn(&ClientKey) -> Option<Arc<ClientLimits>>,
    ) {
        for record in records {
            let key = ClientKey { client: record.client.into(), profile: record.profile.into() };
            if key == ClientKey::of_all() {
                self.all.absorb(Account::restored(&record.usage, &self.all_limits));
                continue;
            }
            let Some(limits) = limits_of(&key) else { continue };
            let account = Account::restored(&record.usage, &limits.values);
            let used_ms = u64::try_from(record.used_ms).unwrap_or_default();
            match self.clients.entry(key) {
                // It came while the file could not be read.
                Entry::Occupied(mut client) => client.get_mut().account.absorb(account),
                Entry::Vacant(client) => {
                    client.insert(Client { limits, account, used_ms, is_dirty: false });
                }
            }
        }
    }

    /// The accounts that have changed, to be written down.
    pub(super) fn take_changed(&mut self, now_ms: u64) -> Vec<UsageRecord> {
        let time = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let mut changed = Vec::new();
        if std::mem::take(&mut self.is_all_dirty) && !self.all_limits.are_none() {
            let (usage, used_ms) = (self.all.to_text(), time(now_ms));
            changed.push(UsageRecord { client: String::new(), profile: String::new(), usage, used_ms });
        }
        for (key, client) in &mut self.clients {
            if std::mem::take(&mut client.is_dirty) {
                let (client_name, profile) = (key.client.to_string(), key.profile.to_string());
                let (usage, used_ms) = (client.account.to_text(), time(client.used_ms));
                changed.push(UsageRecord { client: client_name, profile, usage, used_ms });
            }
        }
        changed
    }

    /// These could not be written down.
    pub(super) fn mark_changed(&mut self, records: &[UsageRecord]) {
        for record in records {
            let key =
                ClientKey { client: record.client.as_str().into(), profile: record.profile.as_str().into() };
            match self.clients.get_mut(&key) {
                Some(client) => client.is_dirty = true,
                None => self.is_all_dirty |= key == ClientKey::of_all(),
            }
        }
    }

    /// Where everything stands.
    pub(super) fn view(&mut self, now_ms: u64) -> QuotaView {
        let mut clients: Vec<_> = self.clients.iter_mut().collect();
        clients.sort_by(|(left_key, left), (right_key, right)| {
            right.used_ms.cmp(&left.used_ms).then_with(|| left_key.cmp(right_key))
        });
        let more = clients.len().saturating_sub(SHOWN_MAX);
        let clients = clients.into_iter().take(SHOWN_MAX);
        let clients = clients.map(|(key, client)| client_view(now_ms, key, client)).collect();
        QuotaView { global: self.all_view(now_ms), clients, more }
    }

    /// Where the limits of all clients together stand.
    pub(super) fn all_view(&mut self, now_ms: u64) -> Vec<LimitView> {
        let (all, values) = (&mut self.all, self.all_limits);
        let standings = Limit::all().filter_map(|limit| all.standing(now_ms, &values, limit));
        standings
            .map(|standing| {
                view(
                    &standing,
                    standing.limit.global_name(),
                    format!("limits.{}", standing.limit.global_name()),
                )
            })
            .collect()
    }

    /// Where one client stands.
    pub(super) fn client_view(
        &mut self,
        now_ms: u64,
        key: &ClientKey,
        limits: &ClientLimits,
    ) -> Vec<LimitView> {
        match self.clients.get_mut(key) {
            Some(client) => client_view(now_ms, key, client).limits,
            None => limit_views(now_ms, key, limits, &mut Account::default()),
        }
    }

    /// Calls that limits have refused to clients that are counted.
    pub(super) fn refused(&self) -> u64 {
        self.clients.values().map(|client| client.account.refused).sum()
    }

    /// How many clients are counted.
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    fn client(&mut self, now_ms: u64, key: &ClientKey, limits: &Arc<ClientLimits>) -> &mut Client {
        if !self.clients.contains_key(key) {
            self.make_room();
        }
        let client = self.clients.entry(key.clone()).or_insert_with(|| Client {
            limits: Arc::clone(limits),
            account: Account::default(),
            used_ms: now_ms,
            is_dirty: true,
        });
        (client.used_ms, client.is_dirty) = (now_ms, true);
        if !Arc::ptr_eq(&client.limits, limits) {
            client.limits = Arc::clone(limits);
        }
        client
    }

    fn make_room(&mut self) {
        if self.clients.len() < CLIENTS_MAX {
            return;
        }
        let unused = self.clients.iter().filter(|(_, client)| client.account.running == 0);
        let oldest = unused.min_by_key(|(_, client)| client.used_ms).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.clients.remove(&oldest);
        }
    }
}

fn client_view(now_ms: u64, key: &ClientKey, client: &mut Client) -> ClientQuotaView {
    let limits = Arc::clone(&client.limits);
    ClientQuotaView {
        client: key.client.to_string(),
        profile: key.profile.to_string(),
        running: client.account.running,
        refused: client.account.refused,
        limits: limit_views(now_ms, key, &limits, &mut client.account),
    }
}

fn limit_views(now_ms: u64, key: &ClientKey, limits: &ClientLimits, account: &mut Account) -> Vec<LimitView> {
    let standings = Limit::all().filter_map(|limit| account.standing(now_ms, &limits.values, limit));
    standings
        .map(|standing| {
            let setting = limits.setting(standing.limit, &key.profile);
            view(&standing, standing.limit.name(), setting)
        })
        .collect()
}

fn view(standing: &Standing, name: &str, setting: String) -> LimitView {
    let seconds = |ms: u64| ms.div_ceil(1_000);
    LimitView {
        limit: name.to_owned(),
        setting,
        max: standing.max,
        used: standing.used,
        left: standing.max.saturating_sub(standing.used),
        free_in_s: (standing.free_ms > 0).then(|| seconds(standing.free_ms)),
        unused_in_s: seconds(standing.unused_ms),
    }
}

/// The setting that decides `limit`.
fn setting(key: &ClientKey, limits: &ClientLimits, whose: Whose, limit: Limit) -> String {
    match whose {
        Whose::Client => limits.setting(limit, &key.profile),
        Whose::All => format!("limits.{}", limit.global_name()),
    }
}

fn refusal(
    key: &ClientKey,
    limits: &ClientLimits,
    all_limits: &LimitValues,
    whose: Whose,
    reached: Exceeded,
) -> Refusal {
    let values = if whose == Whose::All { all_limits } else { &limits.values };
    let burst = match reached.limit {
        Limit::RequestsPerSecond => Some(Limit::RequestsBurst),
        Limit::QueriesBurst => Some(Limit::QueriesPerMinute),
        _ => None,
    };
    let other = burst.filter(|other| values.get(*other) > 0);
    let named = |limit: Limit| (setting(key, limits, whose, limit), values.get(limit));
    Refusal {
        whose,
        client: key.clone(),
        limit: reached.limit,
        max: reached.max,
        used: reached.used,
        retry_ms: reached.retry_ms,
        setting: named(reached.limit),
        with: other.map(named),
    }
}
