//! What a page is sent: all there is at first, then what differs. A change of many rows is sent over several updates, so that
//! none is large.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::rows::{facts, session_row};
use crate::observe::Overview;

/// Rows in one update, at most; the rest comes with the next ones.
const ROWS_MAX: usize = 100;

/// The tables: of sessions by id, of minutes by their beginning, of patterns by theirs.
const SESSIONS: usize = 0;
const MINUTES: usize = 1;
const QUERIES: usize = 2;
const TABLES: [&str; 3] = ["sessions", "minutes", "queries"];

type Table = BTreeMap<String, Value>;

/// What is sent, or was.
#[derive(Debug, Default)]
pub(super) struct Picture {
    at_ms: u64,
    facts: Map<String, Value>,
    tables: [Table; 3],
    /// Of each table, the key up to which rows were sent last, while not all could be.
    sent_up_to: [Option<String>; 3],
}

impl Picture {
    /// What `overview` looks like for those who have seen this one.
    pub(super) fn next(&self, overview: &Overview) -> Self {
        let at_ms = overview.at_ms;
        let row = |table: usize, key: String, value: Value| (table, key, value);
        let sessions = overview.sessions.iter().map(|view| {
            let before = self.tables[SESSIONS].get(&view.id);
            row(SESSIONS, view.id.clone(), session_row(view, at_ms, before))
        });
        let minutes = overview.minutes.iter().map(|minute| {
            row(MINUTES, minute.at_s.to_string(), serde_json::to_value(minute).unwrap_or_default())
        });
        let queries = overview
            .queries
            .top
            .iter()
            .map(|query| row(QUERIES, query.id.clone(), serde_json::to_value(query).unwrap_or_default()));
        let mut tables: [Table; 3] = Default::default();
        for (table, key, value) in sessions.chain(minutes).chain(queries) {
            tables[table].insert(key, value);
        }
        Self { at_ms, facts: facts(overview), tables, sent_up_to: Default::default() }
    }

    /// All of it, for those who have seen none.
    pub(super) fn whole(&self) -> Value {
        let rows: Map<String, Value> =
            TABLES.iter().zip(&self.tables).map(|(name, table)| ((*name).to_owned(), json!(table))).collect();
        json!({ "at_ms": self.at_ms, "whole": true, "set": self.facts, "rows": rows })
    }

    /// Goes on to `next`, as far as one update may; returns what is to be sent, if anything differs.
    pub(super) fn go_on(&mut self, next: Self) -> Option<Value> {
        self.at_ms = next.at_ms;
        let set: Map<String, Value> =
            next.facts.iter().filter(|(key, value)| self.facts.get(*key) != Some(value)).map(owned).collect();
        self.facts = next.facts;
        let (mut rows, mut gone) = (Map::new(), Map::new());
        let mut left = ROWS_MAX;
        for (at, table) in next.tables.into_iter().enumerate() {
            let (changed, removed) = go_on(&mut self.tables[at], table, &mut self.sent_up_to[at], &mut left);
            if !changed.is_empty() {
                rows.insert(TABLES[at].to_owned(), Value::Object(changed));
            }
            if !removed.is_empty() {
                gone.insert(TABLES[at].to_owned(), json!(removed));
            }
        }
        let is_same = set.is_empty() && rows.is_empty() && gone.is_empty();
        (!is_same).then(|| json!({ "at_ms": self.at_ms, "set": set, "rows": rows, "gone": gone }))
    }
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Changes at most `left` rows of `seen` to those of `next`, behind the key `from` first; returns what has changed in them, and
/// the keys of rows that are gone.
fn go_on(
    seen: &mut Table,
    mut next: Table,
    from: &mut Option<String>,
    left: &mut usize,
) -> (Map<String, Value>, Vec<String>) {
    let removed: Vec<String> = seen.keys().filter(|key| !next.contains_key(*key)).cloned().collect();
    for key in &removed {
        seen.remove(key);
    }
    let differing: Vec<String> =
        next.iter().filter(|(key, row)| seen.get(*key) != Some(row)).map(|(key, _)| key.clone()).collect();
    let start = from.as_ref().map_or(0, |from| differing.partition_point(|key| key <= from));
    let (before, behind) = differing.split_at(start);
    let mut changed = Map::new();
    for key in behind.iter().chain(before).take(*left) {
        let Some(row) = next.remove(key) else { continue };
        changed.insert(key.clone(), difference(seen.get(key), &row));
        seen.insert(key.clone(), row);
        *from = Some(key.clone());
    }
    *left -= changed.len();
    if changed.len() == differing.len() {
        *from = None;
    }
    (changed, removed)
}

/// The fields of `row` that `before` has not, or has otherwise; `null` for those that are gone.
fn difference(before: Option<&Value>, row: &Value) -> Value {
    let (Some(Value::Object(before)), Value::Object(now)) = (before, row) else { return row.clone() };
    let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = now.iter().filter(|(key, value)| before.get(*key) != Some(value)).map(owned);
    Value::Object(changed.chain(gone).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rows: usize, requests: usize) -> Picture {
        let mut picture = Picture::default();
        for row in 0..rows {
            let value = json!({ "client": "app", "requests": requests });
            picture.tables[SESSIONS].insert(format!("{row:04}"), value);
        }
        picture
    }

    #[test]
    fn only_what_differs_is_sent() {
        let mut seen = picture(3, 1);
        assert_eq!(seen.go_on(picture(3, 1)), None);
        let mut next = picture(2, 1);
        next.tables[SESSIONS].insert("0001".to_owned(), json!({ "requests": 2 }));
        next.facts.insert("sessions".to_owned(), json!(2));
        let sent = seen.go_on(next).unwrap();
        assert_eq!(sent["set"], json!({ "sessions": 2 }));
        assert_eq!(sent["rows"]["sessions"], json!({ "0001": { "requests": 2, "client": null } }));
        assert_eq!(sent["gone"]["sessions"], json!(["0002"]));
    }

    #[test]
    fn an_update_is_bounded_and_all_rows_take_turns() {
        let mut seen = picture(5 * ROWS_MAX, 0);
        let mut turns = BTreeMap::<String, usize>::new();
        for round in 1..=10 {
            let sent = seen.go_on(picture(5 * ROWS_MAX, round)).unwrap();
            let rows = sent["rows"]["sessions"].as_object().unwrap();
            assert_eq!(rows.len(), ROWS_MAX);
            for key in rows.keys() {
                *turns.entry(key.clone()).or_default() += 1;
            }
        }
        assert!(turns.len() == 5 * ROWS_MAX && turns.values().all(|&count| count == 2), "{turns:?}");
        // Nothing changes any more: all is caught up with.
        let rounds = (0..10).filter(|_| seen.go_on(picture(5 * ROWS_MAX, 10)).is_some()).count();
        assert_eq!(rounds, 4);
        assert_eq!(seen.tables, picture(5 * ROWS_MAX, 10).tables);
    }
}
