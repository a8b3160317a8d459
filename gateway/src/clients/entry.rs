//! Snowgate's entry in a client's config, and how to tell it from another program's.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::known::Shape;

/// The name of the entry unless the user wants another one.
pub(crate) const NAME_DEFAULT: &str = "snowgate";

/// The longest name of an entry: clients put it before each tool's name, which is bounded.
const NAME_CHARS_MAX: usize = 64;

/// The variable that says which gateway the shim looks for.
const HOME_VARIABLE: &str = "SNOWGATE_HOME";

/// What a client is to launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The shim's path.
    pub(crate) command: String,
    /// Its arguments; `None` leaves those of an entry that is there as they are.
    pub(crate) args: Option<Vec<String>>,
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

impl Entry {
    /// The whole entry, as it is written where there is none.
    pub(crate) fn value(&self, shape: Shape) -> Value {
        let args = self.args.clone().unwrap_or_default();
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
        if shape == Shape::Local {
            let args = self.args.clone().unwrap_or_else(|| args_of(existing));
            changes.push((vec!["command"], self.command_list(args)));
        } else {
            changes.push((vec!["command"], json!(self.command)));
            if let Some(args) = self.args.as_ref().filter(|args| **args != args_of(existing)) {
                changes.push((vec!["args"], json!(args)));
            }
        }
        if let Some(home) = &self.home {
            changes.push((vec![environment_key(shape), HOME_VARIABLE], json!(home)));
        }
        changes
    }

    fn command_list(&self, args: Vec<String>) -> Value {
        let command = std::iter::once(self.command.clone());
        command.chain(args).map(Value::from).collect()
    }
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
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match (entry.get("command"), entry.get("args")) {
        (Some(Value::Array(words)), _) => words.iter().skip(1).filter_map(text).collect(),
        (_, Some(Value::Array(words))) => words.iter().filter_map(text).collect(),
        _ => Vec::new(),
    }
}

/// The value of `flag` among an entry's arguments.
pub(crate) fn flag_of(args: &[String], flag: &str) -> Option<String> {
    let joined = format!("{flag}=");
    args.iter().enumerate().find_map(|(at, arg)| match arg.strip_prefix(&joined) {
        Some(value) => Some(value.to_owned()),
        None if arg == flag => args.get(at + 1).cloned(),
        None => None,
    })
}

/// Whether an entry launches a shim, from whichever folder.
pub(crate) fn is_ours(entry: &Value) -> bool {
    let Some(command) = command_of(entry) else { return false };
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
    name.strip_suffix(".exe").unwrap_or(name) == "snowgate-shim"
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

    fn entry(args: Option<&[&str]>) -> Entry {
        let args = args.map(|args| args.iter().map(|arg| (*arg).to_owned()).collect());
        Entry { command: "/opt/snowgate-shim".into(), args, home: None }
    }

    #[test]
    fn each_shape_is_written_as_its_client_reads_it() {
        let entry = Entry { home: Some("/h".into()), ..entry(Some(&["--profile", "p"])) };
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
            (json!("/usr/bin/snowgate-shim-old"), false),
            (json!("npx"), false),
            (json!(7), false),
        ] {
            assert_eq!(is_ours(&json!({ "command": command })), expected, "{command}");
        }
        assert!(!is_ours(&json!("snowgate-shim")));
    }

    #[test]
    fn arguments_stay_unless_others_are_asked_for() {
        let existing = json!({"command": "/old/snowgate-shim", "args": ["--profile", "old"], "timeout": 5});
        let keys = |entry: &Entry| -> Vec<_> {
            entry.changes(Shape::Plain, &existing).into_iter().map(|(keys, _)| keys.join(".")).collect()
        };
        assert_eq!(keys(&entry(None)), ["command"]);
        assert_eq!(keys(&entry(Some(&["--profile", "old"]))), ["command"]);
        assert_eq!(keys(&entry(Some(&["--profile", "new"]))), ["command", "args"]);
        let list = json!({"command": ["/old/snowgate-shim", "--profile", "old"]});
        let changes = entry(None).changes(Shape::Local, &list);
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
        let args = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(flag_of(&args(&["--profile", "p"]), "--profile").as_deref(), Some("p"));
        assert_eq!(flag_of(&args(&["--profile=p"]), "--profile").as_deref(), Some("p"));
        assert_eq!(flag_of(&args(&["--profile"]), "--profile"), None);
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
