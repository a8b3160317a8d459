//! Records found again, in the files as they are.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use serde_json::Value;

use super::chain::Link;
use super::files::{Line, Lines, numbers, path_of};

/// Records that one search gives, at most.
pub const LIMIT_MAX: usize = 1_000_000;

/// Bytes of the records that one search gives, at most: older ones are left out.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Which records are wanted: those that fit all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// The client's name, or a part of it, in any case of letters.
    pub client: Option<String>,
    /// The name of the API key.
    pub key: Option<String>,
    /// The session's id, or its beginning.
    pub session: Option<String>,
    /// Not before; as records write it ([`super::text_of_ms`]).
    pub since: Option<String>,
    /// Not after; likewise.
    pub until: Option<String>,
    /// A part of an object's name, in any case of letters.
    pub object: Option<String>,
    /// `allowed`, `denied`, `failed`, `cancelled`, `outcome_unknown`, `detached`, `answered_from_journal`.
    pub outcome: Option<String>,
    /// The tool.
    pub tool: Option<String>,
    /// The rule that refused it.
    pub rule: Option<String>,
    /// The statement's digest, or its beginning.
    pub statement: Option<String>,
    /// The kind, or the event.
    pub kind: Option<String>,
    /// Whether only calls are wanted.
    pub calls_only: bool,
}

impl SearchQuery {
    fn fits(&self, record: &Value) -> bool {
        let text = |name: &str| record[name].as_str().unwrap_or_default();
        let lower = |text: &str| text.to_lowercase();
        let is =
            |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| text(name) == wanted);
        let begins = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| text(name).starts_with(wanted.as_str()))
        };
        let has_object = |wanted: &str| {
            let objects = record["objects"].as_array().map_or(&[][..], Vec::as_slice);
            objects.iter().filter_map(Value::as_str).any(|name| lower(name).contains(&lower(wanted)))
        };
        is(&self.key, "key")
            && is(&self.outcome, "outcome")
            && is(&self.tool, "tool")
            && is(&self.rule, "rule")
            && begins(&self.session, "session")
            && begins(&self.statement, "statement")
            && self.client.as_ref().is_none_or(|wanted| lower(text("client")).contains(&lower(wanted)))
            && self.object.as_ref().is_none_or(|wanted| has_object(wanted))
            && self.since.as_ref().is_none_or(|since| text("time") >= since.as_str())
            && self.until.as_ref().is_none_or(|until| text("time") <= until.as_str())
            && self.kind.as_ref().is_none_or(|kind| text("kind") == kind || text("event") == kind)
            && (!self.calls_only || text("event") == "call")
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct SearchResult {
    /// The newest records that fit, newest last.
    pub records: Vec<Value>,
    /// Whether there are older ones that fit.
    pub has_more: bool,
    /// Lines that are no records: half-written or damaged ones.
    pub unread: u64,
}

/// The newest `limit` records in `folder` that fit `query`, newest last. Blocks while it reads; a gateway may write meanwhile.
///
/// # Errors
/// A file cannot be read.
pub fn search(folder: &Path, query: &SearchQuery, limit: usize) -> io::Result<SearchResult> {
    let limit = limit.min(LIMIT_MAX);
    let (mut found, mut bytes) = (Vec::new(), 0);
    let mut result = SearchResult::default();
    // From the newest file back: most searches end in the first one.
    for number in numbers(folder)?.into_iter().rev() {
        // With none left, for one more: whether there are older ones is known only by it.
        let wanted = limit.saturating_sub(found.len());
        let Some(mut part) = in_file(&path_of(folder, number), query, wanted, &mut bytes, &mut result)?
        else {
            continue;
        };
        part.append(&mut found);
        found = part;
        if result.has_more {
            break;
        }
    }
    result.records = found;
    Ok(result)
}

/// The newest `wanted` records of a file that fit; `None`: it is gone.
fn in_file(
    path: &Path,
    query: &SearchQuery,
    wanted: usize,
    bytes: &mut usize,
    result: &mut SearchResult,
) -> io::Result<Option<Vec<Value>>> {
    let mut lines = match Lines::open(path) {
        Ok(lines) => lines,
        // Removed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (mut kept, mut line): (VecDeque<(usize, Value)>, _) = (VecDeque::new(), Line::default());
    while lines.next(&mut line)? {
        if !line.is_whole || Link::read(&line.bytes).is_none() {
            result.unread += 1;
            continue;
        }
        let Ok(record) = serde_json::from_slice::<Value>(&line.bytes) else { continue };
        if !query.fits(&record) {
            continue;
        }
        kept.push_back((line.bytes.len(), record));
        *bytes += line.bytes.len();
        while kept.len() > wanted || *bytes > BYTES_MAX {
            let Some((length, _)) = kept.pop_front() else { break };
            *bytes -= length;
            result.has_more = true;
        }
        if wanted == 0 && result.has_more {
            break;
        }
    }
    Ok(Some(kept.into_iter().map(|(_, record)| record).collect()))
}
