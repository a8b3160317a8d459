//! What a change of a config comes to: texts in, texts out.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::edit::{EditError, Language, Made};
use super::entry::{
    Entry, HOME_VARIABLE, command_of, differences, is_ours, seems_to_be_a_rival, variables_of,
};
use super::error::ClientError;
use super::install::{Action, Options};
use super::known::{Client, Facts};
use super::memory::Record;

/// A text and what it is to be.
pub(super) struct Plan {
    /// What is done.
    pub(super) action: Action,
    /// The text afterwards.
    pub(super) text: String,
    /// What was made around the entry.
    pub(super) made: Made,
    /// What has changed in the entry, and what its user should know of it.
    pub(super) notes: Vec<String>,
}

/// The keys that lead to the entries in this text. opencode's next version has them one level deeper.
pub(super) fn keys(client: Client, text: &str) -> Vec<&'static str> {
    const NESTED: &[&str] = &["mcp", "servers"];
    if client == Client::OpenCode {
        let servers = client.language().get(text, NESTED);
        let is_entry = |servers: &Map<String, Value>| {
            ["type", "command", "url"].iter().any(|key| servers.contains_key(*key))
        };
        if matches!(servers, Ok(Some(Value::Object(servers))) if !is_entry(&servers)) {
            return NESTED.to_vec();
        }
    }
    client.facts().path.to_vec()
}

/// Whether the entry of this name launches a shim.
pub(super) fn is_entry_ours(client: Client, text: &str, name: &str) -> bool {
    entry_in(client, text, name).as_ref().is_some_and(is_ours)
}

/// The entry of this name, if the text can be read and has it.
pub(super) fn entry_in(client: Client, text: &str, name: &str) -> Option<Value> {
    let keys: Vec<_> = keys(client, text).into_iter().chain([name]).collect();
    client.language().get(text, &keys).ok()?
}

/// What putting `entry` into `text` comes to.
///
/// # Errors
/// The text cannot be changed safely.
pub(super) fn plan_install(
    client: Client,
    file: &Path,
    text: &str,
    entry: &Entry,
    options: &Options,
) -> Result<Plan, ClientError> {
    let (language, shape) = (client.language(), client.facts().shape);
    let edit = |source| ClientError::Edit { path: file.to_owned(), source };
    let keys = keys(client, text);
    let keys: Vec<_> = keys.iter().copied().chain([options.name.as_str()]).collect();
    let existing = language.get(text, &keys).map_err(edit)?;
    let (made, notes) = (Made::default(), Vec::new());
    let mut plan = Plan { action: Action::Added, text: text.to_owned(), made, notes };
    match &existing {
        Some(existing) if is_ours(existing) => {
            for (below, value) in entry.changes(shape, existing) {
                let keys: Vec<_> = keys.iter().copied().chain(below).collect();
                plan.text = language.set(&plan.text, &keys, &value).map_err(edit)?.0;
            }
            plan.action = if plan.text == text { Action::Unchanged } else { Action::Updated };
        }
        Some(existing) if !options.force => return Err(foreign(file, &options.name, existing)),
        Some(_) => {
            let without = language.remove(text, &keys, &Made::default()).map_err(edit)?;
            (plan.text, plan.made) = language.set(&without, &keys, &entry.value(shape)).map_err(edit)?;
            plan.action = Action::Updated;
        }
        None => (plan.text, plan.made) = language.set(text, &keys, &entry.value(shape)).map_err(edit)?,
    }
    check_rest(language, file, (text, &plan.text), &keys)?;
    if let (Some(before), Ok(Some(after))) = (&existing, language.get(&plan.text, &keys)) {
        plan.notes = differences(before, &after);
        plan.notes.extend(note_of_home(client, entry, &after));
    }
    Ok(plan)
}

/// The entry leads to another home than the usual one, which this command was not told of.
fn note_of_home(client: Client, entry: &Entry, after: &Value) -> Option<String> {
    let home = variables_of(after).remove(HOME_VARIABLE).filter(|_| entry.home.is_none())?;
    let id = client.facts().id;
    Some(format!(
        "the entry keeps {HOME_VARIABLE}={home}: its client has the gateway and the config of that home, and not those of \
         this command; for these, `snowgate uninstall {id}` first"
    ))
}

/// What taking the entry out of `text` comes to. `original` is what the file was, if it was kept.
///
/// # Errors
/// The text cannot be changed safely.
pub(super) fn plan_uninstall(
    client: Client,
    file: &Path,
    text: &str,
    record: Option<&Record>,
    original: Option<String>,
    options: &Options,
) -> Result<Plan, ClientError> {
    let language = client.language();
    let edit = |source| ClientError::Edit { path: file.to_owned(), source };
    let keys = keys(client, text);
    let keys: Vec<_> = keys.iter().copied().chain([options.name.as_str()]).collect();
    let Some(existing) = language.get(text, &keys).map_err(edit)? else {
        let (text, made) = (text.to_owned(), Made::default());
        return Ok(Plan { action: Action::Absent, text, made, notes: Vec::new() });
    };
    if !is_ours(&existing) && !options.force {
        return Err(foreign(file, &options.name, &existing));
    }
    let made = record.and_then(|record| record.entries.get(&options.name)).cloned().unwrap_or_default();
    let is_only = record.is_some_and(|it| it.entries.len() == 1 && it.entries.contains_key(&options.name));
    let is_as_left = record.is_some_and(|record| record.is_current(text));
    let text_after = match original {
        // Nothing but our changes lies between, says the record; the texts have to say so, too.
        Some(original)
            if is_only && is_as_left && check_rest(language, file, (text, &original), &keys).is_ok() =>
        {
            original
        }
        _ => {
            let after = language.remove(text, &keys, &made).map_err(edit)?;
            check_rest(language, file, (text, &after), &keys)?;
            after
        }
    };
    let (made, notes) = (Made::default(), Vec::new());
    Ok(Plan { action: Action::Removed, text: text_after, made, notes })
}

fn foreign(file: &Path, name: &str, existing: &Value) -> ClientError {
    let command = command_of(existing).map_or_else(|| "another server".to_owned(), |it| format!("`{it}`"));
    ClientError::Foreign { path: file.to_owned(), name: name.to_owned(), command }
}

/// Reads both texts again: all that is beside the entry at `keys` has to say the same in both.
fn check_rest(
    language: Language,
    file: &Path,
    (before, after): (&str, &str),
    keys: &[&str],
) -> Result<(), ClientError> {
    let rest = |text: &str| -> Result<Value, EditError> {
        let mut document = language.get(text, &[])?.unwrap_or_else(|| json!({}));
        prune(&mut document, keys);
        Ok(document)
    };
    match (rest(before), rest(after)) {
        (Ok(before), Ok(after)) if before == after => Ok(()),
        _ => Err(ClientError::Unsafe { path: file.to_owned() }),
    }
}

/// Takes the value at `keys` out of `document`, and the objects around it that are empty then.
fn prune(document: &mut Value, keys: &[&str]) {
    let (Some((first, rest)), Value::Object(members)) = (keys.split_first(), document) else { return };
    if rest.is_empty() {
        members.remove(*first);
    } else if let Some(inner) = members.get_mut(*first) {
        prune(inner, rest);
        if inner.as_object().is_some_and(Map::is_empty) {
            members.remove(*first);
        }
    }
}

/// What a client's user should know of the file.
pub(super) fn notes(client: Client, before: &str, after: &str) -> Vec<String> {
    let Facts { title, reads_comments, .. } = client.facts();
    let mut notes = Vec::new();
    let is_strict = |text: &str| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).is_ok();
    if !reads_comments && !before.trim().is_empty() && !is_strict(before) {
        notes.push(format!("the file has comments or a comma too many, which {title} may not read"));
    }
    let rivals = rivals(client, after);
    if !rivals.is_empty() {
        notes.push(format!(
            "other servers there seem to be for the same warehouse: {}; remove those that Snowgate replaces",
            rivals.join(", ")
        ));
    }
    notes
}

/// What its user should know of a file that the entry is taken out of. `is_removed`: with the file.
pub(super) fn notes_of_removal(client: Client, plan: &Plan, is_removed: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if is_removed {
        notes.push("`install` made the file, and nothing else is in it: it is removed, too".to_owned());
    }
    let others = names(client, &plan.text, |_, entry| is_ours(entry));
    if !others.is_empty() {
        notes.push(format!(
            "Snowgate is in it under other names, too, which `--name` takes out: {}",
            others.join(", ")
        ));
    }
    notes
}

/// The names of the entries that seem to be other servers for such a warehouse.
pub(super) fn rivals(client: Client, text: &str) -> Vec<String> {
    names(client, text, seems_to_be_a_rival)
}

/// The names of the entries of one kind.
fn names(client: Client, text: &str, is_meant: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let Ok(Some(Value::Object(entries))) = client.language().get(text, &keys(client, text)) else {
        return Vec::new();
    };
    entries.iter().filter(|(name, entry)| is_meant(name, entry)).map(|(name, _)| name.clone()).collect()
}
