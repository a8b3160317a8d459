//! Metrics and alerts, as Prometheus reads them. What needs `promtool` or `prometheus` is skipped where they are not installed,
//! but not where `CI` is set (Debian: `apt-get install prometheus`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use snowgate_tests::{Home, HttpGateway, free_port, until};

const REVISION: &str = "2025-11-25";

/// A file of the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Whether `program` is installed; says so where a test is skipped.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{program} is missing (Debian: apt-get install prometheus)");
    let _ = writeln!(std::io::stderr(), "skipped: {program} is missing (Debian: apt-get install prometheus)");
    false
}

fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(project("packaging/prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    child.stdin.take().expect("its stdin").write_all(input.as_bytes()).expect("writing to it");
    let output = child.wait_with_output().expect("its end");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    assert!(!arguments.contains(&"metrics") || said.trim().is_empty(), "promtool {arguments:?}: {said}");
}

/// The values of all series by the names of their families; of histograms the count.
fn families(text: &str) -> BTreeMap<String, Vec<(String, f64)>> {
    let mut families = BTreeMap::<String, Vec<(String, f64)>>::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let name = name.strip_suffix("_count").unwrap_or(name).to_owned();
        families.entry(name).or_default().push((labels.to_owned(), value.parse().expect("a number")));
    }
    families
}

/// The names in the reference.
fn known_families(home: &Home) -> BTreeSet<String> {
    let page = home.run(&["metrics", "reference"]).stdout;
    let names = page.lines().filter_map(|line| line.strip_prefix("| `snowgate_")?.split('`').next());
    names.map(|name| format!("snowgate_{name}")).collect()
}

#[test]
fn endpoint_command_and_file_have_the_same_families_and_promtool_finds_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("snowgate.prom");
    let toml = format!("[metrics]\nfile = '{}'\nfile_interval_s = 1\n", file.display());
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", &toml);
    let mut client = gateway.home.client();
    client.initialize_as("app", REVISION);
    client.query("select 1");
    let names = |text: &str| families(text).into_keys().collect::<BTreeSet<_>>();
    let answer = gateway.get("/metrics");
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    let text = answer.text();
    assert_eq!(names(&text), names(&gateway.home.run(&["metrics"]).stdout));
    until("the file has them", || {
        std::fs::read_to_string(&file).is_ok_and(|written| names(&written) == names(&text))
    });
    let open = gateway.home.run(&["metrics", "--openmetrics"]).stdout;
    assert!(open.ends_with("# EOF\n"), "{open}");
    let mut connection = gateway.connect();
    connection.send_request("HEAD", "/metrics", &[], b"");
    assert_eq!(connection.head().status, 200);
    if has("promtool") {
        promtool(&["check", "metrics"], &text);
    }
}

#[test]
fn a_file_that_cannot_be_written_is_said_and_stops_nothing() {
    let toml = "[metrics]\nfile = '/proc/none/snowgate.prom'\nfile_interval_s = 1\n";
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", toml);
    until("status says so", || {
        let status = gateway.home.status().unwrap_or_default();
        status["metrics_problem"].as_str().is_some_and(|problem| problem.contains("metrics.file"))
    });
    let mut client = gateway.home.client();
    client.initialize_as("app", REVISION);
    assert_eq!(client.query("select 1")["result"]["isError"], json!(false));
    assert!(gateway.home.run(&["status"]).stdout.contains("metrics.file"));
}

#[test]
fn rules_are_clean_and_each_alert_fires_and_does_not() {
    if has("promtool") {
        promtool(&["check", "rules", "rules.yml"], "");
        promtool(&["test", "rules", "rules.test.yml"], "");
    }
}

#[test]
fn rules_and_dashboards_use_families_that_there_are() {
    let home = Home::new();
    let known = known_families(&home);
    assert!(known.len() > 60, "{known:?}");
    let mut texts = vec![std::fs::read_to_string(project("packaging/prometheus/rules.yml")).expect("rules")];
    for name in ["overview", "performance", "clients", "errors"] {
        let text = std::fs::read_to_string(project(&format!("packaging/grafana/{name}.json"))).expect(name);
        let board: Value = serde_json::from_str(&text).expect(name);
        let panels = board["panels"].as_array().expect("panels");
        assert_eq!(panels.len(), 8, "{name}");
        assert_eq!(board["templating"]["list"][0]["type"], "datasource", "{name}");
        for panel in panels {
            for target in panel["targets"].as_array().expect("targets") {
                texts.push(target["expr"].as_str().expect("an expression").to_owned());
            }
        }
    }
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    for text in &texts {
        let used = text.split(|char| !is_part(char)).filter(|word| word.starts_with("snowgate_"));
        for name in used {
            let family = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix));
            assert!(
                known.contains(name) || family.is_some_and(|name| known.contains(name)),
                "{name}: {text}"
            );
        }
    }
}

#[test]
fn a_thousand_names_of_clients_make_no_more_labels_than_the_bound() {
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", "[metrics]\nclients_max = 20\n");
    for number in 0..1_000 {
        let client = format!("client-{number}");
        let call = json!({"name": "session_info", "arguments": {}, "_client_id": client});
        assert_eq!(gateway.post("/mcp/tools/call", &[], &call).status, 200);
    }
    let families = families(&gateway.get("/metrics").text());
    for (name, series) in &families {
        let clients: BTreeSet<_> = series
            .iter()
            .filter_map(|(labels, _)| labels.split("client=\"").nth(1)?.split('"').next())
            .collect();
        assert!(clients.len() <= 21, "{name}: {clients:?}");
    }
    let named = &families["snowgate_requests_total"];
    assert!(named.iter().any(|(labels, _)| labels.contains("client=\"other\"")), "{named:?}");
}

/// A webhook that takes what it gets.
fn receive() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let received = Arc::new(Mutex::new(Vec::new()));
    let bodies = Arc::clone(&received);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            bodies.lock().unwrap_or_else(PoisonError::into_inner).extend(take(stream));
        }
    });
    (port, received)
}

/// One request, answered with 204.
fn take(mut stream: TcpStream) -> Option<String> {
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut bytes).ok().filter(|read| *read > 0)?;
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.to_ascii_lowercase().split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
        if body.len() >= length {
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .ok()?;
            return Some(text);
        }
    }
}

/// A Prometheus that reads `gateway`; killed when it is dropped.
struct Prometheus {
    child: std::process::Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// With the project's rules, but for their `for`.
    fn start(gateway: &HttpGateway) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = std::fs::read_to_string(project("packaging/prometheus/rules.yml")).expect("rules");
        let short: Vec<_> = rules.lines().filter(|line| !line.trim_start().starts_with("for: ")).collect();
        std::fs::write(folder.path().join("rules.yml"), short.join("\n")).expect("writing rules");
        let config = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\nscrape_configs:\n  - \
             job_name: snowgate\n    static_configs:\n      - targets: ['{}']\n",
            gateway.address()
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("writing its configuration");
        let port = free_port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus");
        Self { child, port, _folder: folder }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
    }

    /// The alerts that fire now.
    fn firing(&self) -> BTreeSet<String> {
        let alerts = self.get("/api/v1/alerts").unwrap_or_default();
        let alerts = alerts["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.filter_map(|alert| Some(alert["labels"]["alertname"].as_str()?.to_owned())).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn alerts_fire_in_the_gateway_and_in_prometheus_and_are_posted() {
    let (port, received) = receive();
    let toml = format!(
        "[metrics]\nfile = '/proc/none/snowgate.prom'\n[alerts]\ninterval_s = 1\nfor_s = 0\nresolve_after_s = 1\nerrors = 3\n\
         webhook = 'http://127.0.0.1:{port}/hush'\n"
    );
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", &toml);
    let home = &gateway.home;
    let prometheus = has("prometheus").then(|| Prometheus::start(&gateway));
    let mut client = home.client();
    client.initialize_as("app", REVISION);
    if let Some(prometheus) = &prometheus {
        until("Prometheus has read the gateway", || {
            let up = prometheus.get("/api/v1/query?query=snowgate_build_info").unwrap_or_default();
            up["data"]["result"].as_array().is_some_and(|series| !series.is_empty())
        });
    }
    until("errors fire", || {
        (0..20).for_each(|_| drop(client.query("select * from missing")));
        firing(home).contains("errors")
    });
    assert!(home.run(&["breaker", "open", "sqlite"]).code == Some(0));
    let expected = ["breaker", "errors", "problem"].map(str::to_owned);
    until("three fire in the gateway", || expected.iter().all(|name| firing(home).contains(name)));
    if let Some(prometheus) = &prometheus {
        let names = ["SnowgateBreakerOpen", "SnowgateErrors", "SnowgateProblem"];
        until("three fire in Prometheus", || names.iter().all(|name| prometheus.firing().contains(*name)));
    }
    let posted = || received.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    until("they are posted", || {
        expected.iter().all(|name| posted().contains(&format!("\"alert\":\"{name}\",\"state\":\"firing\"")))
    });
    let fires = home.run(&["metrics"]).stdout;
    assert!(fires.contains("snowgate_alert_firing{alert=\"breaker\"} 1"), "{fires}");
    assert!(home.run(&["alerts"]).stdout.contains("docs/alerts.md#snowgatebreakeropen"));
    assert!(home.run(&["breaker", "reset", "sqlite"]).code == Some(0));
    until("it is resolved", || posted().contains("\"alert\":\"breaker\",\"state\":\"resolved\""));
    until("the log says each", || {
        let said = home.log_lines("alert");
        expected.iter().all(|name| said.iter().any(|line| line["alert"] == name.as_str()))
    });
    for shown in [
        home.log(),
        home.run(&["config", "show"]).stdout,
        home.run(&["config", "show", "--json"]).stdout,
        home.run(&["status", "--json"]).stdout,
        fires,
    ] {
        assert!(!shown.contains("hush"), "the webhook's URL is shown: {shown}");
    }
}

fn firing(home: &Home) -> BTreeSet<String> {
    let status = home.status().unwrap_or_default();
    let alerts = status["alerts"].as_array().cloned().unwrap_or_default();
    let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
    firing.filter_map(|alert| Some(alert["alert"].as_str()?.to_owned())).collect()
}
