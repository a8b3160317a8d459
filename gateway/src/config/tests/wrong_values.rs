//! Wrong values: the error has the line, and says what to write instead.

use super::*;

/// The one error of a file.
fn error(text: &str) -> String {
    let errors = Home::with_file(text).errors();
    assert_eq!(errors.len(), 1, "{text:?}: {errors:#?}");
    errors[0].clone()
}

#[test]
fn a_lane_that_leaves_no_connection_for_statements_is_refused() {
    let home = Home::with_file("[pool]\nconnections_max = 2\n[allocator]\nlane_slots = 2\n");
    let error = &home.errors()[0];
    assert!(error.contains("expected fewer than pool.connections_max = 2, got 2"), "{error}");
    assert!(Home::with_file("[pool]\nconnections_max = 2\n[allocator]\nlane_slots = 1\n").load().is_ok());
}

#[test]
fn a_number_in_other_words_is_corrected() {
    for (written, corrected) in [
        ("\"5m\"", "300000"),
        ("\"5000\"", "5000"),
        ("1e4", "10000"),
        ("2.5", "3"),
        ("-5", "1"),
        ("99999999999", "3600000"),
        ("99999999999999999999999999999999999999999999", "3600000"),
        ("'30 seconds'", "30000"),
    ] {
        let error = error(&format!("[pool]\n\twait_timeout_ms = {written}\r\n"));
        assert!(
            error.starts_with("config.toml:2:20: pool.wait_timeout_ms: expected a whole number"),
            "{error}"
        );
        if !written.starts_with("999999999999999") {
            let expected = format!("\n  hint: write `wait_timeout_ms = {corrected}`");
            assert!(error.ends_with(&expected), "{written}: {error}");
        }
    }
    let errors = Home::empty().with_variable("SNOWGATE_POOL_WAIT_TIMEOUT_MS", "5m").errors();
    assert!(errors[0].ends_with("hint: write SNOWGATE_POOL_WAIT_TIMEOUT_MS=300000"), "{errors:?}");
}

#[test]
fn durations_are_corrected_for_every_key_with_a_unit() {
    for key in KEYS.iter().filter(|key| key.name.ends_with("_ms") || key.name.ends_with("_minutes")) {
        let minute = if key.name.ends_with("_ms") { 60_000 } else { 1 };
        let kind::Kind::Integer { min, max } = key.kind else { panic!("{}", key.path) };
        let text = format!("[backend]\nkind = 'sqlite'\n[{}]\n{} = \"1m\"\n", key.section, key.name);
        let expected = format!("write `{} = {}`", key.name, u64::clamp(minute, min, max));
        assert!(error(&text).ends_with(&expected), "{}", error(&text));
    }
}

#[test]
fn a_truth_value_in_other_words_is_corrected() {
    for (written, corrected) in [("\"true\"", "true"), ("'no'", "false"), ("1", "true"), ("0", "false")] {
        let error = error(&format!("[sqlite]\nread_only = {written}\n"));
        assert!(
            error.starts_with("config.toml:2:13: sqlite.read_only: expected true or false, got "),
            "{error}"
        );
        assert!(error.ends_with(&format!("write `read_only = {corrected}`")), "{error}");
    }
}

#[test]
fn a_line_that_is_no_toml_is_corrected() {
    for (line, corrected) in [
        ("folder = “/srv/dbs”", "folder = \"/srv/dbs\""),
        ("folder = ‘/srv/dbs’", "folder = \"/srv/dbs\""),
        ("folder = \"C:\\Users\\ada\"", "folder = 'C:\\Users\\ada'"),
        ("read_only = True", "read_only = true"),
        ("read_only: false", "read_only = false"),
        ("busy_timeout_ms = 5m", "busy_timeout_ms = 300000"),
        ("busy_timeout_ms\u{a0}= 5", "busy_timeout_ms = 5"),
    ] {
        let errors = Home::with_file(&format!("[sqlite]\n{line}\n")).errors();
        assert!(errors[0].starts_with("config.toml:2:"), "{errors:?}");
        assert!(errors[0].ends_with(&format!("write `{corrected}`")), "{line}: {errors:#?}");
    }
}

#[test]
fn a_windows_path_whose_backslashes_are_escapes_is_corrected() {
    let error = error("[sqlite]\nfolder = \"C:\\temp\\new\"\n");
    assert!(error.contains("the path contains a control character"), "{error}");
    assert!(error.ends_with("write `folder = 'C:\\temp\\new'`"), "{error}");
}

#[test]
fn a_key_that_is_there_twice_is_reported_with_the_first() {
    let once = error("[pool]\nconnections_max = 3\nconnections_max = 4\n");
    assert!(once.starts_with("config.toml:3:1: invalid TOML: duplicate key"), "{once}");
    assert!(once.ends_with("it is in line 2 already; remove one of them"), "{once}");
    let table = error("[pool]\nconnections_max = 3\n[limits]\n[pool]\nconnections_min = 1\n");
    assert!(table.ends_with("it is in line 1 already; remove one of them"), "{table}");
}

#[test]
fn names_in_another_case_or_with_dashes_are_corrected() {
    let text = "[sqlite]\nRead_Only = true\n[pool]\nwait-timeout-ms = 5\n[Limits]\nrows_max = 1\n";
    let errors = Home::with_file(text).errors();
    let expected = ["did you mean `read_only`?", "did you mean `wait_timeout_ms`?", "did you mean [limits]?"];
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.ends_with(expected), "{errors:#?}");
    }
    assert!(error("[backend]\nkind = 'SQLite'\n").ends_with("write `kind = \"sqlite\"`"));
}

#[test]
fn marks_and_line_ends_of_other_systems_are_accepted_or_named() {
    let home = Home::with_file("\u{feff}[pool]\r\n\tconnections_max\t=\t3\r\n");
    assert_eq!(home.load().unwrap().pool.connections_max, 3);
    assert!(Home::with_file("[pool]\rconnections_max = 3\r").errors()[0].contains("lines end with CR only"));
}

#[test]
fn an_address_in_place_of_an_account_or_a_host_is_corrected() {
    let text = |line: &str| format!("[snowflake]\nuser = 'u'\nauthenticator = 'externalbrowser'\n{line}\n");
    let account = error(&text("account = 'https://xy.snowflakecomputing.com'"));
    assert_eq!(
        account,
        "config.toml:4:11: snowflake.account: expected an account identifier, got the address \
         \"https://xy.snowflakecomputing.com\"\n  hint: write `account = \"xy\"`"
    );
    let host = error(&text("account = 'xy'\nhost = 'https://h.example.com:8443/'"));
    assert!(host.starts_with("config.toml:5:8: snowflake.host: expected a host"), "{host}");
    assert!(host.ends_with("write `host = \"h.example.com\"`, and `port = 8443`"), "{host}");
    let errors = Home::empty()
        .with_variable("SNOWFLAKE_ACCOUNT", "https://xy.snowflakecomputing.com/")
        .with_variable("SNOWFLAKE_USER", "u")
        .with_variable("SNOWFLAKE_PASSWORD", "p")
        .errors();
    assert!(
        errors[0].starts_with("SNOWFLAKE_ACCOUNT: ") && errors[0].ends_with("write SNOWFLAKE_ACCOUNT=xy")
    );
    for (account, likely) in [("org.acct", "org-acct"), ("xy12345_eu_central_1", "xy12345.eu-central-1")] {
        let warnings = Home::with_file(&text(&format!("account = '{account}'"))).warnings();
        assert!(warnings[0].ends_with(&format!("did you mean \"{likely}\"?")), "{warnings:?}");
    }
}

#[test]
fn no_secret_is_repeated_in_a_correction() {
    for line in [
        "password = “hidden”",
        "token = hidden",
        "proxy = “http://u:hidden@p:1”",
        "account = 'https://u:hidden@h/'",
    ] {
        let errors = Home::with_file(&format!("[snowflake]\n{line}\n")).errors().join("\n");
        assert!(!errors.contains("hidden"), "{errors}");
    }
}
