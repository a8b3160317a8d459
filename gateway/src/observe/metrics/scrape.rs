//! What the families are read from, at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::status::{StatusView, snapshot};
use super::samples::part;
use crate::session::Session;
use crate::shared::Shared;
use crate::telemetry::QueriesView;

/// The gateway at one moment.
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) status: StatusView,
    pub(super) queries: QueriesView,
    /// By the name that metrics know a client by; no more than those are.
    pub(super) clients: BTreeMap<Arc<str>, ClientNow>,
    /// Names that metrics tell apart.
    pub(super) clients_known: usize,
}

/// A client with open sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientNow {
    pub(super) sessions: usize,
    pub(super) running: usize,
    /// By limit: the part of it that is used; of several sessions the greatest.
    pub(super) limits: BTreeMap<String, f64>,
}

impl Scrape {
    pub(super) fn of(shared: &Shared) -> Self {
        let mut clients = BTreeMap::<Arc<str>, ClientNow>::new();
        for session in shared.sessions.all() {
            let label = shared.telemetry.metrics.client_label(&session.asker());
            clients.entry(label).or_default().add(shared, &session);
        }
        Self {
            status: snapshot(shared),
            queries: shared.telemetry.queries.view(0),
            clients,
            clients_known: shared.telemetry.metrics.clients(),
        }
    }
}

impl ClientNow {
    fn add(&mut self, shared: &Shared, session: &Session) {
        self.sessions += 1;
        self.running += session.counters.running.load(Ordering::Relaxed);
        if !session.profile.is_fixed() {
            return;
        }
        for limit in shared.limits.client_view(&session.principal().into(), &session.profile.limits) {
            let used = part(limit.used, limit.max);
            let known = self.limits.entry(limit.limit).or_default();
            *known = known.max(used);
        }
    }
}
