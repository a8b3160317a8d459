//! The page: who is let in and how, what browsers may do with it, and its stream. What a browser makes of it is in the suite
//! `clients`.

use serde_json::{Value, json};
use snowgate_tests::{Home, HttpConnection, HttpGateway, HttpResponse, until};

use super::keys::create;

const HEADER: (&str, &str) = ("X-Snowgate-Page", "1");

const ROLES: &str = "[roles.operator]\npermissions = ['execute_queries', 'admin_operations', 'health_check']\n\
    [roles.plain]\npermissions = ['execute_queries', 'health_check']\n\
    [roles.blind]\npermissions = ['execute_queries']\n";

fn with_keys() -> HttpGateway {
    HttpGateway::with(Home::new(), "", ROLES)
}

fn key(home: &Home, name: &str, role: &str) -> String {
    create(home, &["--name", name, "--role", role])
}

/// The ticket of a link that `snowgate open` prints.
fn ticket(gateway: &HttpGateway) -> String {
    let printed = gateway.home.run(&["open", "--print"]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    let (address, ticket) = printed.stdout.trim().split_once("/#ticket=").expect("a ticket in the fragment");
    assert_eq!(address, gateway.url(""));
    assert_eq!(ticket.len(), 43);
    ticket.to_owned()
}

/// A POST as the page sends it.
fn post(gateway: &HttpGateway, path: &str, cookie: Option<&str>, body: &Value) -> HttpResponse {
    let origin = gateway.url("");
    let mut headers = vec![HEADER, ("Origin", origin.as_str())];
    headers.extend(cookie.map(|cookie| ("Cookie", cookie)));
    gateway.post(path, &headers, body)
}

fn get(gateway: &HttpGateway, path: &str, cookie: &str) -> HttpResponse {
    gateway.connect().request("GET", path, &[("Cookie", cookie)], b"")
}

/// Logs in; returns the cookie.
#[track_caller]
fn log_in(gateway: &HttpGateway, credential: &Value) -> String {
    let answer = post(gateway, "/ui/login", None, credential);
    assert_eq!(answer.status, 204, "{answer:?}");
    let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    cookie.split(';').next().expect("its name and value").to_owned()
}

#[test]
fn the_page_is_open_and_lets_a_browser_use_nothing_but_itself() {
    let gateway = with_keys();
    let page = gateway.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), Some(value), "{page:?}");
    }
    let policy = page.header("content-security-policy").expect("a policy");
    for part in [
        "default-src 'none'",
        "script-src 'sha256-",
        "style-src 'sha256-",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let text = page.text();
    assert!(text.len() < 100_000 && text.contains("</html>"));
    assert!(!text.contains("https://") && !text.contains("src="), "nothing is loaded from elsewhere");
}

#[test]
fn nothing_but_the_page_is_to_be_seen_without_logging_in() {
    let gateway = with_keys();
    for path in ["/ui/session", "/ui/overview", "/ui/events", "/ui/audit", "/ui/kill", "/ui/other", "/ui/"] {
        assert_eq!(gateway.get(path).error_code(), "no_key", "{path}");
        assert_eq!(get(&gateway, path, "snowgate_page=x").error_code(), "no_key", "{path}");
    }
    assert_eq!(post(&gateway, "/ui/kill", None, &json!({ "session": "x" })).error_code(), "no_key");
}

#[test]
fn a_key_is_exchanged_for_a_cookie_that_may_do_what_its_role_permits() {
    let gateway = with_keys();
    let home = &gateway.home;
    let [operator, plain, blind] = ["operator", "plain", "blind"].map(|role| {
        let key = key(home, role, role);
        log_in(&gateway, &json!({ "key": key }))
    });
    assert_eq!(post(&gateway, "/ui/login", None, &json!({ "key": "sgk_wrong" })).error_code(), "bad_key");
    let session = get(&gateway, "/ui/session", &plain).json();
    assert_eq!(
        (&session["key"], &session["may_view"], &session["may_operate"]),
        (&json!("plain"), &json!(true), &json!(false))
    );
    assert_eq!(get(&gateway, "/ui/session", &operator).json()["may_operate"], json!(true));
    assert_eq!(get(&gateway, "/ui/session", &blind).json()["may_view"], json!(false));
    for path in ["/ui/overview", "/ui/events"] {
        assert_eq!(get(&gateway, path, &blind).error_code(), "permission_denied", "{path}");
    }
    for cookie in [&plain, &blind] {
        assert_eq!(get(&gateway, "/ui/audit", cookie).error_code(), "permission_denied");
    }
    assert!(get(&gateway, "/ui/audit", &operator).json()["records"].is_array());
    let mut client = home.client();
    client.initialize();
    for (cookie, is_told) in [(&plain, false), (&operator, true)] {
        let overview = get(&gateway, "/ui/overview", cookie).json();
        assert_eq!(overview["sessions"][0]["cwd"].is_string(), is_told, "{overview}");
    }
    assert_eq!(
        post(&gateway, "/ui/kill", Some(&plain), &json!({ "session": "x" })).error_code(),
        "permission_denied"
    );
    // The cookie counts for what the page asks, and for nothing else.
    for path in ["/status", "/ready", "/mcp", "/mcp/tools"] {
        assert_eq!(get(&gateway, path, &operator).status, 401, "{path}");
    }
    assert_eq!(post(&gateway, "/admin/drain", Some(&operator), &json!({})).status, 401);
    let forgotten = post(&gateway, "/ui/logout", Some(&operator), &json!({}));
    assert!(forgotten.header("set-cookie").expect("a cookie").contains("Max-Age=0"));
    assert_eq!(get(&gateway, "/ui/session", &operator).status, 401);
}

#[test]
fn a_link_of_open_is_good_once_stands_in_no_log_and_lets_calls_be_stopped() {
    let gateway = HttpGateway::new();
    let home = &gateway.home;
    // Without a link there is the page, and nothing to stop with.
    assert_eq!(gateway.get("/ui/session").json()["may_operate"], json!(false));
    let ticket = ticket(&gateway);
    let cookie = log_in(&gateway, &json!({ "ticket": ticket }));
    let again = post(&gateway, "/ui/login", None, &json!({ "ticket": ticket }));
    assert_eq!((again.status, again.error_code().as_str()), (401, "ticket_invalid"));
    assert_eq!(get(&gateway, "/ui/session", &cookie).json()["is_operator"], json!(true));

    let mut client = home.client();
    client.initialize();
    let id = client.send_endless_query();
    let call = || {
        let overview = get(&gateway, "/ui/overview", &cookie).json();
        let session = &overview["sessions"][0];
        Some((session["id"].as_str()?.to_owned(), session["calls"][0]["number"].as_u64()?))
    };
    until("the call runs", || call().is_some());
    let (session, number) = call().expect("a call");
    let body = json!({ "session": session, "request": number });
    assert_eq!(post(&gateway, "/ui/kill", None, &body).error_code(), "permission_denied");
    let killed = post(&gateway, "/ui/kill", Some(&cookie), &body);
    assert_eq!(killed.json()["requests"], json!([number]), "{killed:?}");
    assert_eq!(client.answer(&id)["result"]["isError"], json!(true));
    let recorded = || {
        let found = get(&gateway, "/ui/audit", &cookie).json();
        let records = found["records"].as_array().cloned().unwrap_or_default();
        records.into_iter().find(|record| record["event"] == "kill")
    };
    until("the audit trail has it", || recorded().is_some());
    let record = recorded().expect("a record");
    assert_eq!(
        (&record["via"], &record["target"], &record["target_request"], &record["outcome"]),
        (&json!("http"), &json!(session), &json!(number), &json!("allowed"))
    );

    let token = cookie.split_once('=').expect("a value").1;
    home.stop();
    for file in home.files() {
        let bytes = std::fs::read(&file).unwrap_or_default();
        for secret in [ticket.as_str(), token] {
            let is_in = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_in, "{}", file.display());
        }
    }
}

#[test]
fn the_audit_trail_is_searched_by_operators_as_the_command_searches_it() {
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", "read_only = false\n");
    let home = &gateway.home;
    // Without a link it is refused, also where no key is asked for.
    assert_eq!(gateway.get("/ui/audit").error_code(), "permission_denied");
    let cookie = log_in(&gateway, &json!({ "ticket": ticket(&gateway) }));
    let mut maker = home.client();
    maker.initialize_as("maker", "2025-11-25");
    maker.query("create table orders (x)");
    maker.leave();
    for (name, statements) in [("app-one", 3), ("app-two", 2)] {
        let mut client = home.client();
        client.initialize_as(name, "2025-11-25");
        (0..statements).for_each(|_| drop(client.query("select x from orders")));
        client.query("attach 'x' as y");
        client.leave();
    }
    let found = |query: &str| get(&gateway, &format!("/ui/audit?{query}"), &cookie).json();
    let calls = |query: &str| {
        let found = found(query);
        let records = found["records"].as_array().expect("records").clone();
        records.into_iter().filter(|record| record["event"] == "call").collect::<Vec<_>>()
    };
    until("all records are written", || calls("").len() == 8);
    assert_eq!(calls("client=APP-ONE&outcome=allowed&object=orders").len(), 3);
    assert_eq!(calls("client=app-two&outcome=denied").len(), 1);
    assert_eq!(calls("client=app-none&since=&until=&limit=").len(), 0);
    assert_eq!(
        (calls("since=1h").len(), calls("until=1h").len(), calls("since=2100-01-01").len()),
        (8, 0, 0)
    );
    let newest = found("client=app&outcome=allowed&limit=2");
    assert_eq!((newest["records"].as_array().map(Vec::len), &newest["has_more"]), (Some(2), &json!(true)));
    let digest = newest["records"][0]["statement"].as_str().expect("a digest").to_owned();
    assert_eq!(calls(&format!("statement={}", digest[..12].to_uppercase())).len(), 5);

    let printed = home.run(&["audit", "search", "--json", "--client", "app-one"]);
    let lines: Vec<Value> =
        printed.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(found("client=app-one")["records"], json!(lines));

    for query in ["limit=0", "limit=1001", "limit=x", "since=tomorrow", "until=1", "object=a&key=b"] {
        let refused = get(&gateway, &format!("/ui/audit?{query}"), &cookie);
        assert_eq!((refused.status, refused.error_code().as_str()), (400, "arguments_invalid"), "{query}");
    }
    let foreign = [("Cookie", cookie.as_str()), ("Sec-Fetch-Site", "cross-site")];
    let seen = gateway.connect().request("GET", "/ui/audit", &foreign, b"");
    assert_eq!(seen.error_code(), "not_the_page");
}

#[test]
fn other_pages_change_nothing_and_see_nothing() {
    let http = "auth = 'none'\nallowed_origins = ['https://app.example.com']\n";
    let gateway = HttpGateway::with(Home::new(), http, "");
    let cookie = log_in(&gateway, &json!({ "ticket": ticket(&gateway) }));
    let (own, body) = (gateway.url(""), json!({ "session": "0123456789" }));
    let kill = |headers: &[(&str, &str)]| {
        gateway.post("/ui/kill", &[&[("Cookie", cookie.as_str())], headers].concat(), &body).error_code()
    };
    assert_eq!(kill(&[HEADER, ("Origin", &own)]), "no_such_session");
    assert_eq!(kill(&[HEADER, ("Origin", &own), ("Sec-Fetch-Site", "same-origin")]), "no_such_session");
    for headers in [
        &[][..],
        &[HEADER],
        &[("Origin", own.as_str())],
        &[HEADER, ("Origin", "https://app.example.com")],
        &[HEADER, ("Origin", own.as_str()), ("Sec-Fetch-Site", "same-site")],
    ] {
        assert_eq!(kill(headers), "not_the_page", "{headers:?}");
    }
    assert_eq!(kill(&[HEADER, ("Origin", "https://evil.example")]), "origin_not_allowed");
    let log_in = gateway.post("/ui/login", &[HEADER], &json!({ "ticket": "x" }));
    assert_eq!(log_in.error_code(), "not_the_page");
    for headers in [
        [("Origin", "https://app.example.com")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
    ] {
        let seen = gateway.connect().request("GET", "/ui/overview", &headers, b"");
        assert_eq!(seen.error_code(), "not_the_page", "{headers:?}");
    }
}

/// The stream's next event.
fn event(connection: &mut HttpConnection, rest: &mut String) -> Option<Value> {
    connection.event(rest).map(|event| serde_json::from_str(&event).expect("JSON"))
}

/// The stream's next update.
fn update(connection: &mut HttpConnection, rest: &mut String) -> Option<Value> {
    std::iter::from_fn(|| event(connection, rest)).find(|event| event.get("at_ms").is_some())
}

fn watch(gateway: &HttpGateway, cookie: &str) -> (HttpConnection, String) {
    let mut connection = gateway.connect();
    connection.send_request("GET", "/ui/events", &[("Cookie", cookie)], b"");
    let head = connection.head();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    (connection, String::new())
}

#[test]
fn the_stream_has_all_at_first_then_what_changes_and_ends_with_the_gateway() {
    let gateway = HttpGateway::new();
    let (mut connection, mut rest) = watch(&gateway, "a=b");
    let who = event(&mut connection, &mut rest).expect("who the page is");
    assert_eq!((&who["is_operator"], &who["may_view"]), (&json!(false), &json!(true)), "{who}");
    let first = update(&mut connection, &mut rest).expect("all of it");
    assert_eq!((&first["whole"], &first["set"]["sessions"]), (&json!(true), &json!(0)), "{first}");
    let mut client = gateway.home.client();
    client.initialize_as("watched", "2025-11-25");
    client.query("select 1");
    let mut sessions = serde_json::Map::new();
    until("the stream shows the client's call", || {
        let update = update(&mut connection, &mut rest).expect("an update");
        assert!(update["whole"].is_null(), "{update}");
        for (id, row) in update["rows"]["sessions"].as_object().into_iter().flatten() {
            let known = sessions.entry(id.clone()).or_insert_with(|| json!({}));
            for (field, value) in row.as_object().expect("fields") {
                known[field] = value.clone();
            }
        }
        sessions.values().any(|row| row["client"] == "watched" && row["rows"] == 1)
    });
    client.leave();
    until("the stream shows that it has left", || {
        let update = update(&mut connection, &mut rest).expect("an update");
        update["gone"]["sessions"].as_array().is_some_and(|gone| !gone.is_empty())
    });
    gateway.home.stop();
    while update(&mut connection, &mut rest).is_some() {}
}

#[test]
fn a_revoked_key_ends_its_page_session_and_stream() {
    let gateway = with_keys();
    let key = key(&gateway.home, "gone-soon", "plain");
    let cookie = log_in(&gateway, &json!({ "key": key }));
    let (mut connection, mut rest) = watch(&gateway, &cookie);
    assert!(update(&mut connection, &mut rest).is_some());
    assert_eq!(gateway.home.run(&["keys", "revoke", "gone-soon"]).code, Some(0));
    until("the cookie is refused", || get(&gateway, "/ui/session", &cookie).status == 401);
    // It breaks off.
    connection.read_to_end();
    // A restart forgets who was logged in.
    let ticket = ticket(&gateway);
    let cookie = log_in(&gateway, &json!({ "ticket": ticket }));
    gateway.kill_and_start_again();
    assert_eq!(get(&gateway, "/ui/session", &cookie).error_code(), "no_key");
}

#[test]
fn without_the_front_open_says_what_to_set() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let refused = home.run(&["open"]);
    assert_eq!(refused.code, Some(64), "{refused:?}");
    assert!(
        refused.stderr.contains("enabled = true") && refused.stderr.contains("snowgate restart"),
        "{refused:?}"
    );
}
