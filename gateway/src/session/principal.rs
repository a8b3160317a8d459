//! Whom fairness and limits count a session for.

use std::fmt;
use std::sync::Arc;

use super::Session;
use crate::config::FairBy;
use crate::limits::ClientKey;
use crate::state::is_generic_name;

/// The characters of a session's id that tell a client without a name of its own from others.
const ID_CHARS: usize = 8;

/// A client, however many sessions it has: ten windows of one editor are one. With an API key it is another one than without,
/// or with another: `NAME@KEY`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal {
    /// The client's name as it says it; where that is one that an SDK or an example fills in, or none, with the
    /// beginning of its session's id: such clients are counted one by one.
    pub client: Arc<str>,
    /// The name of the profile, whose weight and limits count.
    pub profile: Arc<str>,
}

impl Principal {
    fn new(client: Option<&str>, session: &str, profile: &str, key: Option<&str>) -> Self {
        let name = client.unwrap_or_default();
        let client = if is_generic_name(name) {
            let id = session.get(..ID_CHARS).unwrap_or(session);
            format!("{}#{id}", if name.is_empty() { "unnamed" } else { name })
        } else {
            name.to_owned()
        };
        Self::named(&client, profile, key)
    }

    fn named(client: &str, profile: &str, key: Option<&str>) -> Self {
        let client = key.map_or_else(|| client.to_owned(), |key| format!("{client}@{key}"));
        Self { client: client.into(), profile: profile.into() }
    }
}

impl From<Principal> for ClientKey {
    fn from(principal: Principal) -> Self {
        Self { client: principal.client, profile: principal.profile }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.profile == crate::config::PROFILE_DEFAULT {
            return formatter.write_str(&self.client);
        }
        write!(formatter, "{} ({})", self.client, self.profile)
    }
}

impl Session {
    /// The flow that its requests wait in. Fixed with its principal.
    pub fn flow(&self) -> Arc<str> {
        if self.fixed_principal.get().is_none() {
            return self.present_flow();
        }
        Arc::clone(self.fixed_flow.get_or_init(|| self.present_flow()))
    }

    fn present_flow(&self) -> Arc<str> {
        let profile = &self.profile;
        match profile.fair_by {
            FairBy::Key if self.api_key.is_some() => {
                let key = self.api_key.as_ref().map(|key| key.name.as_str()).unwrap_or_default();
                Principal { client: format!("@{key}").into(), profile: profile.name.as_str().into() }
                    .to_string()
                    .into()
            }
            FairBy::Client | FairBy::Key => self.principal().to_string().into(),
            FairBy::Profile => profile.name.as_str().into(),
            FairBy::Session => {
                let id = self.key.id.get(..ID_CHARS).unwrap_or(&self.key.id);
                let client = self.principal().client;
                if client.contains(&format!("#{id}")) { client } else { format!("{client}#{id}").into() }
            }
        }
    }

    /// Whom fairness and limits count it for. Fixed by its first call: another name later changes nothing.
    pub fn principal(&self) -> Principal {
        self.fixed_principal.get().map_or_else(|| self.present_principal(), Principal::clone)
    }

    /// A call comes, whose client has said who it is.
    pub fn fix_principal(&self) {
        self.fixed_principal.get_or_init(|| self.present_principal());
    }

    fn present_principal(&self) -> Principal {
        let profile = self.profile.name.as_str();
        // All whom nothing tells apart are one client: else each connection would be another one.
        if self.front.is_anonymous {
            let address = self.address.map_or_else(|| "socket".to_owned(), |address| address.to_string());
            return Principal { client: format!("unnamed#{address}").into(), profile: profile.into() };
        }
        let key = self.api_key.as_ref().map(|key| key.name.as_str());
        match &self.front.tag {
            // Its user has said that it is one, whatever the name.
            Some(tag) => Principal::named(tag, profile, key),
            None => Principal::new(self.client().name.as_deref(), &self.key.id, profile, key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_one_client_are_one_and_clients_without_a_name_of_their_own_are_not() {
        let client = |name, session| Principal::new(name, session, "default", None).client.to_string();
        assert_eq!(client(Some("claude-code"), "0123456789"), client(Some("claude-code"), "abcdef0123"));
        assert_eq!(client(Some("app-3"), "0123456789"), "app-3");
        assert_eq!(client(Some("mcp"), "0123456789"), "mcp#01234567");
        assert_ne!(client(None, "0123456789"), client(None, "abcdef0123"));
    }

    #[test]
    fn a_client_with_a_key_is_another_than_without() {
        let client = |name, key| Principal::new(name, "0123456789", "default", key).client.to_string();
        assert_eq!(client(Some("app-3"), Some("bi")), "app-3@bi");
        assert_eq!(client(None, Some("bi")), "unnamed#01234567@bi");
    }

    #[test]
    fn a_name_that_its_user_gave_counts_and_who_has_none_counts_by_address() {
        use crate::session::{FrontClient, Opening, SessionContext, SessionTable};
        let client = |front: FrontClient| {
            let mut opening = Opening::of(SessionTable::fresh_key());
            (opening.front, opening.address) = (front, Some([127, 0, 0, 1].into()));
            Session::new(opening, SessionContext::default()).principal().client.to_string()
        };
        assert_eq!(client(FrontClient { tag: Some("client".into()), is_anonymous: false }), "client");
        assert_eq!(client(FrontClient { tag: None, is_anonymous: true }), "unnamed#127.0.0.1");
    }

    #[test]
    fn a_key_is_one_flow_where_that_is_wanted() {
        use crate::config::Permissions;
        use crate::keys::KeyIdentity;
        use crate::session::{ClientIdentity, Opening, Profile, SessionContext, SessionTable};
        let flow = |fair_by, client: &str, key: Option<&str>| {
            let mut opening = Opening::of(SessionTable::fresh_key());
            opening.profile = Arc::new(Profile { name: "default".to_owned(), fair_by, ..Profile::default() });
            opening.api_key = key.map(|name| {
                let (id, name) = (name.to_owned(), name.to_owned());
                Arc::new(KeyIdentity { id, name, profile: None, role: None, permissions: Permissions::all() })
            });
            let session = Session::new(opening, SessionContext::default());
            session.set_client(ClientIdentity { name: Some(client.to_owned()), ..ClientIdentity::default() });
            session.flow().to_string()
        };
        assert_eq!(flow(FairBy::Key, "a", Some("bi")), flow(FairBy::Key, "b", Some("bi")));
        assert_ne!(flow(FairBy::Key, "a", Some("bi")), flow(FairBy::Key, "a", Some("other")));
        assert_ne!(flow(FairBy::Key, "a", None), flow(FairBy::Key, "b", None));
        assert_ne!(flow(FairBy::Client, "a", Some("bi")), flow(FairBy::Client, "b", Some("bi")));
        assert_ne!(flow(FairBy::Client, "a", Some("bi")), flow(FairBy::Client, "a", None));
    }
}
