//! What the server wants to hear again with the next statement, so that it reads what the one before wrote
//! (hybrid tables): for each database the newest time that was read, and a part that only the server
//! understands.
//!
//! Sources: `htap.go` of gosnowflake and `_query_context_cache.py` of snowflake-connector-python.

use serde::Serialize;
use serde_json::Value;

use crate::envelope::Fields;

/// Entries that are kept where the server does not say how many (`QUERY_CONTEXT_CACHE_SIZE`), and at most.
const ENTRIES_DEFAULT: usize = 5;
const ENTRIES_MAX: usize = 64;
/// Bytes of the server's part of an entry. They are some dozens as a rule.
const CONTEXT_BYTES_MAX: usize = 16 << 10;

/// The entries, by their priority: the most important first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueryContext(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Entry {
    id: i64,
    timestamp: i64,
    priority: i64,
    context: Opaque,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Opaque {
    #[serde(skip_serializing_if = "Option::is_none")]
    base64_data: Option<String>,
}

/// The form in which a statement carries it.
#[derive(Serialize)]
pub(crate) struct QueryContextDto {
    entries: Vec<Entry>,
}

impl QueryContext {
    /// What goes with the next statement; `None`: nothing.
    pub(crate) fn dto(&self) -> Option<QueryContextDto> {
        (!self.0.is_empty()).then(|| QueryContextDto { entries: self.0.clone() })
    }

    /// Takes over what an answer's `data` says; what it does not mention stays. `size`: the parameter
    /// `QUERY_CONTEXT_CACHE_SIZE`.
    ///
    /// | the entry's id | its timestamp | what happens |
    /// |---|---|---|
    /// | known | newer, or the same with another priority | replaces the one of that id |
    /// | known | older, or all the same | nothing |
    /// | new | any | replaces the one of the same priority, or is added |
    ///
    /// An empty list, or one that cannot be read, empties it; what is beyond the size goes, the least
    /// important first.
    pub(crate) fn learn(&mut self, data: &Fields<'_>, size: Option<&Value>) {
        if !data.has("queryContext") {
            return;
        }
        let entries = entries(data).unwrap_or_default();
        if entries.is_empty() {
            self.0.clear();
        }
        for entry in entries {
            self.merge(entry);
        }
        self.0.sort_by_key(|entry| entry.priority);
        self.0.truncate(entries_max(size));
    }

    fn merge(&mut self, new: Entry) {
        if let Some(known) = self.0.iter().position(|known| known.id == new.id) {
            let old = &self.0[known];
            if (new.timestamp, new.priority) == (old.timestamp, old.priority) || new.timestamp < old.timestamp
            {
                return;
            }
            self.0.remove(known);
        }
        self.0.retain(|known| known.priority != new.priority);
        self.0.push(new);
    }
}

/// The entries of an answer; `None`: they cannot be read.
fn entries(data: &Fields<'_>) -> Option<Vec<Entry>> {
    let context: Value = data.read("queryContext")?;
    let listed = context.get("entries")?.as_array()?;
    let mut entries = listed.iter().map(entry).collect::<Option<Vec<_>>>()?;
    entries.sort_by_key(|entry| entry.priority);
    entries.truncate(ENTRIES_MAX);
    Some(entries)
}

fn entry(json: &Value) -> Option<Entry> {
    let number = |name: &str| json.get(name)?.as_i64();
    let opaque = match json.get("context") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.get("base64Data")?.as_str()?.to_owned()),
    };
    let base64_data = opaque.filter(|text| !text.is_empty());
    if base64_data.as_ref().is_some_and(|text| text.len() > CONTEXT_BYTES_MAX) {
        return None;
    }
    let context = Opaque { base64_data };
    Some(Entry { id: number("id")?, timestamp: number("timestamp")?, priority: number("priority")?, context })
}

fn entries_max(size: Option<&Value>) -> usize {
    let number = size.and_then(|size| size.as_u64().or_else(|| size.as_str()?.parse().ok()));
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(ENTRIES_DEFAULT).min(ENTRIES_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn learn(context: &mut QueryContext, entries: &[(i64, i64, i64)]) {
        let listed: Vec<_> = entries
            .iter()
            .map(|(id, timestamp, priority)| {
                json!({"id": id, "timestamp": timestamp, "priority": priority, "context": format!("c{id}")})
            })
            .collect();
        let data = json!({"queryContext": {"entries": listed}}).to_string();
        context.learn(&Fields::of(data.as_bytes()), None);
    }

    fn kept(context: &QueryContext) -> Vec<(i64, i64, i64)> {
        context.0.iter().map(|entry| (entry.id, entry.timestamp, entry.priority)).collect()
    }

    #[test]
    fn entries_are_merged_by_id_then_by_priority_and_sorted() {
        let mut context = QueryContext::default();
        assert!(context.dto().is_none());
        learn(&mut context, &[(2, 10, 2), (0, 10, 0), (1, 10, 1)]);
        assert_eq!(kept(&context), [(0, 10, 0), (1, 10, 1), (2, 10, 2)]);
        // Newer, older, as old with another priority, and a new one in another's place.
        learn(&mut context, &[(0, 11, 0), (1, 9, 1), (2, 10, 3), (4, 1, 1)]);
        assert_eq!(kept(&context), [(0, 11, 0), (4, 1, 1), (2, 10, 3)]);
        // A known one moves to a place that is taken.
        learn(&mut context, &[(2, 12, 1)]);
        assert_eq!(kept(&context), [(0, 11, 0), (2, 12, 1)]);
    }

    #[test]
    fn the_least_important_go_beyond_the_size() {
        let mut context = QueryContext::default();
        let many: Vec<_> = (0..9).rev().map(|id| (id, 1, id)).collect();
        learn(&mut context, &many);
        assert_eq!(kept(&context).iter().map(|entry| entry.2).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let data =
            json!({"queryContext": {"entries": [{"id": 0, "timestamp": 2, "priority": 0}]}}).to_string();
        context.learn(&Fields::of(data.as_bytes()), Some(&json!("2")));
        assert_eq!(kept(&context), [(0, 2, 0), (1, 1, 1)]);
        assert_eq!(entries_max(Some(&json!(1_000_000))), ENTRIES_MAX);
    }

    #[test]
    fn what_is_not_mentioned_stays_and_what_is_empty_or_broken_empties() {
        for (data, left) in [
            ("{}", 1),
            (r#"{"queryContext": null}"#, 0),
            (r#"{"queryContext": {"entries": []}}"#, 0),
            (r#"{"queryContext": {"entries": [{"id": "x"}]}}"#, 0),
            (r#"{"queryContext": 7}"#, 0),
        ] {
            let mut context = QueryContext::default();
            learn(&mut context, &[(0, 1, 0)]);
            context.learn(&Fields::of(data.as_bytes()), None);
            assert_eq!(context.0.len(), left, "{data}");
        }
    }

    #[test]
    fn it_is_sent_in_the_form_of_the_drivers() {
        let mut context = QueryContext::default();
        let data = r#"{"queryContext": {"entries": [
            {"id": 0, "timestamp": 5, "priority": 0, "context": "CPbPTg=="}, {"id": 1, "timestamp": 6, "priority": 1}]}}"#;
        context.learn(&Fields::of(data.as_bytes()), None);
        assert_eq!(
            serde_json::to_value(context.dto()).unwrap(),
            json!({"entries": [
                {"id": 0, "timestamp": 5, "priority": 0, "context": {"base64Data": "CPbPTg=="}},
                {"id": 1, "timestamp": 6, "priority": 1, "context": {}},
            ]})
        );
    }
}
