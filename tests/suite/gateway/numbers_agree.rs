//! One set of numbers: what clients count themselves is what `status`, the access log, the audit trail, `/metrics` and the
//! page say. `SNOWGATE_TEST_CALLS=10000` makes it that many calls.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, HttpGateway, until};

/// Calls of all clients, unless the variable says another number.
const CALLS: usize = 600;
const CALLS_VARIABLE: &str = "SNOWGATE_TEST_CALLS";

const CLIENTS: usize = 6;

const REVISION: &str = "2025-11-25";

/// The metrics that the audit trail and the access log have words of their own for.
const AUDIT_WORDS: [(&str, &str); 2] = [("ok", "allowed"), ("refused", "denied")];

/// What became of calls, by client, tool and outcome; and their rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    calls: BTreeMap<(String, String, String), u64>,
    rows: u64,
    changed: u64,
}

impl Tally {
    fn add(&mut self, client: &str, tool: &str, outcome: &str, rows: u64, changed: u64) {
        *self.calls.entry((client.to_owned(), tool.to_owned(), outcome.to_owned())).or_default() += 1;
        self.rows += rows;
        self.changed += changed;
    }

    fn plus(mut self, other: Self) -> Self {
        for (key, count) in other.calls {
            *self.calls.entry(key).or_default() += count;
        }
        self.rows += other.rows;
        self.changed += other.changed;
        self
    }

    fn of_outcome(&self, outcome: &str) -> u64 {
        self.calls.iter().filter(|((_, _, of), _)| of == outcome).map(|(_, count)| count).sum()
    }

    fn total(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// Call `number` of a client, and what must become of it.
fn ask(client: &mut Client, name: &str, number: usize, tally: &mut Tally) {
    let (tool, arguments, outcome, rows, changed) = match number % 9 {
        0 => ("execute_query", json!({"query": "values (1), (2), (3)"}), "ok", 3, 0),
        1 => ("execute_query", json!({"query": "insert into t values (1), (2)"}), "ok", 0, 2),
        2 => ("execute_query", json!({"query": "select * from missing"}), "failed", 0, 0),
        3 => ("execute_query", json!({"query": "attach 'hush' as hush"}), "refused", 0, 0),
        4 => ("execute_query", json!({"hush": 1}), "refused", 0, 0),
        5 => ("list_databases", json!({}), "ok", 2, 0),
        6 => ("session_info", json!({}), "ok", 0, 0),
        7 => ("execute_query", json!({"query": ENDLESS}), "cancelled", 0, 0),
        _ => ("describe_table", json!({"table": "t"}), "ok", 1, 0),
    };
    if outcome == "cancelled" {
        let id = client.send_call(tool, &arguments);
        client.notify("notifications/cancelled", &json!({ "requestId": id }));
    } else {
        let answer = client.call(tool, &arguments);
        assert_eq!(answer["result"]["isError"] == json!(true), outcome != "ok", "{number}: {answer}");
    }
    tally.add(name, tool, outcome, rows, changed);
}

const ENDLESS: &str = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";

fn run_clients(home: &Home, calls: usize) -> Tally {
    std::thread::scope(|scope| {
        let drive = |which: usize| {
            move || {
                let name = format!("app-{which}");
                let (mut client, mut tally) = (home.client(), Tally::default());
                client.initialize_as(&name, REVISION);
                for number in 0..calls / CLIENTS {
                    ask(&mut client, &name, number + which, &mut tally);
                }
                // Behind what was cancelled: a barrier.
                client.query("select 1");
                tally.add(&name, "execute_query", "ok", 1, 0);
                tally
            }
        };
        let drivers: Vec<_> = (0..CLIENTS).map(|which| scope.spawn(drive(which))).collect();
        drivers.into_iter().map(|driver| driver.join().expect("a client")).fold(Tally::default(), Tally::plus)
    })
}

/// Of a call that was cancelled before it was read, the tool is not known: all that are cancelled here are of one.
fn tool_or_unstarted(tool: &str) -> &str {
    if tool.is_empty() { "execute_query" } else { tool }
}

/// The tally of lines of JSON that say `client`, `tool`, `outcome`, `rows` and `changed`.
fn tally_of(lines: &[Value]) -> Tally {
    let mut tally = Tally::default();
    for line in lines.iter().filter(|line| line["method"] == "tools/call" || line["event"] == "call") {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        let outcome = AUDIT_WORDS
            .iter()
            .find(|(_, word)| *word == text("outcome"))
            .map_or(text("outcome"), |(of, _)| of);
        let number = |name: &str| line[name].as_u64().unwrap_or(0);
        tally.add(
            text("client"),
            tool_or_unstarted(text("tool")),
            outcome,
            number("rows"),
            number("changed"),
        );
    }
    tally
}

/// The samples of the family `name`: their labels, and their values.
fn samples(metrics: &str, name: &str) -> Vec<(BTreeMap<String, String>, f64)> {
    let sample = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let labels = labels.split("\",").filter_map(|label| {
            let (name, value) = label.split_once("=\"")?;
            Some((name.to_owned(), value.trim_end_matches('"').to_owned()))
        });
        Some((labels.collect(), value.trim().parse().ok()?))
    };
    metrics.lines().filter_map(sample).collect()
}

#[test]
fn clients_status_logs_audit_metrics_and_page_agree() {
    let calls = std::env::var(CALLS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(CALLS);
    let toml = "read_only = false\n";
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", toml);
    let home = &gateway.home;
    let mut first = home.client();
    first.initialize_as("app-0", REVISION);
    first.query("create table t (x)");
    let mut counted = run_clients(home, calls);
    counted.add("app-0", "execute_query", "ok", 0, 0);

    let totals = || home.status().map(|status| status["totals"].clone()).unwrap_or_default();
    until("all calls have ended", || totals()["calls"] == json!(counted.total()));
    let status = totals();
    for outcome in ["failed", "refused", "cancelled"] {
        assert_eq!(status[outcome], json!(counted.of_outcome(outcome)), "{outcome}: {status}");
    }
    // Beside calls there is one `initialize` of each client.
    assert_eq!(status["ok"], json!(counted.of_outcome("ok") + CLIENTS as u64 + 1), "{status}");
    assert_eq!(
        (&status["rows"], &status["changed"]),
        (&json!(counted.rows), &json!(counted.changed)),
        "{status}"
    );

    until("the access log has all", || tally_of(&home.log_lines("request")) == counted);
    let audited = || {
        let output = home.run(&["audit", "search", "--json", "--limit", "1000000"]);
        let lines = output.stdout.lines().filter_map(|line| serde_json::from_str(line).ok());
        tally_of(&lines.collect::<Vec<Value>>())
    };
    until("the audit trail has all", || audited() == counted);

    let metrics = gateway.get("/metrics").text();
    let mut measured = BTreeMap::new();
    for (labels, value) in samples(&metrics, "snowgate_requests_total") {
        let of = |name: &str| labels.get(name).cloned().unwrap_or_default();
        if of("method") == "tools/call" {
            *measured
                .entry((of("client"), tool_or_unstarted(&of("tool")).to_owned(), of("outcome")))
                .or_insert(0.0) += value;
        }
    }
    let expected: BTreeMap<_, f64> = counted
        .calls
        .iter()
        .map(|(key, count)| (key.clone(), f64::from(u32::try_from(*count).expect("few"))))
        .collect();
    assert_eq!(measured, expected);
    assert_eq!(gateway.get("/ui/overview").json()["status"]["totals"]["calls"], json!(counted.total()));
}
