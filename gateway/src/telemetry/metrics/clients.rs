//! Which names of clients metrics tell apart. Clients choose their names, so their number and length are bounded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::super::asker::Asker;

/// What those clients are called together for whom there is no room.
pub(super) const OTHER: &str = "other";

/// Characters of a name; the rest is cut.
const NAME_CHARS_MAX: usize = 64;

/// Characters of a session's id that tell clients without a name of their own apart (`session/principal`).
const ID_CHARS: usize = 8;

/// How whom nothing tells apart but the address is called, before the address.
const UNNAMED: &str = "unnamed";

/// What is known of each client, by name.
#[derive(Debug)]
pub(super) struct Clients<T> {
    known: RwLock<HashMap<Box<str>, Arc<T>>>,
    max: usize,
}

impl<T> Clients<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { known: RwLock::default(), max }
    }

    /// Names that are told apart.
    pub(super) fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What is known of the client of `asker`; `make` makes it, with the label that it has.
    pub(super) fn find(&self, asker: &Asker, make: impl Fn(&str) -> T) -> Arc<T> {
        let name = name_of(asker);
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let is_full = known.len() >= self.max && !known.contains_key(&*name);
            if let Some(client) = known.get(if is_full { OTHER } else { &*name }) {
                return Arc::clone(client);
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let name = if known.len() >= self.max && !known.contains_key(&*name) { OTHER } else { &name };
        Arc::clone(known.entry(name.into()).or_insert_with(|| Arc::new(make(&label_of(name)))))
    }
}

/// The client's name, without what tells its sessions apart.
fn name_of(asker: &Asker) -> Cow<'_, str> {
    let principal = asker.principal.as_str();
    let Some((name, rest)) = principal.rsplit_once('#') else { return principal.into() };
    if name == UNNAMED && asker.session.get(..ID_CHARS).is_none_or(|id| !rest.starts_with(id)) {
        return name.into();
    }
    let id = asker.session.get(..ID_CHARS).unwrap_or(&asker.session);
    match rest.strip_prefix(id) {
        Some("") => name.into(),
        Some(key) => format!("{name}{key}").into(),
        // It is part of the name.
        None => principal.into(),
    }
}

fn label_of(name: &str) -> String {
    let plain = |char: char| if char.is_control() { '?' } else { char };
    name.chars().take(NAME_CHARS_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(principal: &str, session: &str) -> Asker {
        Asker { principal: principal.to_owned(), session: session.to_owned(), ..Asker::default() }
    }

    #[test]
    fn what_tells_sessions_apart_is_no_part_of_the_name() {
        for (principal, name) in [
            ("claude-code", "claude-code"),
            ("claude-code@ci", "claude-code@ci"),
            ("mcp#0a1b2c3d", "mcp"),
            ("mcp#0a1b2c3d@ci", "mcp@ci"),
            ("unnamed#0a1b2c3d", "unnamed"),
            ("unnamed#127.0.0.1", "unnamed"),
            ("C# client", "C# client"),
        ] {
            assert_eq!(name_of(&asker(principal, "0a1b2c3d4e5f")), name, "{principal}");
        }
    }

    #[test]
    fn so_many_names_are_told_apart_and_no_more() {
        let clients = Clients::new(3);
        for number in 0..1_000 {
            clients.find(&asker(&format!("client-{number}"), "s"), str::to_owned);
        }
        assert_eq!(clients.len(), 4);
        assert_eq!(*clients.find(&asker("client-1", "s"), str::to_owned), "client-1");
        assert_eq!(*clients.find(&asker("client-999", "s"), str::to_owned), OTHER);
    }

    #[test]
    fn a_label_is_short_and_plain() {
        assert_eq!(label_of(&"ä\n".repeat(50)), "ä?".repeat(32));
    }
}
