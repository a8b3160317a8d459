//! Who may ask the HTTP front anything, and how it says no.

use serde_json::{Value, json};
use snowgate_tests::{Home, HttpGateway, HttpResponse};

const PAGE: &str = "https://app.example.com";

fn gateway() -> HttpGateway {
    let http = format!("auth = 'none'\nallowed_hosts = ['gw.example.com']\nallowed_origins = ['{PAGE}']\n");
    HttpGateway::with(Home::new(), &http, "")
}

fn get(gateway: &HttpGateway, headers: &[(&str, &str)]) -> HttpResponse {
    gateway.connect().request("GET", "/health", headers, b"")
}

#[test]
fn requests_for_another_host_are_refused() {
    let gateway = gateway();
    for own in ["localhost", "127.0.0.1:1", "[::1]", "GW.example.com", "gw.example.com:443"] {
        assert_eq!(get(&gateway, &[("Host", own)]).status, 200, "{own}");
    }
    for other in ["evil.example.com", "localhost.evil.example.com", "gw.example.com.evil.example", "10.0.0.1"]
    {
        let response = get(&gateway, &[("Host", other)]);
        assert_eq!((response.status, response.error_code().as_str()), (403, "host_not_allowed"), "{other}");
    }
    let response = get(&gateway, &[("Host", "localhost"), ("Host", "localhost")]);
    assert_eq!((response.status, response.error_code().as_str()), (400, "host_invalid"));
    // None at all, as HTTP/1.0 may.
    let mut connection = gateway.connect();
    connection.send(b"GET /health HTTP/1.0\r\n\r\n");
    assert_eq!(connection.head().status, 400);
}

#[test]
fn pages_of_other_origins_are_refused_and_named_ones_may_read_the_answer() {
    let gateway = gateway();
    for other in ["https://evil.example.com", "null", "http://localhost:3000", "http://app.example.com"] {
        let response = get(&gateway, &[("Origin", other)]);
        assert_eq!((response.status, response.error_code().as_str()), (403, "origin_not_allowed"), "{other}");
        assert_eq!(response.header("access-control-allow-origin"), None);
    }
    let own = format!("http://{}", gateway.address());
    assert_eq!(get(&gateway, &[("Origin", &own)]).status, 200);
    let response = get(&gateway, &[("Origin", PAGE)]);
    assert_eq!((response.status, response.header("access-control-allow-origin")), (200, Some(PAGE)));
    assert!(response.header("access-control-expose-headers").expect("a header").contains("mcp-session-id"));
    let preflight = |origin: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type,mcp-session-id,mcp-param-region,x-evil"),
        ];
        gateway.connect().request("OPTIONS", "/mcp", &headers, b"")
    };
    let allowed = preflight(PAGE);
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, Some(PAGE)));
    let headers = allowed.header("access-control-allow-headers").expect("a header");
    assert!(headers.contains("mcp-session-id") && headers.contains("mcp-param-region"), "{headers}");
    assert!(!headers.contains("evil"), "{headers}");
    let refused = preflight("https://evil.example.com");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
}

#[test]
fn every_answer_tells_browsers_that_it_is_no_page() {
    let gateway = gateway();
    for path in ["/health", "/no/such/path", "/a/../b"] {
        let response = gateway.get(path);
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{response:?}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{response:?}");
        assert!(
            response.header("content-security-policy").expect("a header").contains("frame-ancestors 'none'")
        );
        assert_eq!(response.header("server"), None);
    }
}

#[test]
fn what_is_not_there_is_refused_by_name_and_says_nothing_of_the_inside() {
    let gateway = gateway();
    let refused = |method: &str, path: &str| {
        let response = gateway.connect().request(method, path, &[], b"");
        let body = response.text();
        assert!(!body.contains(gateway.home.path().to_str().expect("text")), "{body}");
        (response.status, response.error_code(), response)
    };
    let (status, code, _) = refused("GET", "/nowhere");
    assert_eq!((status, code.as_str()), (404, "not_found"));
    let (status, code, response) = refused("DELETE", "/health");
    assert_eq!((status, code.as_str()), (405, "method_not_allowed"));
    assert!(response.header("allow").expect("a header").contains("GET"), "{response:?}");
    for odd in [
        "//health",
        "/x/../health",
        "/%2e%2e/health",
        "/health%00",
        "/./health",
        "/health%2f..",
        "/mcp/%2e%2e/health",
    ] {
        let (status, code, _) = refused("GET", odd);
        assert_eq!((status, code.as_str()), (400, "path_invalid"), "{odd}");
    }
}

#[test]
fn health_and_readiness_say_how_it_is_and_nothing_of_where_it_is() {
    let gateway = gateway();
    let ok = |names: &[&str]| {
        let checks: Value = names.iter().map(|name| (*name, json!("ok"))).collect();
        json!({ "status": "ok", "checks": checks })
    };
    assert_eq!(gateway.get("/health").json(), ok(&["shutdown", "state_file"]));
    let ready = gateway.get("/ready");
    assert_eq!((ready.status, ready.json()), (200, ok(&["shutdown", "state_file", "breaker", "backend"])));
    assert_eq!(gateway.home.run(&["breaker", "open", "sqlite"]).code, Some(0));
    let ready = gateway.get("/ready");
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("unavailable")), "{ready:?}");
    assert!(ready.json()["checks"]["breaker"].as_str().expect("a text").contains("by hand"));
    assert_eq!(gateway.get("/health").status, 200, "the process is well");
    let status = gateway.get("/status");
    assert_eq!((status.status, &status.json()["pid"]), (200, &json!(gateway.pid())));
    // Without keys nothing tells an operator from others.
    let refused = gateway.post("/admin/drain", &[], &json!({}));
    assert_eq!((refused.status, refused.error_code().as_str()), (403, "permission_denied"), "{refused:?}");
    assert_eq!(gateway.get("/health").status, 200);
}

#[test]
fn a_body_has_a_bound_that_is_named() {
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\nrequest_bytes_max = 1024\n", "");
    let mut connection = gateway.connect();
    connection.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n");
    let mut response = connection.head();
    connection.read_body(&mut response);
    assert_eq!((response.status, response.error_code().as_str()), (413, "body_too_large"), "{response:?}");
    assert!(response.text().contains("`http.request_bytes_max`"), "{response:?}");
    // Also one that does not say its size.
    let mut connection = gateway.connect();
    connection.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    connection.send(format!("401\r\n{}\r\n", "x".repeat(1025)).as_bytes());
    assert_eq!(connection.head().status, 413);
}
