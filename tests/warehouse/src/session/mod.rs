//! Sessions and their tokens.

mod calls;
mod context;
mod tokens;

use std::collections::{BTreeMap, HashMap};

pub(super) use calls::{close, heartbeat, renew};
pub use context::Context;
use serde_json::Value;
pub(super) use tokens::Tokens;

use super::answers::Refusal;
use super::catalog::{FullName, Relation, Row};

/// What the account counts a user's sessions as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) is_agent: bool,
    /// The restricted session scope that is active.
    pub(super) scope: Option<String>,
}

impl Standing {
    /// `SYS_CONTEXT(namespace, property)`; `None` is NULL.
    pub(super) fn property(&self, namespace: &str, property: &str) -> Option<String> {
        match (namespace, property) {
            ("SNOWFLAKE$CURRENT", "IS_AGENT_ACTIVATED") => {
                Some(if self.is_agent { "TRUE" } else { "FALSE" }.to_owned())
            }
            ("SNOWFLAKE$SESSION", "ACTIVE_RESTRICTED_SESSION_SCOPES") => {
                let scope = |name: &String| serde_json::json!([{"name": name, "definition": "..."}]);
                Some(self.scope.as_ref().map_or_else(|| "[]".to_owned(), |name| scope(name).to_string()))
            }
            _ => None,
        }
    }
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) user: String,
    pub(super) account: String,
    pub(super) context: Context,
    pub(super) secondary_roles: Option<String>,
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) temporary: HashMap<FullName, Relation>,
    /// Set by `SET`; `None` is NULL.
    pub(super) variables: BTreeMap<String, Option<String>>,
    /// What `SYS_CONTEXT` says of it; `None`: the account does not know that function.
    pub(super) standing: Option<Standing>,
    /// Rows that an open transaction has inserted; `None`: there is none.
    pub(super) transaction: Option<Vec<(FullName, Row)>>,
    /// It has ended. Only its detached queries still need it.
    ended: bool,
}

/// The sessions that there were.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    list: BTreeMap<u64, Session>,
    pub(super) tokens: Tokens,
    opened: u64,
}

impl Sessions {
    /// Opens a session; its tokens are still to be granted.
    pub(super) fn open(&mut self, user: &str, account: &str, context: Context) -> &mut Session {
        const FIRST: u64 = 1_172_562_260_000;
        let id = FIRST + self.opened;
        self.opened += 1;
        self.list.entry(id).or_insert(Session {
            id,
            user: user.to_owned(),
            account: account.to_owned(),
            context,
            secondary_roles: None,
            parameters: BTreeMap::new(),
            temporary: HashMap::new(),
            variables: BTreeMap::new(),
            standing: None,
            transaction: None,
            ended: false,
        })
    }

    pub(super) fn get(&self, id: u64) -> Option<&Session> {
        self.list.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Session> {
        self.list.get_mut(&id)
    }

    /// The sessions that have not ended.
    pub(super) fn open_ones(&self) -> impl Iterator<Item = &Session> {
        self.list.values().filter(|session| !session.ended)
    }

    /// Ends a session: temporary tables and an open transaction go with it.
    pub(super) fn end(&mut self, id: u64) {
        if let Some(session) = self.list.get_mut(&id) {
            session.ended = true;
            session.temporary.clear();
            session.variables.clear();
            session.transaction = None;
        }
    }

    fn usable(&self, id: u64) -> Result<&Session, Refusal> {
        self.list.get(&id).filter(|session| !session.ended).ok_or_else(Refusal::session_gone)
    }

    /// The session that `token` is for.
    pub(super) fn of_token(&self, token: Option<&str>) -> Result<&Session, Refusal> {
        let token = token.ok_or_else(Refusal::no_token)?;
        self.tokens.session(token).and_then(|id| self.usable(id))
    }

    /// The session that the master token `token` renews.
    pub(super) fn of_master(&self, token: Option<&str>) -> Result<u64, Refusal> {
        let token = token.ok_or_else(Refusal::no_token)?;
        self.tokens.master(token).and_then(|id| self.usable(id)).map(|session| session.id)
    }
}
