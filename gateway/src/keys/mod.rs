//! API keys of the HTTP front.

mod identity;

pub use identity::KeyIdentity;
