//! Names and links that are to lead out of the folder, or to a file that is there.

use std::collections::BTreeMap;

use snowgate_tests::{eventually, until};

use super::*;

/// Names that no file may have.
const HOSTILE: [&str; 62] = [
    "",
    ".",
    "..",
    "...",
    "/",
    "\\",
    "../a.csv",
    "../../a.csv",
    "..\\a.csv",
    "a/../../b.csv",
    "exports/a.csv",
    "./a.csv",
    "/etc/cron.d/a",
    "/tmp/a.csv",
    "//server/share/a.csv",
    "\\\\server\\share\\a.csv",
    "C:\\a.csv",
    "C:a.csv",
    "\\\\?\\C:\\a.csv",
    "\\\\.\\pipe\\a",
    "file:///tmp/a.csv",
    "a/",
    "a\\",
    "a/b",
    ".bashrc",
    ".ssh",
    ".a.csv.0123456789abcdef.part",
    "~/a.csv",
    "-rf",
    "--output=a",
    " a.csv",
    "a.csv ",
    "a.csv.",
    "a.csv. .",
    "\u{a0}a.csv",
    "a.csv\u{3000}",
    "a\0.csv",
    "a.csv\0",
    "a\n.csv",
    "a\r\nb.csv",
    "a\t.csv",
    "a\u{1b}[31m.csv",
    "a\u{7f}.csv",
    "a\u{85}.csv",
    "a\u{2028}b.csv",
    "a\u{202e}vsc.exe",
    "a\u{2066}b.csv",
    "a\u{200e}b.csv",
    "a\u{200b}.csv",
    "\u{feff}a.csv",
    "CON",
    "con.csv",
    "NUL.txt",
    "nul .csv",
    "AUX",
    "PRN.csv",
    "COM1",
    "com9.csv",
    "LPT1.txt",
    "a.csv:stream",
    "a.csv::$DATA",
    "a*?.csv",
];

/// Every file below a folder with what is in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.insert(path.clone(), Vec::new());
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
    found
}

#[test]
fn no_name_leads_out_of_the_folder_and_none_of_these_makes_a_file() {
    let home = home_with("", "");
    let mut client = client(&home);
    let out = home.path().join("out");
    fs::write(out.join("a.csv"), "outside").expect("writing a file");
    exported(&export(&mut client, "select 1 as a", "first.csv"));
    let before = contents(&out);
    assert_eq!(before.len(), 3);
    for name in HOSTILE {
        refused(&export(&mut client, "select 2 as b", name));
        assert_eq!(contents(&out), before, "{name:?}");
    }
    for name in ["x".repeat(201), "é".repeat(101), format!("{}.csv", "x".repeat(250)), "../".repeat(60)] {
        refused(&export(&mut client, "select 2 as b", &name));
        assert_eq!(contents(&out), before, "{name:?}");
    }
    for name in
        ["Umsätze 2026.csv", "a..b", "x'; drop table t;--", "$(touch a)", "%2e%2e%2fa.csv", &"x".repeat(200)]
    {
        let done = exported(&export(&mut client, "select 2 as b", name));
        assert_eq!(done["path"], folder(&home).join(name).display().to_string());
    }
    assert_eq!(names_in(&out), ["a.csv", "exports"]);
    assert_eq!(names_in(&folder(&home)).len(), 7);
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let home = home_with("", "");
    let mut client = client(&home);
    exported(&export(&mut client, "select 1 as a", "a.csv"));
    let text = refused(&export(&mut client, "select 2 as b", "a.csv"));
    assert!(text.contains("nothing is replaced") && text.contains("another name"), "{text}");
    fs::create_dir(folder(&home).join("taken")).expect("making a folder");
    refused(&export(&mut client, "select 2 as b", "taken"));
    assert_eq!(fs::read_to_string(folder(&home).join("a.csv")).expect("the file"), "a\r\n1\r\n");
    assert_eq!(names_in(&folder(&home)), ["a.csv", "taken"]);
}

#[test]
fn a_file_that_appears_meanwhile_stays_as_it_is() {
    let home = home_with("", "");
    let mut client = client(&home);
    let (folder, name) = (folder(&home), "a.csv");
    let id = client.send_call("export_result", &json!({"query": rows_query(150_000), "name": name}));
    until("the export has begun", || !names_in(&folder).is_empty());
    fs::write(folder.join(name), "mine").expect("writing a file");
    let text = refused(&client.answer(&id));
    assert!(text.contains("nothing is replaced"), "{text}");
    assert_eq!(fs::read_to_string(folder.join(name)).expect("the file"), "mine");
    assert_eq!(names_in(&folder), [name]);
}

#[test]
fn of_two_exports_below_one_name_one_is_there_whole() {
    let home = home_with("", "");
    let mut clients = [client(&home), client(&home)];
    let counts = [20_000, 30_000];
    let ids: Vec<Value> = clients
        .iter_mut()
        .zip(counts)
        .map(|(client, count)| {
            client.send_call("export_result", &json!({"query": rows_query(count), "name": "a.csv"}))
        })
        .collect();
    let mut done = Vec::new();
    for ((client, id), count) in clients.iter_mut().zip(&ids).zip(counts) {
        let answer = client.answer(id);
        if answer["result"]["isError"] == false {
            holds(&exported(&answer), "csv", count);
            done.push(count);
        }
    }
    assert_eq!(done.len(), 1, "{done:?}");
    let names = eventually("nothing else is left", || {
        Some(names_in(&folder(&home))).filter(|names| names.len() == 1)
    });
    assert_eq!(names, ["a.csv"]);
}
