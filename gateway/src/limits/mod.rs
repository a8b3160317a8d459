//! What clients may use over time: rates, quotas and calls at once, for each client and for all together.
//!
//! `window` (a sliding window) and `bucket` (tokens) measure, an `account` has those of one client, the `ledger` all
//! accounts. These are pure, with the time given; [`Limits`] is the lock and the clock around them. A call is let in
//! by [`Limits::admit`], in one step for all limits: one that is refused has used nothing. What it uses is charged
//! when that is known, and can only keep the next call out.

mod account;
mod bucket;
mod ledger;
mod notice;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod view;
mod window;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

pub use account::{CallKind, Used};
use ledger::Ledger;
pub use ledger::{ClientKey, Party};
pub use notice::{NearlyUsed, Refusal, Whose};
#[cfg(test)]
pub(crate) use samples::samples;
pub use view::{ClientQuotaView, LimitView, QuotaView};

pub(crate) use window::{Span, Window};

use crate::config::{ClientLimits, LimitValues};
use crate::state::{StateError, StateStore};

/// The limits of a gateway, and what is used of them.
#[derive(Debug)]
pub struct Limits {
    /// Held for some steps in memory, and never over an await.
    ledger: Mutex<Ledger>,
    /// Whether what earlier gateways wrote down was read.
    is_restored: AtomicBool,
    /// Held while something is written down: so nothing older is written later.
    keeping: tokio::sync::Mutex<()>,
}

/// A call that was let in; it is over when this is dropped.
#[derive(Debug)]
pub struct Admission {
    limits: Arc<Limits>,
    parties: Vec<Party>,
}

impl Limits {
    /// With these limits of all clients together.
    pub fn new(all: LimitValues) -> Arc<Self> {
        Arc::new(Self {
            ledger: Mutex::new(Ledger::new(all)),
            is_restored: AtomicBool::new(false),
            keeping: tokio::sync::Mutex::default(),
        })
    }

    /// Lets in a call of the client `key`, whose limits are `client`, and that came with the API key `of_key`; `None`: there
    /// are no limits for it.
    ///
    /// # Errors
    /// A limit is reached; nothing is counted.
    pub fn admit(
        self: &Arc<Self>,
        key: impl FnOnce() -> ClientKey,
        client: &Arc<ClientLimits>,
        of_key: Option<Party>,
        kind: CallKind,
    ) -> Result<Option<Admission>, Box<Refusal>> {
        let mut ledger = self.ledger();
        let key_limits = of_key.as_ref().map(|party| &*party.limits);
        if !ledger.counts([&**client].into_iter().chain(key_limits)) {
            return Ok(None);
        }
        let client = Party { key: key(), limits: Arc::clone(client) };
        let parties: Vec<Party> = [client].into_iter().chain(of_key).collect();
        ledger.enter(now_ms(), &parties, kind)?;
        Ok(Some(Admission { limits: Arc::clone(self), parties }))
    }

    /// From here on, these are the limits of all clients together.
    pub fn set_all(&self, all: LimitValues) {
        self.ledger().set_all(all);
    }

    /// Forgets what was used by clients of this name, or by all. Returns how many there were.
    pub fn reset(&self, client: Option<&str>) -> usize {
        self.ledger().reset(client)
    }

    /// Where everything stands.
    pub fn view(&self) -> QuotaView {
        self.ledger().view(now_ms())
    }

    /// Where the limits of all clients together stand.
    pub fn all_view(&self) -> Vec<LimitView> {
        self.ledger().all_view(now_ms())
    }

    /// Where one client stands.
    pub fn client_view(&self, key: &ClientKey, client: &ClientLimits) -> Vec<LimitView> {
        self.ledger().client_view(now_ms(), key, client)
    }

    /// How many clients are counted, and how many calls limits have refused them.
    pub fn counts(&self) -> (usize, u64) {
        let ledger = self.ledger();
        (ledger.len(), ledger.refused())
    }

    /// Takes over what earlier gateways have written down, unless that was done. `limits_of` has the limits of a
    /// profile's clients.
    pub async fn restore(
        &self,
        state: &StateStore,
        limits_of: impl Fn(&ClientKey) -> Option<Arc<ClientLimits>>,
    ) -> Result<(), StateError> {
        if self.is_restored.load(Ordering::Acquire) {
            return Ok(());
        }
        let records = state.usage(ledger::CLIENTS_MAX).await?;
        self.ledger().restore(records, limits_of);
        self.is_restored.store(true, Ordering::Release);
        Ok(())
    }

    /// Writes down what has changed. What fails is tried again the next time.
    pub async fn keep(&self, state: &StateStore) -> Result<(), StateError> {
        let _keeping = self.keeping.lock().await;
        let changed = self.ledger().take_changed(now_ms());
        for (at, step) in changed.chunks(KEEP_STEP).enumerate() {
            if let Err(error) = state.keep_usage(step.to_vec()).await {
                self.ledger().mark_changed(&changed[at * KEEP_STEP..]);
                return Err(error);
            }
        }
        Ok(())
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accounts that are written down in one transaction, at most.
const KEEP_STEP: usize = 128;

impl Admission {
    /// Counts what the call has used.
    pub fn charge(&self, used: Used) {
        self.limits.ledger().charge(now_ms(), &self.parties, used);
    }

    /// The limits that are nearly used up, and of which the client was not told yet.
    pub fn take_nearly_used(&self) -> Vec<NearlyUsed> {
        self.limits.ledger().take_nearly_used(now_ms(), &self.parties)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.limits.ledger().leave(&self.parties);
    }
}

/// Milliseconds since 1970: windows go on over restarts and while the machine sleeps.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
