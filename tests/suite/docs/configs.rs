//! Blocks and files of TOML, JSON, SQL and the like.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use snowgate_tests::{Home, set_mode};

use super::pages::{Block, Directive, files_below, pages, repository};

/// Tables of Snowgate's own config file.
const SECTIONS: [&str; 16] = [
    "gateway",
    "session",
    "http",
    "backend",
    "sqlite",
    "snowflake",
    "pool",
    "allocator",
    "breaker",
    "limits",
    "results",
    "logs",
    "audit",
    "metrics",
    "alerts",
    "queries",
];

/// Languages of blocks, and what is done with each: see [`check`] and `commands`.
const LANGUAGES: [&str; 12] =
    ["sh", "console", "powershell", "toml", "json", "yaml", "ini", "sql", "text", "js", "caddyfile", "nginx"];

#[test]
fn every_block_is_what_its_language_says() {
    let home = place();
    let mut wrong = Vec::new();
    for block in pages().into_iter().flat_map(|page| page.blocks) {
        if let Err(why) = check(&home, &block) {
            wrong.push(format!("{}: {why}", block.place));
        }
    }
    assert!(wrong.is_empty(), "blocks that are wrong:\n{}", wrong.join("\n"));
}

#[test]
fn every_example_is_valid() {
    let home = place();
    let mut wrong = Vec::new();
    for path in ["examples", "packaging"].into_iter().flat_map(files_below) {
        let language = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let language = match language {
            "service" | "socket" => "ini",
            "yml" => "yaml",
            "cjs" => "js",
            language @ ("toml" | "json") => language,
            _ => continue,
        };
        let text = fs::read_to_string(repository().join(&path)).expect("reading an example");
        let place = path.display().to_string();
        let block = Block { place, language: language.to_owned(), text, directives: Vec::new() };
        if let Err(why) = check(&home, &block) {
            wrong.push(format!("{}: {why}", block.place));
        }
    }
    assert!(wrong.is_empty(), "examples that are wrong:\n{}", wrong.join("\n"));
}

/// A home with the files that configs of the documents name.
fn place() -> Home {
    let home = Home::bare();
    let snowflake = home.path().join("user/.snowflake");
    fs::create_dir_all(&snowflake).expect("making a folder");
    let connections = ["default", "work", "finance"]
        .map(|name| format!("[{name}]\naccount = 'org-a'\nuser = 'U'\nauthenticator = 'externalbrowser'\n"));
    let file = snowflake.join("connections.toml");
    fs::write(&file, connections.concat()).expect("writing connections.toml");
    set_mode(&file, 0o600);
    home
}

fn check(home: &Home, block: &Block) -> Result<(), String> {
    match block.language.as_str() {
        "toml" => check_toml(home, block),
        "json" => check_json(&block.text),
        "yaml" => check_yaml(&block.text),
        "ini" => check_ini(&block.text),
        "sql" => check_sql(&block.text),
        "text" => check_text(&block.text),
        "js" => check_js(home, &block.text),
        language if LANGUAGES.contains(&language) => Ok(()),
        other => Err(format!("no known language: {other:?}; known are {}", LANGUAGES.join(", "))),
    }
}

fn check_toml(home: &Home, block: &Block) -> Result<(), String> {
    let table: toml::Table = block.text.parse().map_err(|error| format!("no TOML: {error}"))?;
    if block.says(&Directive::Other) {
        return Ok(());
    }
    if let Some(servers) = table.get("mcp_servers").and_then(toml::Value::as_table) {
        let has_command = |entry: &toml::Value| entry.get("command").or(entry.get("url")).is_some();
        return servers
            .values()
            .all(has_command)
            .then_some(())
            .ok_or("a server without command and URL".into());
    }
    let is_ours = |name: &String| {
        SECTIONS.contains(&name.as_str()) || matches!(name.as_str(), "profiles" | "roles" | "connections")
    };
    if let Some(name) = table.keys().find(|name| !is_ours(name)) {
        return Err(format!(
            "no section of Snowgate's: {name}; another program's file needs <!-- doc: other -->"
        ));
    }
    // A fragment is right where it is right with one of the two databases.
    let mut why = String::new();
    for text in completed(&block.text, &table) {
        match check_config(home, &text) {
            Ok(()) => return Ok(()),
            Err(error) => why.push_str(&error),
        }
    }
    Err(why)
}

/// What `snowgate config check` says of it.
fn check_config(home: &Home, text: &str) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new_in(home.path()).map_err(|error| error.to_string())?;
    fs::write(&file, text).map_err(|error| error.to_string())?;
    let mut command = home.gateway();
    command.args(["config", "check", "--file"]).arg(file.path()).env("HOME", home.path().join("user"));
    let output = command.output().map_err(|error| error.to_string())?;
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    if output.status.success() { Ok(()) } else { Err(said.concat()) }
}

/// A fragment as it is, and with what makes it one of Snowflake's.
fn completed(text: &str, table: &toml::Table) -> Vec<String> {
    let mut whole = text.to_owned();
    if !table.contains_key("backend") {
        whole.push_str("\n[backend]\nkind = 'snowflake'\n");
    }
    if !table.contains_key("snowflake") {
        whole.push_str("\n[snowflake]\nconnection = 'work'\n");
    }
    vec![text.to_owned(), whole]
}

fn check_json(text: &str) -> Result<(), String> {
    let values: Vec<Value> = match serde_json::from_str::<Value>(text) {
        Ok(value) => vec![value],
        Err(whole) => {
            let lines = text.lines().filter(|line| !line.is_empty()).map(serde_json::from_str);
            lines.collect::<Result<_, _>>().map_err(|_| format!("no JSON: {whole}"))?
        }
    };
    for key in ["mcpServers", "servers", "context_servers", "mcp"] {
        for entry in
            values.iter().filter_map(|value| value[key].as_object()).flat_map(|servers| servers.values())
        {
            if entry["command"].is_null() && entry["url"].is_null() && entry["httpUrl"].is_null() {
                return Err(format!("a server of {key} without command and URL: {entry}"));
            }
        }
    }
    Ok(())
}

fn check_yaml(text: &str) -> Result<(), String> {
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let indent = line.len() - line.trim_start().len();
        if line.contains('\t') || indent % 2 != 0 {
            return Err(format!("tabs, or an odd indentation: {line:?}"));
        }
    }
    Ok(())
}

fn check_ini(text: &str) -> Result<(), String> {
    let mut continues = false;
    for line in text.lines().map(str::trim) {
        let is_section = line.starts_with('[') && line.ends_with(']');
        let is_other = line.is_empty() || line.starts_with(['#', ';']);
        if !(continues || is_section || is_other || line.contains('=')) {
            return Err(format!("no section, key or comment: {line:?}"));
        }
        continues = line.ends_with('\\');
    }
    Ok(())
}

/// Each statement is one that the gate knows by its first words.
fn check_sql(text: &str) -> Result<(), String> {
    let code: Vec<&str> = text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let statements: Vec<&str> = code.split(';').map(str::trim).collect();
    let Some((last, statements)) = statements.split_last() else { return Ok(()) };
    if !last.is_empty() {
        return Err(format!("a statement without its semicolon: {last:?}"));
    }
    for statement in statements {
        let known = sql_gate::read(statement, sql_gate::Dialect::Snowflake);
        let class = known.class.to_string();
        if class == "unknown" || statement.matches('\'').count() % 2 != 0 {
            return Err(format!("the gate does not know it ({class}): {statement:?}"));
        }
    }
    Ok(())
}

/// Node reads it to its end; CI has Node.
fn check_js(home: &Home, text: &str) -> Result<(), String> {
    let file = home.path().join("block.cjs");
    fs::write(&file, text).map_err(|error| error.to_string())?;
    let output =
        Command::new("node").arg("--check").arg(&file).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("no js: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// What is only shown has no commands, which would not be run.
fn check_text(text: &str) -> Result<(), String> {
    let command = text.lines().find(|line| line.starts_with("snowgate ") && !line.starts_with("snowgate 0."));
    let command = command.or_else(|| text.lines().find(|line| line.starts_with("$ ")));
    command.map_or(Ok(()), |line| Err(format!("a command in a block of text: {line:?}; say sh or console")))
}

#[test]
fn what_is_wrong_in_a_block_is_found() {
    let home = place();
    for (language, text, why) in [
        ("toml", "[pool]\nconnections_maxx = 3\n", "connections_maxx"),
        ("toml", "[polo]\nconnections_max = 3\n", "no section of Snowgate's"),
        ("toml", "[pool\n", "no TOML"),
        ("toml", "[mcp_servers.x]\nargs = []\n", "without command"),
        ("json", "{\"a\": }", "no JSON"),
        ("json", "{\"mcpServers\": {\"x\": {\"comand\": \"y\"}}}", "without command"),
        ("sql", "GRANT SELECT ON T TO ROLE R", "semicolon"),
        ("sql", "GRNAT SELECT ON T TO ROLE R;", "does not know"),
        ("yaml", "a:\n\tb: 1\n", "tabs"),
        ("ini", "[Service]\nExecStart\n", "no section"),
        ("text", "snowgate status\n", "a command"),
        ("bash", "ls\n", "no known language"),
        ("js", "let = ;\n", "js"),
    ] {
        let block = Block {
            place: String::new(),
            language: language.into(),
            text: text.into(),
            directives: Vec::new(),
        };
        let found = check(&home, &block);
        assert!(found.as_ref().is_err_and(|found| found.contains(why)), "{language} {text:?}: {found:?}");
    }
}

#[test]
fn every_example_config_for_clients_starts_our_shim_or_speaks_to_our_front() {
    for path in files_below("examples/clients") {
        let text = fs::read_to_string(repository().join(&path)).expect("reading an example");
        if Path::new(&path).extension().is_some_and(|extension| extension != "md") {
            assert!(text.contains("snowgate"), "{}", path.display());
        }
    }
}
