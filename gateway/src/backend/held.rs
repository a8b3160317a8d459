//! What of a session's own a connection holds.

use std::fmt;

/// Names of each kind that are kept and shown, at most; the rest is counted.
pub const HELD_NAMES_MAX: usize = 20;

/// A transaction that is open, among the words of [`Held`].
pub const OPEN_TRANSACTION: &str = "an open transaction";

/// State on a connection that belongs to the session whose statements made it: nobody else may see it, and it goes
/// when the connection does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Whether a transaction is open.
    pub transaction: bool,
    /// Temporary tables and views, as the backend spells them; [`HELD_NAMES_MAX`] at most.
    pub temporary: Vec<String>,
    /// Variables that are set; [`HELD_NAMES_MAX`] at most.
    pub variables: Vec<String>,
    /// Parameters that are set; [`HELD_NAMES_MAX`] at most.
    pub parameters: Vec<String>,
    /// Whether it may hold more than is named here: after a procedure or a script.
    pub unknown: bool,
}

impl Held {
    /// Whether the connection holds nothing of anybody's.
    pub fn is_empty(&self) -> bool {
        !self.transaction
            && !self.unknown
            && self.temporary.is_empty()
            && self.variables.is_empty()
            && self.parameters.is_empty()
    }
}

/// "an open transaction, the temporary objects T1, T2".
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |what: &str, names: &[String]| {
            let more = if names.len() == 1 { "" } else { "s" };
            (!names.is_empty()).then(|| format!("the {what}{more} {}", names.join(", ")))
        };
        let parts = [
            self.transaction.then(|| OPEN_TRANSACTION.to_owned()),
            list("temporary object", &self.temporary),
            list("variable", &self.variables),
            list("parameter", &self.parameters),
            self.unknown.then(|| "what a procedure may have left".to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "nothing" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// Whose connection a request runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// One that sessions share: what would leave state on it is refused.
    #[default]
    Shared,
    /// One that the request's session has to itself for now: transactions, temporary objects, variables work.
    Owned,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_named() {
        assert!(Held::default().is_empty());
        assert_eq!(Held::default().to_string(), "nothing");
        let held = Held {
            transaction: true,
            temporary: vec!["A".into(), "B".into()],
            variables: vec!["X".into()],
            ..Held::default()
        };
        assert!(!held.is_empty());
        assert_eq!(held.to_string(), "an open transaction, the temporary objects A, B, the variable X");
    }
}
