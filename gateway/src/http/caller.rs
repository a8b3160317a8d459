//! Who a request is from.

use std::net::IpAddr;
use std::sync::Arc;

use crate::config::Permission;
use crate::keys::KeyIdentity;

/// One HTTP connection, as the listener knows it: in the extensions of each of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Its number: unique for as long as the gateway runs.
    pub(super) connection: u64,
    /// The address at the other end; `None`: a Unix socket.
    pub(super) address: Option<IpAddr>,
}

/// Who a request is from, once it is let in: in the extensions of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// `None`: the front asks for no keys (`auth = "none"`).
    pub(crate) key: Option<Arc<KeyIdentity>>,
    /// The address that it counts for; `None`: a Unix socket.
    pub(crate) address: Option<IpAddr>,
    /// The number of its connection.
    pub(crate) connection: u64,
    /// Whether it came to the page with a link of `snowgate open`: it may do what this machine's user does with the command line.
    pub(crate) is_operator: bool,
}

impl Caller {
    /// Whether it may do what needs `permission`. Without keys nothing tells an operator from others, so what an operator
    /// does is refused.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        if self.is_operator {
            return true;
        }
        match &self.key {
            Some(key) => key.permissions.contains(permission),
            None => permission != Permission::AdminOperations,
        }
    }

    /// Why it may not do what needs `permission`, and what to do about it: for HTTP 403.
    pub(crate) fn objection(&self, permission: Permission) -> Option<String> {
        if self.may(permission) {
            return None;
        }
        let Some(key) = &self.key else {
            return Some(format!(
                "this needs the permission `{permission}`, which only a key has; set auth = \"keys\" under [http], and \
                 create a key whose role has it"
            ));
        };
        let whose = match &key.role {
            Some(role) => format!("the role `{role}` of the key `{}` does not have it", key.name),
            None => format!("the key `{}` has no role", key.name),
        };
        Some(format!(
            "this needs the permission `{permission}`, and {whose}; use a key with a role that has it"
        ))
    }
}
