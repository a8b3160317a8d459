//! Config files of every kind, through install, install again and uninstall.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::edit::{EditError, Language, Made};
use super::install::{Action, Desk, Options, snippet};
use super::known::{ALL, Client, Scope, Shape};
use super::places::Places;
use super::{ClientError, Entry};
use crate::os::System;

/// The texts of the black-box test: each with its client, by its name.
fn corpus() -> Vec<(Client, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/suite/gateway/clients/configs");
    let mut corpus: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let client = Client::from_str(name.split("--").next().unwrap(), false).unwrap();
            (client, name, fs::read_to_string(path).unwrap())
        })
        .collect();
    corpus.sort_by(|one, other| one.1.cmp(&other.1));
    corpus
}

fn entry(flags: &[(&'static str, &str)]) -> Entry {
    let flags = flags.iter().map(|(flag, value)| (*flag, (*value).to_owned())).collect();
    Entry { command: "/opt/bin/snowgate-shim".into(), flags, home: None }
}

fn options() -> Options {
    Options { scope: Scope::User, name: "snowgate".into(), force: false, dry_run: false }
}

/// A home with nothing in it, and its desk.
struct Fixture {
    root: tempfile::TempDir,
    desk: Desk,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        fs::create_dir(&home).unwrap();
        let env = BTreeMap::<String, String>::new();
        let places = Places::of(System::Linux, &env, home.clone(), home);
        let desk = Desk::new(places, &root.path().join("state"));
        Self { root, desk }
    }

    fn file(&self, client: Client, text: &str) -> PathBuf {
        let file = self.desk.places.files(client, Scope::User).remove(0);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    fn install(&self, client: Client, entry: &Entry, options: &Options) -> Result<Action, ClientError> {
        self.desk.install(&[client], entry, options).remove(0).1.map(|change| change.action)
    }

    fn uninstall(&self, client: Client, options: &Options) -> Result<Action, ClientError> {
        self.desk.uninstall(&[client], options).remove(0).1.map(|change| change.action)
    }
}

#[test]
fn every_file_of_the_corpus_survives_install_and_uninstall() {
    let corpus = corpus();
    assert!(corpus.len() >= 60, "{}", corpus.len());
    for (client, name, text) in corpus {
        let fixture = Fixture::new();
        let file = fixture.file(client, &text);
        let read = || fs::read_to_string(&file).unwrap();
        let install =
            |name: &str| fixture.install(client, &entry(&[]), &Options { name: name.into(), ..options() });
        let uninstall = |name: &str| fixture.uninstall(client, &Options { name: name.into(), ..options() });
        assert_eq!(install("snowgate").unwrap(), Action::Added, "{name}");
        let installed = read();
        assert_eq!(install("snowgate").unwrap(), Action::Unchanged, "{name}");
        assert_eq!(read(), installed, "{name}");
        assert_eq!(uninstall("snowgate").unwrap(), Action::Removed, "{name}");
        assert_eq!(read(), text, "{name}");
        assert_eq!(uninstall("snowgate").unwrap(), Action::Absent, "{name}");
        // Two entries, taken out in the order in which they came in.
        assert_eq!(install("one").unwrap(), Action::Added, "{name}");
        assert_eq!(install("two").unwrap(), Action::Added, "{name}");
        assert_eq!(uninstall("one").unwrap(), Action::Removed, "{name}");
        assert_eq!(uninstall("two").unwrap(), Action::Removed, "{name}");
        assert_eq!(read(), text, "{name}: {installed}");
    }
}

#[test]
fn without_any_record_the_text_alone_tells_what_was_there_unless_it_was_empty() {
    for (client, name, text) in corpus() {
        let path: Vec<_> = super::plan::keys(client, &text);
        let is_empty = |value: Option<Value>| value.is_none_or(|it| it.as_object().unwrap().is_empty());
        let language = client.language();
        if is_empty(language.get(&text, &path).unwrap()) && language == Language::Json {
            continue;
        }
        let keys: Vec<_> = path.into_iter().chain(["snowgate"]).collect();
        let (set, _) = language.set(&text, &keys, &entry(&[]).value(client.facts().shape)).unwrap();
        assert_eq!(language.remove(&set, &keys, &Made::default()).unwrap(), text, "{name}:\n{set}");
    }
}

#[test]
fn what_other_programs_change_meanwhile_stays() {
    let fixture = Fixture::new();
    let file = fixture.file(Client::Cursor, "{}\n");
    fixture.install(Client::Cursor, &entry(&[]), &options()).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let other =
        text.replacen("\n    \"snowgate\"", "\n    \"other\": {\"command\": \"x\"},\n    \"snowgate\"", 1);
    assert_ne!(text, other);
    fs::write(&file, other).unwrap();
    fixture.uninstall(Client::Cursor, &options()).unwrap();
    let expected = "{\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\"}\n  }\n}\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}

#[test]
fn what_is_added_between_two_entries_of_ours_stays_whichever_goes_first() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        for at in 0..3 {
            let fixture = Fixture::new();
            let file = fixture.file(Client::Cursor, "{}\n");
            let named = |name: &str| Options { name: name.into(), ..options() };
            // The user's server comes before the second entry, before the first goes, or between the two.
            let add = |now: usize| {
                if now == at {
                    let text = fs::read_to_string(&file).unwrap();
                    let (text, _) = Language::Json
                        .set(&text, &["mcpServers", "theirs"], &json!({ "command": "x" }))
                        .unwrap();
                    fs::write(&file, text).unwrap();
                }
            };
            fixture.install(Client::Cursor, &entry(&[]), &named("a")).unwrap();
            add(0);
            fixture.install(Client::Cursor, &entry(&[]), &named("b")).unwrap();
            add(1);
            fixture.uninstall(Client::Cursor, &named(first)).unwrap();
            add(2);
            fixture.uninstall(Client::Cursor, &named(second)).unwrap();
            let left: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            assert_eq!(left, json!({ "mcpServers": { "theirs": { "command": "x" } } }), "{first} {at}");
        }
    }
}

#[test]
fn a_project_whose_folder_is_gone_is_an_error_and_not_the_home_folder() {
    let mut fixture = Fixture::new();
    fixture.desk.places.project = None;
    let options = Options { scope: Scope::Project, ..options() };
    for client in ALL {
        let refused = fixture.install(*client, &entry(&[]), &options).unwrap_err();
        assert!(matches!(refused, ClientError::NoFolder), "{client:?}");
        assert!(matches!(fixture.uninstall(*client, &options).unwrap_err(), ClientError::NoFolder));
    }
}

#[test]
fn a_file_that_was_not_there_goes_again_with_its_folders() {
    for client in ALL {
        let fixture = Fixture::new();
        assert_eq!(fixture.install(*client, &entry(&[]), &options()).unwrap(), Action::Added, "{client:?}");
        let file = fixture.desk.places.files(*client, Scope::User).remove(0);
        assert!(file.is_file(), "{client:?}");
        fixture.uninstall(*client, &options()).unwrap();
        let left = fs::read_dir(fixture.root.path().join("home")).unwrap().count();
        assert_eq!(left, 0, "{client:?}");
    }
}

#[test]
fn a_file_that_was_not_there_stays_when_something_else_is_in_it() {
    let fixture = Fixture::new();
    fixture.install(Client::Codex, &entry(&[]), &options()).unwrap();
    let file = fixture.desk.places.files(Client::Codex, Scope::User).remove(0);
    let text = format!("model = \"o3\"\n{}", fs::read_to_string(&file).unwrap());
    fs::write(&file, text).unwrap();
    fixture.uninstall(Client::Codex, &options()).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "model = \"o3\"\n");
}

#[test]
fn an_entry_of_ours_is_updated_in_place_and_keeps_what_its_user_added() {
    let before = "{\n  \"mcpServers\": {\n    \"snowgate\": { // mine\n      \"command\": \"/old/snowgate-shim\",\n      \
                  \"args\": [\"--profile\", \"a\"],\n      \"alwaysAllow\": [\"list_tables\"],\n      \"timeout\": 300\n    }\n  }\n}\n";
    let fixture = Fixture::new();
    let file = fixture.file(Client::RooCode, before);
    assert_eq!(fixture.install(Client::RooCode, &entry(&[]), &options()).unwrap(), Action::Updated);
    let expected = before.replace("/old/", "/opt/bin/");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    fixture.install(Client::RooCode, &entry(&[("--session", "s")]), &options()).unwrap();
    let expected = expected.replace("\"--profile\", \"a\"", "\"--profile\", \"a\", \"--session\", \"s\"");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    // It was there before Snowgate's record began: it is taken out all the same.
    fixture.uninstall(Client::RooCode, &options()).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\n  \"mcpServers\": {}\n}\n");
}

#[test]
fn an_entry_in_toml_is_updated_in_place_in_each_form() {
    for (before, expected) in [
        (
            "[mcp_servers.snowgate]\ncommand = \"/old/snowgate-shim\" # mine\n\n[mcp_servers.snowgate.env]\nA = \"1\"\n\n[tui]\n",
            "[mcp_servers.snowgate]\ncommand = \"/opt/bin/snowgate-shim\" # mine\nargs = [\"--profile\", \"p\"]\n\n\
             [mcp_servers.snowgate.env]\nA = \"1\"\nSNOWGATE_HOME = \"/h\"\n\n[tui]\n",
        ),
        (
            "[mcp_servers]\nsnowgate = { command = '/old/snowgate-shim', env = {} }\n",
            "[mcp_servers]\nsnowgate = { command = \"/opt/bin/snowgate-shim\", env = { SNOWGATE_HOME = \"/h\" }, args = [\"--profile\", \"p\"] }\n",
        ),
    ] {
        let fixture = Fixture::new();
        let file = fixture.file(Client::Codex, before);
        let entry = Entry { home: Some("/h".into()), ..entry(&[("--profile", "p")]) };
        assert_eq!(fixture.install(Client::Codex, &entry, &options()).unwrap(), Action::Updated);
        assert_eq!(fs::read_to_string(&file).unwrap(), expected);
        assert_eq!(fixture.install(Client::Codex, &entry, &options()).unwrap(), Action::Unchanged);
    }
}

#[test]
fn an_entry_in_toml_goes_with_its_tables_and_leaves_the_comments_of_others() {
    let before = "# top\n[mcp_servers.snowgate]\ncommand = \"snowgate-shim\"\n\n[mcp_servers.snowgate.tools.x]\napproval_mode = \"approve\"\n\n\
                  # about the next one\n[mcp_servers.fetch]\ncommand = \"uvx\"\n";
    let keys = ["mcp_servers", "snowgate"];
    let after = Language::Toml.remove(before, &keys, &Made::default()).unwrap();
    assert_eq!(after, "# top\n\n# about the next one\n[mcp_servers.fetch]\ncommand = \"uvx\"\n");
    for (before, after) in [
        ("mcp_servers = { snowgate = { command = \"x\" }, b = {} }\n", "mcp_servers = { b = {} }\n"),
        ("mcp_servers = { b = {}, snowgate = { command = \"x\" } }\n", "mcp_servers = { b = {} }\n"),
        ("mcp_servers = { snowgate = { command = \"x\" } }\n", "mcp_servers = {}\n"),
        ("mcp_servers.snowgate.command = \"x\"\nmodel = 1\n", "model = 1\n"),
    ] {
        assert_eq!(Language::Toml.remove(before, &keys, &Made::default()).unwrap(), after);
    }
}

#[test]
fn another_programs_entry_is_left_alone_unless_forced_and_comes_back() {
    for (client, text) in [
        (Client::Cursor, "{\"mcpServers\": {\"snowgate\": {\"command\": \"other\"}, \"x\": {}}}"),
        (Client::Codex, "[mcp_servers.snowgate]\ncommand = \"other\"\n"),
    ] {
        let fixture = Fixture::new();
        let file = fixture.file(client, text);
        let refused = fixture.install(client, &entry(&[]), &options());
        assert!(matches!(refused, Err(ClientError::Foreign { .. })), "{refused:?}");
        let refused = fixture.uninstall(client, &options());
        assert!(matches!(refused, Err(ClientError::Foreign { .. })), "{refused:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        let forced = Options { force: true, ..options() };
        assert_eq!(fixture.install(client, &entry(&[]), &forced).unwrap(), Action::Updated);
        assert!(fs::read_to_string(&file).unwrap().contains("/opt/bin/snowgate-shim"));
        fixture.uninstall(client, &options()).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn what_cannot_be_read_as_a_config_is_refused_with_its_place() {
    for (client, text, expected) in [
        (Client::Cursor, "{\n  \"mcpServers\": {\n", "line 2, column 17: unterminated object"),
        (Client::Cursor, "{\n  \"mcpServers\": {} \"a\": 1\n}", "line 2, column 19: expected comma"),
        (Client::Cursor, "{'mcpServers': {}}", "line 1, column 2: single-quoted"),
        (Client::Cursor, "{mcpServers: {}}", "line 1, column 2: "),
        (Client::Cursor, "[]", "line 1, column 1: `the file` is a list"),
        (Client::Cursor, "null", "line 1, column 1: `the file` is null"),
        (Client::Cursor, "{\"mcpServers\": []}", "line 1, column 16: `mcpServers` is a list"),
        (Client::Cursor, "{\"mcpServers\": null}", "line 1, column 16: `mcpServers` is null"),
        (
            Client::Cursor,
            "{\"mcpServers\": {},\n\"mcpServers\": {}}",
            "line 2, column 1: `mcpServers` is there twice",
        ),
        (Client::Cursor, "{} {}", "line 1, column 4: "),
        (Client::Codex, "a = 1\nb = = 2\n", "line 2, column 5"),
        (Client::Codex, "mcp_servers = []\n", "line 1, column 15: `mcp_servers` is a list"),
        (Client::Codex, "[[mcp_servers]]\na = 1\n", "`mcp_servers` is a list"),
        (Client::Codex, "[a]\nb = 1\n[a]\n", "line 3"),
    ] {
        let fixture = Fixture::new();
        let file = fixture.file(client, text);
        let Err(ClientError::Edit { source, .. }) = fixture.install(client, &entry(&[]), &options()) else {
            panic!("{text} was not refused");
        };
        assert!(source.to_string().contains(expected), "{text}: {source}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn an_entry_with_dotted_keys_is_updated_but_not_extended() {
    let text = "[mcp_servers]\nsnowgate.command = \"/old/snowgate-shim\"\n";
    let keys = ["mcp_servers", "snowgate", "args"];
    let refused = Language::Toml.set(text, &keys, &json!(["a"]));
    assert!(matches!(refused, Err(EditError::Form { line: 2, .. })), "{refused:?}");
    let keys = ["mcp_servers", "snowgate", "command"];
    assert!(Language::Toml.set(text, &keys, &json!("x")).unwrap().0.ends_with("command = \"x\"\n"));
}

#[test]
fn deeply_nested_texts_are_refused_and_do_not_end_the_program() {
    for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert!(matches!(Language::Json.get(&text, &["a"]), Err(EditError::Syntax { .. })));
    }
    let text = format!("a = {}", "[".repeat(100_000));
    assert!(matches!(Language::Toml.get(&text, &["a"]), Err(EditError::Syntax { .. })));
}

#[test]
fn a_dry_run_changes_nothing_and_shows_the_change() {
    let fixture = Fixture::new();
    let file = fixture.file(Client::ClaudeCode, "{\n  \"theme\": \"dark\"\n}\n");
    let options = Options { dry_run: true, ..options() };
    let change = fixture.desk.install(&[Client::ClaudeCode], &entry(&[]), &options).remove(0).1.unwrap();
    let diff = change.diff.unwrap();
    assert!(diff.contains("+      \"command\": \"/opt/bin/snowgate-shim\","), "{diff}");
    assert_eq!(fs::read_to_string(file).unwrap(), "{\n  \"theme\": \"dark\"\n}\n");
    assert!(!fixture.root.path().join("state").exists());
}

#[test]
fn other_servers_for_the_warehouse_and_comments_that_a_client_does_not_read_are_noted() {
    let fixture = Fixture::new();
    fixture.file(Client::Cursor, "{\"mcpServers\": {\"db\": {\"command\": \"mcp-snowflake\"}}} // mine\n");
    let change = fixture.desk.install(&[Client::Cursor], &entry(&[]), &options()).remove(0).1.unwrap();
    assert!(change.notes[0].contains("comments"), "{:?}", change.notes);
    assert!(change.notes[1].contains("db"), "{:?}", change.notes);
}

#[test]
fn a_client_without_files_of_a_project_says_so() {
    let fixture = Fixture::new();
    let options = Options { scope: Scope::Project, ..options() };
    let refused = fixture.install(Client::ClaudeDesktop, &entry(&[]), &options);
    assert!(matches!(refused, Err(ClientError::NoProject { .. })), "{refused:?}");
}

#[test]
fn the_examples_are_what_the_program_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/clients");
    let entry = Entry { command: "/path/to/snowgate-shim".into(), flags: Vec::new(), home: None };
    for client in ALL {
        let id = client.facts().id;
        let end = if client.facts().shape == Shape::Toml { "toml" } else { "json" };
        let file = folder.join(format!("{id}.{end}"));
        let expected = snippet(*client, "snowgate", &entry).unwrap();
        let command = format!(
            "snowgate install --print {id} --shim /path/to/snowgate-shim > examples/clients/{id}.{end}"
        );
        assert_eq!(fs::read_to_string(file).unwrap_or_default(), expected, "run: {command}");
    }
}

/// White space and comments between two tokens.
fn gap() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        3 => Just(" ".to_owned()),
        2 => Just("\n  ".to_owned()),
        1 => Just("\r\n\t".to_owned()),
        1 => Just(" /* c , } */ ".to_owned()),
        1 => Just(" // c, }\n".to_owned()),
    ]
}

/// A value as text, with anything between its tokens.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("-1.5e3".to_owned()),
        Just("\"a // \\\" , }\"".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            object(inner.clone()),
            (proptest::collection::vec((gap(), inner, gap()), 1..3), any::<bool>()).prop_map(
                |(values, comma)| {
                    let values: Vec<_> =
                        values.into_iter().map(|(a, value, b)| format!("{a}{value}{b}")).collect();
                    format!("[{}{}]", values.join(","), if comma { "," } else { "" })
                }
            ),
        ]
    })
}

fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = (gap(), gap(), gap(), inner, gap());
    (proptest::collection::vec(member, 0..4), any::<bool>(), gap()).prop_map(|(members, comma, end)| {
        let has_comma = comma && !members.is_empty();
        let members: Vec<_> = members
            .into_iter()
            .enumerate()
            .map(|(at, (a, b, c, value, d))| format!("{a}\"k{at}\"{b}:{c}{value}{d}"))
            .collect();
        format!("{{{}{}{end}}}", members.join(","), if has_comma { "," } else { "" })
    })
}

proptest! {
    #[test]
    fn what_is_put_in_can_be_taken_out_again(
        text in (gap(), object(value()), gap()).prop_map(|(a, object, b)| format!("{a}{object}{b}")),
        depth in 0..3usize,
    ) {
        let path = [&["k0"][..], &["k1", "new"], &["new", "entry"]][depth].to_vec();
        let path: Vec<_> = if depth == 0 { vec!["entry"] } else { path };
        let language = Language::Json;
        let Ok(before) = language.get(&text, &[]) else { return Err(TestCaseError::fail(text)) };
        let entry = json!({"command": "c", "args": ["a"], "env": {"A": "1"}});
        let Ok((set, made)) = language.set(&text, &path, &entry) else { return Ok(()) };
        prop_assert_eq!(language.get(&set, &path).unwrap(), Some(entry.clone()));
        prop_assert_eq!(&language.set(&set, &path, &entry).unwrap().0, &set);
        let removed = language.remove(&set, &path, &made).unwrap();
        prop_assert_eq!(language.get(&removed, &[]).unwrap(), before);
        prop_assert_eq!(removed, text);
    }

    #[test]
    fn what_is_put_into_toml_can_be_taken_out_again(
        lines in proptest::collection::vec(0..9usize, 0..8),
        is_crlf in any::<bool>(),
        ends in 0..3usize,
    ) {
        let newline = if is_crlf { "\r\n" } else { "\n" };
        let line = |(at, kind): (usize, &usize)| match kind {
            0 => String::new(),
            1 => format!("# [mcp_servers.entry] {at}"),
            2 => format!("key{at} = 'a # b' # c"),
            3 => format!("list{at} = [{newline}  1, # one{newline}]"),
            4 => format!("text{at} = \"\"\"{newline}[mcp_servers.entry]{newline}\"\"\""),
            5 => format!("[table{at}]{newline}  indented = 1  "),
            6 => format!("[mcp_servers.other{at}]{newline}command = \"x\"{newline}{newline}[mcp_servers.other{at}.env]"),
            7 => format!("[[array{at}]]"),
            _ => format!("\"quoted.{at}\".dotted = {{ a = 1 }}"),
        };
        let mut text = lines.iter().enumerate().map(line).collect::<Vec<_>>().join(newline);
        text.push_str(&newline.repeat(ends));
        let language = Language::Toml;
        let path = ["mcp_servers", "entry"];
        let entry = json!({"command": "c:\\x \"y\"", "args": ["a'b"], "env": {"A": "1"}});
        let before = language.get(&text, &[]).unwrap();
        let (set, made) = language.set(&text, &path, &entry).unwrap();
        prop_assert_eq!(language.get(&set, &path).unwrap(), Some(entry.clone()));
        prop_assert_eq!(&language.set(&set, &path, &entry).unwrap().0, &set);
        let removed = language.remove(&set, &path, &made).unwrap();
        prop_assert_eq!(language.get(&removed, &[]).unwrap(), before);
        prop_assert_eq!(removed, text);
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}\":,/*\\\\ \n\r\tak1=.#'\u{feff}ä]{0,40}") {
        for language in [Language::Json, Language::Toml] {
            let path = ["a", "k"];
            let _ = language.remove(&text, &path, &Made { containers: 1, interior: Some(" ".into()) });
            if let Ok((set, made)) = language.set(&text, &path, &json!({"command": "x"})) {
                let _ = language.remove(&set, &path, &made);
            }
        }
    }
}

#[test]
fn a_path_of_windows_is_read_back_as_it_is_in_every_language() {
    let command = r"C:\Users\Ada Löwe\AppData\Local\new\tools\snowgate-shim.exe";
    for client in ALL {
        let entry = Entry { command: command.into(), flags: Vec::new(), home: Some(r"D:\up\x".into()) };
        let text = snippet(*client, "snowgate", &entry).unwrap();
        let keys: Vec<_> = client.facts().path.iter().copied().chain(["snowgate"]).collect();
        let read = client.language().get(&text, &keys).unwrap().unwrap();
        assert_eq!(super::entry::command_of(&read), Some(command), "{text}");
        assert_eq!(super::entry::variables_of(&read)["SNOWGATE_HOME"], r"D:\up\x", "{text}");
        // A file of Windows' editors ends its lines in its own way, which stays.
        let fixture = Fixture::new();
        let before =
            if client.language() == Language::Toml { "a = 1\r\n" } else { "{\r\n  \"a\": 1\r\n}\r\n" };
        let file = fixture.file(*client, before);
        fixture.install(*client, &entry, &options()).unwrap();
        let after = fs::read_to_string(&file).unwrap();
        assert!(super::plan::is_entry_ours(*client, &after, "snowgate"), "{after}");
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
        fixture.uninstall(*client, &options()).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
    }
}
