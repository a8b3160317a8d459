//! Results: cut where they are too long, and never without a word.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, error_text, resident_kb, tool_text, until};

/// What the gateway sends in one message, at most: TypeScript clients close the connection at 10 MiB.
const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

const THOUSAND: &str =
    "with recursive n(i) as (select 1 union all select i + 1 from n limit 1000) select i from n";

/// A result without the summary of its columns.
fn table(text: &str) -> &str {
    text.split("\nsummary of ").next().unwrap_or_default()
}

#[test]
fn a_cut_result_says_how_much_is_missing_and_how_to_get_it() {
    let home = Home::new();
    home.configure("[limits]\nrows_max = 500\n");
    let mut client = ready(&home);
    let rows = |text: &str| text.lines().count() - 3;
    let answer = client.query(THOUSAND);
    let handle = answer["result"]["_meta"]["snowgate/result"]["handle"].as_str().expect("a handle");
    let text = table(tool_text(&answer));
    assert_eq!(rows(text), 100, "the default limit");
    let footer = format!("(100 of 1000 rows; more: get_result {{\"handle\":\"{handle}\",\"offset\":100}})");
    assert_eq!(text.lines().last(), Some(&*footer));
    assert_eq!(
        text.lines().take(2).collect::<Vec<_>>(),
        [&*footer, "i"],
        "clients cut the end off what is long"
    );
    assert_eq!(answer["result"].get("structuredContent"), None, "no row is sent twice");

    let answer = client.call("execute_query", &json!({"query": THOUSAND, "limit": 500}));
    assert_eq!(rows(table(tool_text(&answer))), 500);
    let answer = client.call("execute_query", &json!({"query": THOUSAND, "limit": 501}));
    let message = tool_text(&answer);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(message.contains("501") && message.contains("500") && message.contains("rows_max"), "{message}");
    let small = client.call("execute_query", &json!({"query": "values (1), (2)", "limit": 2}));
    assert_eq!(tool_text(&small).lines().last(), Some("(2 rows)"));
}

#[test]
fn a_result_over_the_size_limit_is_cut_and_says_so() {
    let home = Home::new();
    home.configure("[limits]\nbytes_max = 2048\n");
    let mut client = ready(&home);
    let sql = "with recursive n(i) as (select 1 union all select i + 1 from n limit 9) \
               select hex(zeroblob(256)) as zeros from n";
    let answer = client.query(sql);
    let text = tool_text(&answer);
    assert!(text.len() < 4096, "{} bytes", text.len());
    assert!(text.contains("of 9 rows; the size limit was reached; more: get_result"), "{text}");
}

#[test]
fn escapes_and_column_names_count_against_the_size_limit() {
    const BYTES_MAX: usize = 64 * 1024;
    let home = Home::new();
    let mut client = ready(&home);
    let columns = |count: usize, value: &str| {
        let columns: Vec<String> =
            (0..count).map(|at| format!("{value} as a_name_of_some_thirty_letters_{at:04}")).collect();
        format!("select {}", columns.join(", "))
    };
    let texts = "select replace(printf('%.*c', 40000, 'z'), 'z', char(10)) as x";
    for (sql, is_cut) in [
        (texts.replace("char(10)", "'|'"), true),
        (texts.to_owned(), true),
        (texts.replace("char(10)", "'\\'"), true),
        (texts.replace("char(10)", "'y'"), false),
        (texts.replace("as x", ""), true),
        (THOUSAND.replace("i from", "replace(hex(zeroblob(50)), '0', '|') from"), true),
        (columns(2000, "'a text of forty letters, which is so long'"), true),
        (columns(2000, "1"), true),
        (columns(1000, "x'00112233445566778899aabbccddeeff00112233445566778899'"), true),
        (format!("select 1 as \"{}\"", "n".repeat(100_000)), false),
    ] {
        let answer = client.call("execute_query", &json!({"query": sql, "limit": 1000}));
        let (text, sql) = (tool_text(&answer), &sql[..50]);
        let (text, summary) = text.split_once("\nsummary of").unwrap_or((text, ""));
        assert!(summary.len() < 2_500, "{} bytes: {sql}", summary.len());
        let notes: usize = text.lines().filter(|line| line.starts_with('(')).map(|line| line.len() + 1).sum();
        assert!(text.len() <= BYTES_MAX + notes && notes < 1000, "{} bytes: {sql}", text.len());
        assert_eq!(text.starts_with('('), is_cut, "what is missing is said first: {sql}");
    }
    let answer = client.query(&columns(2000, "1"));
    assert!(tool_text(&answer).contains(" columns of 2000 left out to fit the size limit"));
    assert_eq!(tool_text(&client.query(&columns(500, "1"))).lines().last(), Some("(1 row)"));
}

#[test]
fn by_default_a_result_is_as_large_as_clients_pass_on() {
    let home = Home::new();
    let mut client = ready(&home);
    let sql =
        format!("{THOUSAND}, (select hex(zeroblob(500)) as zeros)").replace("select i from", "select * from");
    let answer = client.call("execute_query", &json!({"query": sql, "limit": 1000}));
    let text = tool_text(&answer);
    assert!((60_000..70_000).contains(&text.len()), "{} bytes", text.len());
    let shown = table(text);
    let (first, last) = (shown.lines().next(), shown.lines().last());
    assert!(
        first == last
            && first.is_some_and(|note| note.contains(" of 1000 rows; the size limit was reached; more: ")),
        "{first:?}"
    );
    let one = client.query("select hex(zeroblob(500000)) as zeros");
    let text = tool_text(&one);
    assert!(text.len() < 70_000 && text.contains("0... (1000000 bytes)"), "{} bytes", text.len());
    assert!(
        text.starts_with("(1 row; 1 value was shortened") && text.ends_with("select parts with substr())")
    );
}

#[test]
fn no_two_values_look_the_same() {
    let home = Home::new();
    let mut client = ready(&home);
    let sql = "values (null, 'NULL', '\"NULL\"', '', cast(x'61ff' as text))";
    let answer = client.query(sql);
    let lines: Vec<&str> = tool_text(&answer).lines().collect();
    assert_eq!(lines[1], "NULL|\"NULL\"|\"\"NULL\"\"||a\u{FFFD}");
    assert!(lines[2].starts_with("(1 row; 1 value has bytes that are not UTF-8"), "{}", lines[2]);
}

/// The most bytes of cell text that the config allows.
const BYTES_MAX: &str = "[limits]\nbytes_max = 7340032\n";

#[test]
fn the_largest_result_passes() {
    let home = Home::new();
    home.configure(BYTES_MAX);
    let mut client = ready(&home);
    let answer = client.query("select hex(zeroblob(3600000)) as zeros");
    assert_eq!(tool_text(&answer).len(), "zeros\n".len() + 7_200_000 + "\n(1 row)".len());
    assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
}

#[test]
fn a_result_that_json_makes_too_long_is_refused_and_the_session_goes_on() {
    let home = Home::new();
    home.configure(BYTES_MAX);
    let mut client = ready(&home);
    // Each of these bytes becomes six in JSON.
    let answer = client.query("select replace(hex(zeroblob(750000)), '0', char(1)) as ones");
    let message = error_text(&answer, -32603);
    assert!(
        message.contains(&MESSAGE_BYTES_MAX.to_string()) && message.contains("ask for fewer"),
        "{message}"
    );
    assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
}

#[test]
fn many_large_results_at_once_all_come() {
    let home = Home::new();
    home.configure(BYTES_MAX);
    let mut client = home.launch().deaf().start();
    let query = |at: u32| json!({"query": format!("select {at} as at, hex(zeroblob(1500000)) as zeros")});
    let ids: Vec<Value> = (0..6).map(|at| client.send_call("execute_query", &query(at))).collect();
    client.listen();
    for (at, id) in ids.iter().enumerate() {
        let answer = client.answer(id);
        let text = tool_text(&answer);
        assert!(
            text.starts_with(&format!("at|zeros\n{at}|000")) && text.len() > 3_000_000,
            "{} bytes",
            text.len()
        );
    }
}

/// The most memory that the gateway may have had.
const PEAK_KB_MAX: u64 = 200 * 1024;

#[test]
fn clients_that_do_not_read_wait_for_themselves_and_get_everything_in_the_end() {
    const CLIENTS: usize = 5;
    const REQUESTS: usize = 12;
    let home = Home::new();
    home.configure(BYTES_MAX);
    let mut witness = ready(&home);
    let sql = json!({"query": "select hex(zeroblob(1500000)) as zeros"});
    let mut deaf: Vec<Client> = (0..CLIENTS).map(|_| home.launch().deaf().start()).collect();
    let ids: Vec<Vec<Value>> = deaf
        .iter_mut()
        .map(|client| (0..REQUESTS).map(|_| client.send_call("execute_query", &sql)).collect())
        .collect();
    until("the deaf clients' requests are waiting", || {
        let running = |session: &Value| session["running"].as_u64().unwrap_or(0);
        home.sessions().iter().filter(|session| running(session) > 0).count() == CLIENTS
    });
    for _ in 0..20 {
        let answer = witness.query("select hex(zeroblob(100000)) as zeros");
        assert_eq!(tool_text(&answer).len(), "zeros\n".len() + 200_000 + "\n(1 row)".len());
    }
    for (client, ids) in deaf.iter_mut().zip(&ids) {
        client.listen();
        for id in ids {
            assert_eq!(tool_text(&client.answer(id)).len(), "zeros\n".len() + 3_000_000 + "\n(1 row)".len());
        }
    }
    let peak = resident_kb(home.gateway_pid());
    println!("peak: {peak} kB");
    assert!(peak < PEAK_KB_MAX, "{peak} kB");
}
