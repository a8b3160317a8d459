//! What happens beside requests, and has a record.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::record::{Users, Who, members};
use super::refusals::{Counted, Origin, RefusalCause};
use super::time::text_of;
use crate::telemetry::Asker;

/// Characters of one fact of an operator's act, at most.
const FACT_CHARS_MAX: usize = 128;

/// Something that has a record, and is no request.
#[derive(Clone, Debug)]
pub struct Notice {
    at: SystemTime,
    kind: &'static str,
    event: &'static str,
    asker: Option<Arc<Asker>>,
    facts: Map<String, Value>,
}

impl Notice {
    fn new(kind: &'static str, event: &'static str, facts: Value) -> Self {
        let facts = if let Value::Object(facts) = facts { facts } else { Map::new() };
        Self { at: SystemTime::now(), kind, event, asker: None, facts }
    }

    /// The gateway has begun to serve.
    pub fn gateway_started() -> Self {
        let uid = snowgate_link::os::user().number();
        let facts = json!({"version": snowgate_link::BUILD, "pid": std::process::id(), "uid": uid});
        Self::new("admin_action", "gateway_started", facts)
    }

    /// The gateway has served all that it will.
    pub fn gateway_stopped(is_restart: bool) -> Self {
        let facts = json!({"pid": std::process::id(), "restart": is_restart});
        Self::new("admin_action", "gateway_stopped", facts)
    }

    /// A session begins; `is_resumed`: an earlier gateway had it.
    pub fn session_opened(asker: Arc<Asker>, is_resumed: bool) -> Self {
        let event = if is_resumed { "session_resumed" } else { "session_opened" };
        Self { asker: Some(asker), ..Self::new("connection_event", event, Value::Null) }
    }

    /// A session ends, or its connection does.
    pub fn session_ended(asker: Arc<Asker>) -> Self {
        Self { asker: Some(asker), ..Self::new("connection_event", "session_ended", Value::Null) }
    }

    /// Requests came with a key that is not good, or from an address that is kept out for a while.
    pub(super) fn refused(counted: &Counted) -> Self {
        let Counted { refusal, count } = counted;
        let (kind, event, why) = match refusal.cause {
            RefusalCause::Key(why) => ("authentication", "key_refused", Some(why)),
            RefusalCause::LockedOut => ("security_violation", "locked_out", None),
        };
        let from = match refusal.origin {
            Origin::Address(address) => address.to_string(),
            Origin::Local => "local".to_owned(),
            Origin::Others => "others".to_owned(),
        };
        let facts =
            json!({"outcome": "denied", "error": why, "key": refusal.key, "from": from, "count": count});
        Self::new(kind, event, facts)
    }

    /// A key was created, rotated or revoked.
    pub fn key_changed(event: &'static str, name: &str) -> Self {
        Self::new("admin_action", event, json!({"key": name}))
    }

    /// An operator has done `event`; `via`: how, `facts`: to what.
    pub fn operator(event: &'static str, via: &str, key: Option<&str>, facts: Value) -> Self {
        let mut notice = Self::new("admin_action", event, facts);
        notice.facts.values_mut().for_each(shorten);
        notice.facts.insert("via".to_owned(), via.into());
        if let Some(key) = key {
            notice.facts.insert("key".to_owned(), key.into());
        }
        notice
    }

    /// So many records are not in the trail.
    pub fn gap(records: u64) -> Self {
        Self::new("error_event", "gap", json!({"records": records}))
    }

    /// The fields of its record.
    pub(super) fn fields(&self, users: &mut Users) -> String {
        let time = text_of(self.at);
        let mut fields =
            format!("\"time\":\"{time}\",\"kind\":\"{}\",\"event\":\"{}\"", self.kind, self.event);
        let who = self.asker.as_ref().map(|asker| members(&Who::of(asker, users)));
        let facts = members(&self.facts.iter().filter(|(_, value)| !value.is_null()).collect::<Map2<'_>>());
        for more in [who.unwrap_or_default(), facts] {
            if !more.is_empty() {
                fields.push(',');
                fields.push_str(&more);
            }
        }
        fields
    }
}

/// Cuts a text that an operator typed: it may be any.
fn shorten(value: &mut Value) {
    if let Value::String(text) = value
        && let Some((end, _)) = text.char_indices().nth(FACT_CHARS_MAX)
    {
        text.truncate(end);
    }
}

type Map2<'a> = std::collections::BTreeMap<&'a String, &'a Value>;
