//! A link where a database is looked for.

use super::*;

const NONSENSE: [(&str, &[u8], &str); 4] = [
    ("a_notes.db", b"Dear diary, this is no database.", "no SQLite file, but a text file"),
    ("a_page.sqlite", b"<!DOCTYPE html><html></html>", "no SQLite file, but an HTML page"),
    ("a_secret.db3", &[0x93, 0xfe, 0x01, 0x00, 0xd7, 0x88, 0x13, 0x9a], "encrypted or no SQLite file"),
    ("a_short.gpkg", b"SQLite format 3\0", "cut off after 16 bytes"),
];

#[test]
fn files_that_are_no_databases_harm_only_themselves() {
    let home = empty();
    for (name, content, _) in NONSENSE {
        fs::write(home.databases().join(name), content).expect("writing");
    }
    fs::create_dir(home.databases().join("a_folder.db")).expect("making a folder");
    std::os::unix::fs::symlink("/nowhere/at/all", home.databases().join("a_link.db")).expect("linking");
    make(&home.databases().join("b.db"), "CREATE TABLE t AS SELECT 7 AS x");
    let mut client = opened(&home);
    assert_eq!(context(&mut client), "b");
    assert_eq!(worked(&client.query("select x from t")), "x\n7\n(1 row)");
    let listed = client.call("list_databases", &json!({}));
    let (listed, status) = (worked(&listed).to_owned(), home.status().expect("a gateway"));
    let problems = status["backend_problem"].as_str().expect("problems").to_owned();
    for (file, _, why) in NONSENSE {
        let name = file.split('.').next().expect("a name");
        assert!(listed.contains(&format!("{name}|unreadable|")) && listed.contains(why), "{why}: {listed}");
        assert!(problems.contains(file) && problems.contains(why), "{why}: {problems}");
        let answer = client.call("execute_query", &json!({"query": "select 1", "database": name}));
        let text = failed(&answer);
        assert!(text.contains(why) && text.contains(file) && text.contains("Next step: "), "{text}");
        assert!(failed(&client.call("list_tables", &json!({"database": name}))).contains(why));
        assert_eq!(worked(&client.query("select x from b.t")), "x\n7\n(1 row)");
    }
    assert!(listed.contains("a_folder.db|left out|") && listed.contains("it is a folder"), "{listed}");
    assert!(listed.contains("a_link.db|left out|") && listed.contains("does not exist"), "{listed}");
    let tables = client.call("list_tables", &json!({"database": "b"}));
    assert!(worked(&tables).contains("b|main|t|"), "{tables}");
    let text = home.run(&["status"]);
    assert!(text.stdout.contains("no SQLite file, but an HTML page"), "{}", text.stdout);
    assert!(text.stdout.contains("a_link.db: "), "what is left out, too: {}", text.stdout);
}
