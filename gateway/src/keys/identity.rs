//! Who a key stands for.

use crate::config::{Permission, Permissions};

/// An API key that a request came with, and that was found to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyIdentity {
    /// Never changes, also when the key is rotated.
    pub id: String,
    /// The name that its owner gave it.
    pub name: String,
    /// The profile of its sessions; `None`: the one that fits.
    pub profile: Option<String>,
    /// What it may do at most; `None`: what its profile allows, and nothing of an operator's.
    pub role: Option<String>,
    /// What that comes to, for endpoints. Tools and statements are bounded by the session's profile, which has the role
    /// in it.
    pub permissions: Permissions,
}

impl KeyIdentity {
    /// What a key without a role may do: what its profile allows, and nothing of an operator's.
    pub fn permissions_without_role() -> Permissions {
        Permissions::all().without(Permission::AdminOperations)
    }
}
