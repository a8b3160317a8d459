//! Commands, options, settings and variables that pages name exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::{LazyLock, Mutex, PoisonError};

use snowgate_tests::binaries;

use super::pages::{Page, files_below, pages, pages_for_contributors, repository};

#[test]
fn every_command_and_option_that_is_named_exists() {
    let mut wrong = Vec::new();
    for page in pages().iter().chain(&pages_for_contributors()) {
        if page.path == "CHANGELOG.md" {
            continue;
        }
        for (line, code) in page.inline_code() {
            let parts =
                code.split("; ").flat_map(|part| part.split(" && ")).flat_map(|part| part.split(" | "));
            for part in parts {
                if let Err(why) = check_command(part.trim()) {
                    wrong.push(format!("{}:{line}: `{code}`: {why}", page.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "commands that do not exist:\n{}", wrong.join("\n"));
}

#[test]
fn every_recipe_that_is_named_exists() {
    let recipes = fs::read_to_string(repository().join("justfile")).expect("the recipes");
    let recipes: BTreeSet<&str> = recipes
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(':'))
        .filter_map(|line| line.split([' ', ':']).next())
        .collect();
    let mut wrong = Vec::new();
    for page in pages().iter().chain(&pages_for_contributors()).filter(|page| page.path != "CHANGELOG.md") {
        for (line, code) in page.inline_code() {
            let name = code.strip_prefix("just ").and_then(|rest| rest.split(' ').next());
            let is_known = |name: &str| {
                // `just package-KIND` is any of them.
                let start =
                    name.split(|c: char| c.is_ascii_uppercase() || c == '.').next().unwrap_or_default();
                let mut with_it = recipes.iter().filter(|recipe| recipe.starts_with(start));
                name.starts_with('-') || recipes.contains(name) || (start != name && with_it.next().is_some())
            };
            if name.is_some_and(|name| !is_known(name)) {
                wrong.push(format!("{}:{line}: `{code}`", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "recipes that are not in the justfile:\n{}", wrong.join("\n"));
}

/// Whether the words of a command line that begins with `snowgate` are those of a command and its options.
fn check_command(text: &str) -> Result<(), String> {
    let mut words = text.split_whitespace().map(|word| word.trim_matches(['[', ']', ',']));
    let Some("snowgate") = words.next() else { return Ok(()) };
    let (mut path, mut help) = (Vec::<String>::new(), help(&[]));
    let mut in_commands = true;
    for word in words {
        let is_name = word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'|'));
        if let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) {
            in_commands = false;
            let name = format!("-{}", option.split('=').next().unwrap_or_default());
            // An option of a command before is one of this, too, where the help has it.
            let known =
                help.split(|c: char| c.is_whitespace() || ",=[".contains(c)).any(|known| known == name);
            if !known && !UNLISTED.contains(&name.as_str()) {
                return Err(format!("{path:?} has no option {name}"));
            }
        } else if in_commands && is_name {
            let commands = commands_in(&help);
            let alternatives: Vec<&str> = word.split('|').collect();
            if alternatives.iter().all(|name| commands.contains(*name)) {
                path.extend(alternatives.first().map(|name| (*name).to_owned()));
                help = self::help(&path);
            } else if path.is_empty() && is_hidden(word) {
                return Ok(());
            } else if path.is_empty() || alternatives.len() > 1 {
                return Err(format!("{path:?} has no command {word}"));
            } else {
                // An argument, as in `quota reset report`.
                in_commands = false;
            }
        } else {
            in_commands = false;
        }
    }
    Ok(())
}

/// Options that a help does not list: those of every command, and those between our own programs.
const UNLISTED: [&str; 8] =
    ["--help", "--version", "-h", "-V", "--ready-stdout", "--system-config", "--lock-fd", "--reference"];

/// Whether it is a command that the help does not list.
fn is_hidden(name: &str) -> bool {
    let output = Command::new(&binaries().gateway).args([name, "--help"]).output().expect("it starts");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success() && help.contains(&format!("Usage: snowgate {name}"))
}

/// The help of a command.
fn help(path: &[String]) -> String {
    static KNOWN: LazyLock<Mutex<BTreeMap<Vec<String>, String>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known
        .entry(path.to_vec())
        .or_insert_with(|| {
            let output =
                Command::new(&binaries().gateway).args(path).arg("--help").output().expect("it starts");
            assert!(output.status.success(), "the help of {path:?}: {output:?}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
        .clone()
}

/// The commands that a help lists.
fn commands_in(help: &str) -> BTreeSet<String> {
    let listed = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    // A description that is too long goes on in lines that are indented further.
    let names = listed.filter_map(|line| line[2..].split(' ').next()).filter(|name| !name.is_empty());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_setting_that_is_named_exists() {
    let settings = settings();
    let mut wrong = Vec::new();
    for page in pages().iter().chain(&pages_for_contributors()).filter(|page| page.path != "CHANGELOG.md") {
        for (line, code) in page.inline_code() {
            let name = code.split([' ', '=']).next().unwrap_or_default();
            let Some((section, key)) = name.split_once('.') else { continue };
            let Some(keys) = settings.get(section) else { continue };
            let is_key = !key.is_empty()
                && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
            if is_key && !keys.contains(key) && !OTHERS.contains(&name) {
                wrong.push(format!("{}:{line}: `{code}`: no such setting", page.path));
            }
        }
    }
    assert!(wrong.is_empty(), "settings that do not exist:\n{}", wrong.join("\n"));
}

/// What looks like a setting and is a file, or a part of `status`.
const OTHERS: [&str; 4] = ["audit.key", "audit.head", "gateway.lock", "http.certificate_expires"];

/// The keys of each section, as the reference has them.
fn settings() -> BTreeMap<String, BTreeSet<String>> {
    let text =
        fs::read_to_string(repository().join("docs/configuration.md")).expect("the reference of settings");
    let (mut found, mut section) = (BTreeMap::<String, BTreeSet<String>>::new(), None);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            section = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).map(str::to_owned);
        }
        let key = line.strip_prefix("| `").and_then(|rest| rest.split('`').next());
        if let (Some(section), Some(key)) = (&section, key) {
            // A table within a section, too: `sqlite.databases`.
            let (section, table) = section.split_once('.').unwrap_or((section, ""));
            let keys = found.entry(section.to_owned()).or_default();
            keys.insert(if table.is_empty() || table == "NAME" { key } else { table }.to_owned());
        }
    }
    let tables = [("sqlite", "databases"), ("snowflake", "session_parameters")];
    for (section, table) in tables {
        found.entry(section.to_owned()).or_default().insert(table.to_owned());
    }
    assert!(found.len() > 12, "the reference is read: {found:?}");
    // `connections.toml`, and names of one's own.
    found.retain(|section, _| !["connections", "profiles", "roles"].contains(&section.as_str()));
    found
}

#[test]
fn every_variable_that_is_named_is_read_somewhere() {
    let sources: String = ["gateway/src", "shim/src", "tests", "packaging", "docs/configuration.md"]
        .into_iter()
        .flat_map(|path| if path.ends_with(".md") { vec![path.into()] } else { files_below(path) })
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| ["rs", "md", "py", "sh"].contains(&extension.to_str().unwrap_or("")))
        })
        .filter_map(|path| fs::read_to_string(repository().join(path)).ok())
        .collect();
    let mut wrong = Vec::new();
    for page in pages().iter().chain(&pages_for_contributors()) {
        for (line, code) in page.inline_code() {
            for word in code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
                let is_ours =
                    word.starts_with("SNOWGATE_") && !word.ends_with('_') && word == word.to_uppercase();
                if is_ours && !sources.contains(word) && !is_example(word, page) {
                    wrong.push(format!("{}:{line}: {word}", page.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "variables that are read nowhere:\n{}", wrong.join("\n"));
}

/// Names that a page makes up: a variable of its own script, a user of a database.
fn is_example(word: &str, page: &Page) -> bool {
    word == "SNOWGATE_KEY"
        || word == "SNOWGATE_AGENT"
        || page.text.contains(&format!("CREATE USER IF NOT EXISTS {word}"))
}

#[test]
fn every_command_is_on_the_page_of_commands() {
    let page = pages().into_iter().find(|page| page.path == "docs/commands.md").expect("docs/commands.md");
    for name in commands_in(&help(&[])) {
        assert!(page.text.contains(&format!("snowgate {name}")), "docs/commands.md lacks `snowgate {name}`");
    }
}

#[test]
fn a_command_is_checked_by_its_help() {
    for good in [
        "snowgate status --json",
        "snowgate quota reset CLIENT",
        "snowgate audit verify|search",
        "ls -l",
        "snowgate keys create --name x",
    ] {
        assert_eq!(check_command(good), Ok(()), "{good}");
    }
    for wrong in ["snowgate stauts", "snowgate status --jsn", "snowgate keys create --nme x"] {
        assert!(check_command(wrong).is_err(), "{wrong}");
    }
}
