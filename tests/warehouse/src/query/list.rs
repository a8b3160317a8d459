//! The queries that there were.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use crate::session::Context;
use crate::sql::{Outcome, Plan, SqlError};

/// A query. Written when it is submitted and when it is settled; what tests see of it is kept beside, at
/// `seen`.
pub(crate) struct Query {
    pub(crate) session: u64,
    pub(crate) user: String,
    /// Its place in the list of queries that were seen.
    pub(crate) seen: usize,
    pub(crate) detached: bool,
    pub(crate) describe_only: bool,
    /// Whether it waits for being asked for, so that no question is held.
    pub(crate) by_polls: bool,
    /// What is still to be carried out.
    pub(crate) plan: Option<Plan>,
    pub(crate) done: Option<Done>,
}

/// How a query ended.
pub(crate) struct Done {
    pub(crate) outcome: Result<Outcome, SqlError>,
    /// The session's context and parameters right after.
    pub(crate) context: Context,
    pub(crate) parameters: Vec<Value>,
}

/// All queries, by their names and by their clients' names for them.
#[derive(Default)]
pub(crate) struct Queries {
    list: HashMap<String, Query>,
    /// By user and request id: another session of the user may ask again.
    by_request: HashMap<(String, String), String>,
    /// The last settled one of each session.
    last: HashMap<u64, String>,
}

impl Queries {
    /// Adds a query and gives its name.
    pub(crate) fn add(&mut self, request_id: &str, query: Query) -> String {
        // As the service's names look: a UUID that begins with the hour.
        let id = format!("01c0{}", &Uuid::new_v4().to_string()[4..]);
        if !request_id.is_empty() {
            self.by_request.insert((query.user.clone(), request_id.to_owned()), id.clone());
        }
        self.list.insert(id.clone(), query);
        id
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Query> {
        self.list.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Query> {
        self.list.get_mut(id)
    }

    /// The query that this user submitted as `request_id`.
    pub(crate) fn by_request(&self, user: &str, request_id: &str) -> Option<&String> {
        self.by_request.get(&(user.to_owned(), request_id.to_owned()))
    }

    pub(crate) fn is_done(&self, id: &str) -> bool {
        self.list.get(id).is_none_or(|query| query.done.is_some())
    }

    pub(crate) fn outcome(&self, id: &str) -> Option<&Result<Outcome, SqlError>> {
        self.list.get(id)?.done.as_ref().map(|done| &done.outcome)
    }

    /// The query that this session settled last.
    pub(crate) fn last_of(&self, session: u64) -> Option<String> {
        self.last.get(&session).cloned()
    }

    /// Records how a query ended. The first end counts: gives whether this was it.
    pub(crate) fn settle(&mut self, id: &str, done: Done) -> bool {
        let Some(query) = self.list.get_mut(id).filter(|query| query.done.is_none()) else { return false };
        self.last.insert(query.session, id.to_owned());
        query.plan = None;
        query.done = Some(done);
        true
    }

    /// Running queries of a session, but for detached ones unless these are meant, too.
    pub(crate) fn running_in(&self, session: u64, detached_too: bool) -> Vec<String> {
        let ends = |query: &Query| {
            query.session == session && query.done.is_none() && (detached_too || !query.detached)
        };
        self.list.iter().filter(|(_, query)| ends(query)).map(|(id, _)| id.clone()).collect()
    }
}

impl std::fmt::Debug for Queries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queries").field("count", &self.list.len()).finish_non_exhaustive()
    }
}
