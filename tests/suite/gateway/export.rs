//! `export_result`: rows in files, whole and exact; names and links that lead nowhere; and what is left where an export does not
//! end. `SNOWGATE_TEST_EXPORT_ROWS=5000000` makes the large one that large.

mod ends;
mod large;
mod links;
mod names;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};

use crate::audit::records;

const REVISION: &str = "2025-11-25";

/// A home whose default profile exports into the folder `out/exports`, with these further lines of that profile, and `toml` behind it.
fn home_with(lines: &str, toml: &str) -> Home {
    let home = Home::new();
    fs::create_dir_all(home.path().join("out")).expect("making a folder");
    let folder = folder(&home).display().to_string();
    home.configure(&format!(
        "read_only = false\n[profiles.default]\nexport_folder = '{folder}'\n{lines}{toml}"
    ));
    home
}

fn folder(home: &Home) -> PathBuf {
    home.path().join("out/exports")
}

fn client(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize_as("exporter", REVISION);
    client
}

fn export(client: &mut Client, query: &str, name: &str) -> Value {
    client.call("export_result", &json!({"query": query, "name": name}))
}

/// `count` rows: a number, a text with what needs quoting, a fraction and NULL or an empty text.
fn rows_query(count: u64) -> String {
    format!(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < {count}) \
         select i, 'a,\"' || i || '\"' as t, i * 0.5 as r, case when i % 3 = 0 then '' end as e from n"
    )
}

#[track_caller]
fn exported(answer: &Value) -> Value {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    answer["result"]["structuredContent"].clone()
}

#[track_caller]
fn refused(answer: &Value) -> String {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    tool_text(answer).to_owned()
}

/// The names in a folder, in order.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Reads a file of [`rows_query`] with Python's own `csv` and `json`: rows, the sum of their numbers, and the file's SHA-256.
const READER: &str = r"
import csv, hashlib, json, sys
path, form = sys.argv[1:]
rows = total = 0
with open(path, newline='', encoding='utf-8') as file:
    if form == 'csv':
        read = csv.DictReader(file, strict=True)
    elif form == 'jsonl':
        read = map(json.loads, file)
    else:
        read = json.load(file)
    for row in read:
        rows += 1
        number = int(row['i'])
        assert number == rows, row
        assert row['t'] == 'a,\x22%d\x22' % number and float(row['r']) == number * 0.5, row
        assert (row['e'] or '') == '', row
        if form != 'csv':
            assert row['e'] == ('' if number % 3 == 0 else None), row
        total += number
digest = hashlib.sha256()
with open(path, 'rb') as file:
    while piece := file.read(1 << 20):
        digest.update(piece)
print(json.dumps([rows, total, digest.hexdigest()]))
";

#[track_caller]
fn read_back(path: &str, format: &str) -> (u64, u64, String) {
    let output =
        Command::new("python3").args(["-c", READER, path, format]).output().expect("running python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("what was read")
}

/// Whether the file that `done` tells of has these rows of [`rows_query`].
#[track_caller]
fn holds(done: &Value, format: &str, count: u64) {
    let path = done["path"].as_str().expect("a path");
    let (rows, total, sha256) = read_back(path, format);
    assert_eq!((rows, total), (count, count * (count + 1) / 2));
    assert_eq!(
        (&done["rows"], &done["sha256"], &done["format"]),
        (&json!(rows), &json!(sha256), &json!(format))
    );
    assert_eq!(done["bytes"], fs::metadata(path).expect("the file").len());
}

#[test]
fn every_format_has_all_rows_and_the_result_says_what_is_there() {
    let home = home_with("rows_max = 5\n", "");
    let mut client = client(&home);
    for (name, format) in [("a.csv", "csv"), ("b.jsonl", "jsonl"), ("c.json", "json"), ("no ending", "csv")] {
        let answer = export(&mut client, &rows_query(3_000), name);
        let done = exported(&answer);
        holds(&done, format, 3_000);
        assert_eq!(done["path"], folder(&home).join(name).display().to_string());
        let text = tool_text(&answer);
        for part in ["3000 rows", name, done["sha256"].as_str().expect("a digest")] {
            assert!(text.contains(part), "{text}");
        }
        let link = &answer["result"]["content"][1];
        assert_eq!(
            (&link["type"], &link["name"], &link["size"]),
            (&json!("resource_link"), &json!(name), &done["bytes"])
        );
        assert!(link["uri"].as_str().is_some_and(|uri| uri.starts_with("file:///")), "{link}");
    }
    let chosen = json!({"query": rows_query(7), "name": "d.txt", "format": "jsonl"});
    holds(&exported(&client.call("export_result", &chosen)), "jsonl", 7);
    assert_eq!(names_in(&folder(&home)), ["a.csv", "b.jsonl", "c.json", "d.txt", "no ending"]);
    let parquet = refused(&export(&mut client, "select 1 as a", "a.parquet"));
    assert!(parquet.contains("feature `parquet`") && parquet.contains("jsonl"), "{parquet}");
}

#[test]
fn a_client_of_an_old_revision_gets_no_link() {
    let home = home_with("", "");
    let mut client = home.client();
    client.initialize_as("old", "2025-03-26");
    let answer = export(&mut client, "select 1 as a", "a.csv");
    exported(&answer);
    assert_eq!(answer["result"]["content"].as_array().map(Vec::len), Some(1), "{answer}");
}

#[test]
fn a_profile_without_a_folder_neither_lists_the_tool_nor_runs_it() {
    let home = Home::new();
    let mut without = client(&home);
    let listed = |client: &mut Client| {
        let answer = client.request("tools/list", &json!({}));
        let tools = answer["result"]["tools"].as_array().expect("a list").clone();
        tools.iter().any(|tool| tool["name"] == "export_result")
    };
    assert!(!listed(&mut without));
    let text = refused(&export(&mut without, "select 1", "a.csv"));
    assert!(text.contains("no `export_folder`") && text.contains("[profiles.default]"), "{text}");
    without.leave();
    let home = home_with("", "");
    assert!(listed(&mut client(&home)));
}

#[test]
fn only_a_query_is_exported_and_nothing_else_runs() {
    let home = home_with("", "");
    let mut client = client(&home);
    exported(&export(&mut client, "select 1 as a", "first.csv"));
    assert_eq!(client.query("create table t (a)")["result"]["isError"], false);
    for sql in [
        "insert into t values (1)",
        "insert into t values (1) returning a",
        "with x as (select 1) insert into t select * from x returning a",
        "update t set a = 2 returning a",
        "delete from t returning a",
        "create table u (a)",
        "create temp table u as select 1",
        "drop table t",
        "begin",
        "commit",
        "rollback",
        "use TWO",
        "pragma user_version = 7",
        "attach 'x.db' as x",
        "vacuum into 'x.db'",
        "select 1; insert into t values (1)",
        "",
        "-- nothing",
        "select",
    ] {
        let text = refused(&export(&mut client, sql, "x.csv"));
        assert!(!text.is_empty(), "{sql}");
        assert_eq!(names_in(&folder(&home)), ["first.csv"], "{sql}");
    }
    let counted = client.query("select count(*) as n from t");
    assert_eq!(tool_text(&counted), "n\n0\n(1 row)");
    for arguments in [
        json!({"name": "x.csv"}),
        json!({"name": "x.csv", "query": "select 1", "handle": "h"}),
        json!({"name": "x.csv", "handle": "h"}),
        json!({"query": "select 1"}),
        json!({"name": "x.csv", "query": "select 1", "format": "xlsx"}),
    ] {
        refused(&client.call("export_result", &arguments));
    }
    assert_eq!(names_in(&folder(&home)), ["first.csv"]);
}

#[test]
fn lists_and_quotas_hold_and_the_audit_trail_names_the_file() {
    let home =
        home_with("denied_tables = ['SECRET']\nrows_per_day = 500\n", "[audit]\nstatement_text = true\n");
    let database = rusqlite::Connection::open(home.databases().join("ONE.db")).expect("the database");
    database.execute_batch("create table secret as select 'hush' as a").expect("making a table");
    drop(database);
    let mut client = client(&home);
    let text = refused(&export(&mut client, "select * from secret", "secret.csv"));
    assert!(text.contains("denied_tables"), "{text}");
    assert_eq!(names_in(&folder(&home)), [""; 0]);
    let done = exported(&export(&mut client, &rows_query(600), "a.csv"));
    let text = refused(&client.query("select 1"));
    assert!(text.contains("600 of 500 rows"), "{text}");
    client.leave();
    home.stop();
    let found = records(&home, &["--tool", "export_result", "--outcome", "allowed"]);
    assert_eq!(found.len(), 1, "{found:?}");
    let (record, export) = (&found[0], &found[0]["export"]);
    assert_eq!(
        (&export["file"], &export["sha256"], &export["bytes"]),
        (&done["path"], &done["sha256"], &done["bytes"])
    );
    assert_eq!((&record["rows"], &record["class"]), (&json!(600), &json!("read")));
}

/// The handle that a result names.
#[track_caller]
fn handle_of(answer: &Value) -> String {
    let handle = answer["result"]["_meta"]["snowgate/result"]["handle"].as_str();
    handle.unwrap_or_else(|| panic!("no handle: {answer}")).to_owned()
}

#[test]
fn a_handle_is_exported_whole_without_running_its_query_again_and_by_its_session_alone() {
    let home = home_with("", "");
    let mut client = client(&home);
    let handle = handle_of(&client.query(&rows_query(5_000)));
    let by_handle = |name: &str| json!({"handle": handle, "name": name});
    holds(&exported(&client.call("export_result", &by_handle("a.csv"))), "csv", 5_000);
    let mut other = self::client(&home);
    let text = refused(&other.call("export_result", &by_handle("b.csv")));
    assert!(text.contains("no result"), "{text}");
    home.kill_gateway();
    holds(&exported(&client.call("export_result", &by_handle("c.jsonl"))), "jsonl", 5_000);
    for handle in ["", "../x", "none"] {
        refused(&client.call("export_result", &json!({"handle": handle, "name": "d.csv"})));
    }
    assert_eq!(names_in(&folder(&home)), ["a.csv", "c.jsonl"]);
}
