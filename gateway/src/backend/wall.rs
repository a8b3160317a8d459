//! What a profile requires of the wall that the account itself builds around a log-in.

use std::fmt;

/// What the sessions of a log-in must be before a request may run there: what the account enforces, no text gets past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wall {
    /// They must count as an agent's.
    pub agent_session: bool,
    /// This restricted session scope must be active.
    pub scope: Option<String>,
}

impl Wall {
    /// The wall that these settings ask for; `None`: they ask for none.
    pub fn new(agent_session: bool, scope: Option<String>) -> Option<Self> {
        (agent_session || scope.is_some()).then_some(Self { agent_session, scope })
    }
}

/// The settings, as the configuration has them.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.agent_session {
            f.write_str("require_agent_session = true")?;
        }
        let Some(scope) = &self.scope else { return Ok(()) };
        write!(f, "{}require_scope = \"{scope}\"", if self.agent_session { ", " } else { "" })
    }
}
