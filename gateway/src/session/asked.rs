//! What is told of a session with each of its requests.

use std::sync::Arc;

use super::{Session, lock};
use crate::telemetry::{Asker, RequestEvent};

impl Session {
    /// A request of it has ended: `event` says how.
    pub fn note_request(&self, event: impl FnOnce(Arc<Asker>) -> RequestEvent) {
        if let Some(telemetry) = &self.telemetry {
            telemetry.note_request(event(self.asker()));
        }
    }

    /// Waits until the records of its requests that have ended are in the audit trail, where `audit.required` says so.
    pub async fn audited(&self) {
        if let Some(telemetry) = &self.telemetry {
            telemetry.audit.written().await;
        }
    }

    /// Who it is, at present.
    pub fn asker(&self) -> Arc<Asker> {
        let client = self.client();
        let is_as_before = |known: &Asker| {
            known.client == client.name
                && known.client_version == client.version
                && known.profile == self.profile.name
                && known.is_fixed == self.fixed_principal.get().is_some()
        };
        let mut kept = lock(&self.asker);
        if let Some(known) = kept.as_ref().filter(|known| is_as_before(known)) {
            return Arc::clone(known);
        }
        let asker = Arc::new(Asker {
            session: self.key.id.clone(),
            principal: self.principal().client.to_string(),
            client: client.name.clone(),
            client_version: client.version.clone(),
            key: self.api_key.as_ref().map(|key| key.name.clone()),
            roles: self.profile.roles.iter().map(|role| role.name.clone()).collect(),
            profile: self.profile.name.clone(),
            is_fixed: self.fixed_principal.get().is_some(),
            uid: self.uid,
            pid: self.origin.pid,
            parent_exe: self.origin.parent_exe.clone(),
            cwd: self.origin.cwd.clone(),
            address: self.address,
        });
        *kept = Some(Arc::clone(&asker));
        asker
    }
}
