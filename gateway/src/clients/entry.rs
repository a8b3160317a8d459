//! Snowgate's entry in a client's config, and how to tell it from another program's.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::known::{Client, Scope, Shape};
use crate::os::System;
use crate::streams::escaped;

/// The name of the entry unless the user wants another one.
pub(crate) const NAME_DEFAULT: &str = "snowgate";

/// The longest name of an entry: clients put it before each tool's name, which is bounded.
const NAME_CHARS_MAX: usize = 64;

/// The variable that says which gateway the shim looks for.
pub(crate) const HOME_VARIABLE: &str = "SNOWGATE_HOME";

/// The flags of the shim that have a value.
const VALUE_FLAGS: [&str; 4] = [PROFILE, SESSION, "--socket", "--gateway"];

/// The flag that asks for a profile.
pub(crate) const PROFILE: &str = "--profile";

/// The flag that names the context.
pub(crate) const SESSION: &str = "--session";

/// What a client is to launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The shim's path.
    pub(crate) command: String,
    /// Flags and their values, each set by itself: what else an entry that is there has stays. An empty value takes the flag out.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// The `SNOWGATE_HOME` that this `snowgate` runs with.
    pub(crate) home: Option<String>,
}

/// Refuses names that some client does not take.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_name(name: &str) -> Result<String, String> {
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_fine) {
        return Err(format!("a name has 1 to {NAME_CHARS_MAX} letters, digits, `-` and `_`"));
    }
    Ok(name.to_owned())
}

/// The command that puts a client's entry called `name` right. A name that `install` would not take is shown so that it cannot
/// steer a terminal.
pub(crate) fn install_command(client: Client, scope: Scope, name: &str) -> String {
    let scope = if scope == Scope::Project { " --scope project" } else { "" };
    let name = if name == NAME_DEFAULT { String::new() } else { format!(" --name {}", escaped(name)) };
    format!("snowgate install {}{scope}{name}", client.facts().id)
}

impl Entry {
    /// The whole entry, as it is written where there is none.
    pub(crate) fn value(&self, shape: Shape) -> Value {
        let args = self.args(Vec::new());
        let mut members = Map::new();
        let mut put = |key: &str, value: Value| members.insert(key.to_owned(), value);
        match shape {
            Shape::Local => {
                put("type", json!("local"));
                put("command", self.command_list(args));
                put("enabled", json!(true));
            }
            Shape::Plain | Shape::Stdio | Shape::Toml => {
                if shape == Shape::Stdio {
                    put("type", json!("stdio"));
                }
                put("command", json!(self.command));
                if shape != Shape::Toml || !args.is_empty() {
                    put("args", json!(args));
                }
            }
        }
        if let Some(home) = &self.home {
            put(environment_key(shape), json!({ HOME_VARIABLE: home }));
        }
        Value::Object(members)
    }

    /// What has to be set in `existing`, which is ours: the keys below the entry, and the value. What else its user
    /// has put there stays.
    pub(crate) fn changes(&self, shape: Shape, existing: &Value) -> Vec<(Vec<&'static str>, Value)> {
        let mut changes = Vec::new();
        let before = words_of(existing);
        let args = self.args(before.clone());
        if shape == Shape::Local {
            changes.push((vec!["command"], self.command_list(args)));
        } else {
            changes.push((vec!["command"], json!(self.command)));
            if args != before {
                changes.push((vec!["args"], json!(args)));
            }
        }
        if let Some(home) = &self.home {
            changes.push((vec![environment_key(shape), HOME_VARIABLE], json!(home)));
        }
        changes
    }

    fn command_list(&self, args: Vec<Value>) -> Value {
        std::iter::once(json!(self.command)).chain(args).collect()
    }

    /// `args` with the flags set.
    fn args(&self, mut args: Vec<Value>) -> Vec<Value> {
        self.flags.iter().for_each(|(flag, value)| set_flag(&mut args, flag, value));
        args
    }
}

/// Sets a flag where it is, or behind the others; an empty value takes it out. Afterwards it is there once: of several, the shim
/// takes the last one.
fn set_flag(args: &mut Vec<Value>, flag: &str, value: &str) {
    let found = places_of(args, flag);
    let is_joined = found.first().is_some_and(|place| place.len() == 1 && args[place.start] != flag);
    let at = found.first().map_or_else(|| end_of_flags(args), |place| place.start);
    found.into_iter().rev().for_each(|place| drop(args.drain(place)));
    let words = match value {
        "" => Vec::new(),
        _ if is_joined => vec![json!(format!("{flag}={value}"))],
        _ => vec![json!(flag), json!(value)],
    };
    args.splice(at..at, words);
}

/// Where `flag` is among `args`, each time with its value.
fn places_of(args: &[Value], flag: &str) -> Vec<Range<usize>> {
    let (mut found, mut at, end) = (Vec::new(), 0, end_of_flags(args));
    while at < end {
        let word = args[at].as_str().unwrap_or_default();
        let next = (at + 1 + usize::from(VALUE_FLAGS.contains(&word))).min(args.len());
        if word.split_once('=').map_or(word, |(name, _)| name) == flag {
            found.push(at..next);
        }
        at = next;
    }
    found
}

fn end_of_flags(args: &[Value]) -> usize {
    args.iter().position(|word| word == "--").unwrap_or(args.len())
}

fn environment_key(shape: Shape) -> &'static str {
    if shape == Shape::Local { "environment" } else { "env" }
}

/// The program that an entry launches.
pub(crate) fn command_of(entry: &Value) -> Option<&str> {
    match entry.get("command")? {
        Value::Array(words) => words.first()?.as_str(),
        command => command.as_str(),
    }
}

/// The arguments that an entry launches its program with.
pub(crate) fn args_of(entry: &Value) -> Vec<String> {
    words_of(entry).iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// The same as they are written, also what is no text.
fn words_of(entry: &Value) -> Vec<Value> {
    match (entry.get("command"), entry.get("args")) {
        (Some(Value::Array(words)), _) => words.get(1..).unwrap_or_default().to_vec(),
        (_, Some(Value::Array(words))) => words.clone(),
        _ => Vec::new(),
    }
}

/// The value of `flag` among an entry's arguments: the last one, as the shim takes it.
pub(crate) fn flag_of(entry: &Value, flag: &str) -> Option<String> {
    let args = words_of(entry);
    let place = places_of(&args, flag).pop()?;
    let value = match args.get(place.start)?.as_str()?.split_once('=') {
        Some((_, value)) => value,
        None => args.get(place.start + 1)?.as_str()?,
    };
    Some(value.to_owned())
}

/// The variables that an entry sets.
pub(crate) fn variables_of(entry: &Value) -> BTreeMap<String, String> {
    let members = ["env", "environment"].iter().filter_map(|key| entry.get(key)?.as_object()).flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// What an entry says otherwise than before, for people.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let facts = |entry: &Value| {
        [
            ("program", command_of(entry).map(str::to_owned)),
            ("profile", flag_of(entry, PROFILE)),
            ("session", flag_of(entry, SESSION)),
            (HOME_VARIABLE, variables_of(entry).remove(HOME_VARIABLE)),
        ]
    };
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let pairs = facts(before).into_iter().zip(facts(after));
    let changed = pairs.filter(|(before, after)| before != after);
    changed.map(|((name, old), (_, new))| format!("{name}: {}, was {}", text(new), text(old))).collect()
}

/// Whether an entry launches a shim, from whichever folder.
pub(crate) fn is_ours(entry: &Value) -> bool {
    let Some(command) = command_of(entry) else { return false };
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
    // Names of Windows are the same in any case.
    name == System::Linux.shim_program() || name.eq_ignore_ascii_case(System::Windows.shim_program())
}

/// Whether an entry seems to be another server for such a warehouse as ours.
pub(crate) fn seems_to_be_a_rival(name: &str, entry: &Value) -> bool {
    let mut words = vec![name.to_owned(), command_of(entry).unwrap_or_default().to_owned()];
    words.extend(args_of(entry));
    for key in ["env", "environment"] {
        words.extend(
            entry.get(key).and_then(Value::as_object).into_iter().flat_map(|env| env.keys().cloned()),
        );
    }
    let is_one = |word: &String| ["snowflake", "sqlite"].iter().any(|it| word.to_lowercase().contains(it));
    words.iter().any(is_one) && !is_ours(entry)
}

/// `path` as it is written into a config: text.
///
/// # Errors
/// It is not UTF-8.
pub(crate) fn path_text(path: &Path) -> Result<String, String> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("the path {} is not UTF-8, which no config file can hold", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(flags: &[(&'static str, &str)]) -> Entry {
        let flags = flags.iter().map(|(flag, value)| (*flag, (*value).to_owned())).collect();
        Entry { command: "/opt/snowgate-shim".into(), flags, home: None }
    }

    #[test]
    fn each_shape_is_written_as_its_client_reads_it() {
        let entry = Entry { home: Some("/h".into()), ..entry(&[(PROFILE, "p")]) };
        let env = json!({"SNOWGATE_HOME": "/h"});
        let args = json!(["--profile", "p"]);
        let command = "/opt/snowgate-shim";
        assert_eq!(entry.value(Shape::Plain), json!({"command": command, "args": args, "env": env}));
        assert_eq!(
            entry.value(Shape::Stdio),
            json!({"type": "stdio", "command": command, "args": args, "env": env})
        );
        let local = json!({"type": "local", "command": [command, "--profile", "p"], "enabled": true,
            "environment": env});
        assert_eq!(entry.value(Shape::Local), local);
    }

    #[test]
    fn an_entry_is_ours_by_its_programs_name() {
        for (command, expected) in [
            (json!("/usr/bin/snowgate-shim"), true),
            (json!("C:\\Snowgate\\snowgate-shim.exe"), true),
            (json!(["snowgate-shim", "--profile", "p"]), true),
            (json!("c:/snowgate/Snowgate-Shim.EXE"), true),
            (json!("/usr/bin/snowgate-shim-old"), false),
            (json!("/usr/bin/Snowgate-Shim"), false),
            (json!("npx"), false),
            (json!(7), false),
        ] {
            assert_eq!(is_ours(&json!({ "command": command })), expected, "{command}");
        }
        assert!(!is_ours(&json!("snowgate-shim")));
    }

    #[test]
    fn each_flag_is_set_by_itself_and_what_is_not_named_stays() {
        let set = |before: Value, flags: &[(&'static str, &str)]| {
            json!(entry(flags).args(before.as_array().unwrap().clone()))
        };
        let reader = || json!(["--profile", "reader"]);
        assert_eq!(set(reader(), &[(SESSION, "x")]), json!(["--profile", "reader", "--session", "x"]));
        assert_eq!(set(reader(), &[(PROFILE, "writer")]), json!(["--profile", "writer"]));
        assert_eq!(set(reader(), &[(PROFILE, "")]), json!([]));
        assert_eq!(set(json!([]), &[(PROFILE, "")]), json!([]));
        let own = json!(["--no-autostart", "--profile=reader", 7, "--socket", "--profile"]);
        let after = json!(["--no-autostart", "--profile=w", 7, "--socket", "--profile"]);
        assert_eq!(set(own.clone(), &[(PROFILE, "w")]), after);
        assert_eq!(set(own.clone(), &[(PROFILE, "reader")]), own);
        let both = json!(["--session", "s", "--profile", "a", "--profile", "b", "--", "x"]);
        assert_eq!(flag_of(&json!({"command": "x", "args": both}), PROFILE).as_deref(), Some("b"));
        assert_eq!(
            set(both.clone(), &[(PROFILE, "c")]),
            json!(["--session", "s", "--profile", "c", "--", "x"])
        );
        assert_eq!(set(json!(["--", "x"]), &[(SESSION, "s")]), json!(["--session", "s", "--", "x"]));
        assert_eq!(set(json!(["--profile"]), &[(PROFILE, "p")]), json!(["--profile", "p"]));
    }

    #[test]
    fn what_has_changed_is_said() {
        let before = json!({"command": "/old/snowgate-shim", "args": ["--profile", "reader"]});
        let after = json!({"command": "/old/snowgate-shim", "args": ["--session", "x"], "env": {"SNOWGATE_HOME": "/h"}});
        assert_eq!(
            differences(&before, &after),
            ["profile: none, was reader", "session: x, was none", "SNOWGATE_HOME: /h, was none"]
        );
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn arguments_stay_unless_others_are_asked_for() {
        let existing = json!({"command": "/old/snowgate-shim", "args": ["--profile", "old"], "timeout": 5});
        let keys = |entry: &Entry| -> Vec<_> {
            entry.changes(Shape::Plain, &existing).into_iter().map(|(keys, _)| keys.join(".")).collect()
        };
        assert_eq!(keys(&entry(&[])), ["command"]);
        assert_eq!(keys(&entry(&[(PROFILE, "old")])), ["command"]);
        assert_eq!(keys(&entry(&[(PROFILE, "new")])), ["command", "args"]);
        let list = json!({"command": ["/old/snowgate-shim", "--profile", "old"]});
        let changes = entry(&[]).changes(Shape::Local, &list);
        assert_eq!(changes[0].1, json!(["/opt/snowgate-shim", "--profile", "old"]));
    }

    #[test]
    fn names_are_those_that_every_client_takes() {
        assert!(check_name("snow_gate-2").is_ok());
        for name in ["", "a b", "a.b", "\"", "ä", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_flag_is_found_in_both_forms() {
        let flag = |words: &[&str]| flag_of(&json!({"command": "x", "args": words}), PROFILE);
        assert_eq!(flag(&["--profile", "p"]).as_deref(), Some("p"));
        assert_eq!(flag(&["--profile=p"]).as_deref(), Some("p"));
        assert_eq!(flag(&["--session", "--profile", "p"]), None, "it is the name of the session");
        assert_eq!(flag(&["--profile"]), None);
    }

    #[test]
    fn other_servers_for_a_warehouse_are_recognised_and_ours_is_not_one() {
        assert!(seems_to_be_a_rival("db", &json!({"command": "uvx", "args": ["mcp-snowflake-server"]})));
        assert!(seems_to_be_a_rival("x", &json!({"command": "x", "env": {"SNOWFLAKE_ACCOUNT": "a"}})));
        assert!(!seems_to_be_a_rival("github", &json!({"command": "npx"})));
        let ours = json!({"command": "/usr/bin/snowgate-shim", "env": {"SNOWFLAKE_ACCOUNT": "a"}});
        assert!(!seems_to_be_a_rival("snowgate", &ours));
    }
}
