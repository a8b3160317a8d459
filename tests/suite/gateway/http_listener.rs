//! Where the HTTP front listens, and what becomes of that when the gateway ends, is killed or starts again.

#[cfg(unix)]
mod unix;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use snowgate_tests::{Home, HttpConnection, HttpGateway, tool_text, until};

/// What a gateway with a wrong configuration exits with.
const WRONG_CONFIG: i32 = 78;

#[test]
fn a_gateway_with_http_listens_at_the_same_address_after_it_was_killed_and_serves_shims_beside() {
    let gateway = HttpGateway::new();
    for _ in 0..2 {
        assert_eq!(gateway.get("/no/such/path").status, 404);
        let mut client = gateway.home.client();
        client.initialize();
        assert!(tool_text(&client.query("select 41 + 1")).contains("42"));
        gateway.kill_and_start_again();
    }
}

#[test]
fn status_tells_the_port_that_the_system_chose_and_a_restart_keeps_it() {
    let home = Home::new();
    home.configure("[http]\nenabled = true\nlisten = '127.0.0.1:0'\nauth = 'none'\n");
    let mut client = home.client();
    client.initialize();
    let status = home.status().expect("a running gateway");
    let address = status["http"]["address"].as_str().expect("an address").to_owned();
    assert!(!address.ends_with(":0"), "{status}");
    assert_eq!((&status["http"]["auth"], &status["http"]["tls"]), (&"none".into(), &false.into()));
    let get = || HttpConnection::to(address.parse().expect("an address")).request("GET", "/health", &[], b"");
    assert_eq!(get().status, 200);
    let shown = home.run(&["status"]).stdout;
    assert!(shown.contains(&format!("http         {address}, no TLS, auth = none")), "{shown}");
    let restarted = home.run(&["restart"]);
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    assert_eq!(home.status().expect("a gateway")["http"]["address"], address.as_str());
    assert_eq!(get().status, 200);
}

#[test]
fn a_restart_refuses_no_connection() {
    let gateway = HttpGateway::new();
    let instance = gateway.home.status().expect("a gateway")["instance"].clone();
    let restarting = std::thread::scope(|scope| {
        let restarting = scope.spawn(|| gateway.home.run(&["restart"]));
        let mut answered = 0;
        while !restarting.is_finished() || answered < 3 {
            // Who connects meanwhile waits for the next gateway. (A connection that was accepted by the one that ends may be
            // closed without an answer, which its client knows.)
            let mut stream = TcpStream::connect(gateway.address()).expect("no connection is refused");
            let mut answer = String::new();
            let asked =
                stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let read = asked.and_then(|()| stream.read_to_string(&mut answer));
            answered += usize::from(read.is_ok() && answer.starts_with("HTTP/1.1 "));
        }
        restarting.join().expect("a restart")
    });
    assert_eq!(restarting.code, Some(0), "{restarting:?}");
    assert_ne!(gateway.home.status().expect("a gateway")["instance"], instance);
}

#[test]
fn what_runs_when_the_gateway_stops_is_answered_and_told_that_the_connection_ends() {
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\nidle_timeout_ms = 60000\n", "");
    let mut idle = gateway.connect();
    assert_eq!(idle.request("GET", "/health", &[], b"").status, 200);
    // A request whose body is still to come is one that runs.
    let mut running = gateway.connect();
    running.send(b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab");
    let mut half = gateway.connect();
    half.send(b"GET /health HTTP/1.1\r\nHost:");
    let stopping = std::thread::scope(|scope| {
        let stopping = scope.spawn(|| gateway.home.run(&["stop"]));
        assert_eq!(idle.read_to_end(), b"", "an idle connection is closed");
        running.send(b"cde");
        let response = running.head();
        assert_eq!((response.status, response.header("connection")), (404, Some("close")), "{response:?}");
        stopping.join().expect("a stop")
    });
    assert_eq!(stopping.code, Some(0), "{stopping:?}");
    assert_eq!(half.read_to_end(), b"", "half of a request is nothing to wait for");
    assert!(
        gateway.home.log_lines("some connections did not end in time").is_empty(),
        "{}",
        gateway.home.log()
    );
}

#[test]
fn a_port_that_is_taken_ends_a_gateway_that_was_started_by_hand_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let home = Home::new();
    home.configure(&format!("[http]\nenabled = true\nlisten = '{address}'\nauth = 'none'\n"));
    let output = home.run(&["serve"]);
    assert_ne!(output.code, Some(0), "{output:?}");
    for part in [
        &address.to_string(),
        "`http.listen`",
        "another program listens there",
        "set another address as `listen`",
    ] {
        assert!(output.stderr.contains(part), "{part}: {output:?}");
    }
}

#[test]
fn a_port_that_is_taken_does_not_keep_shims_out_and_is_used_once_it_is_free() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let home = Home::new();
    home.configure(&format!("[http]\nenabled = true\nlisten = '{address}'\nauth = 'none'\n"));
    let mut client = home.client();
    client.initialize();
    assert!(tool_text(&client.query("select 41 + 1")).contains("42"));
    let status = home.status().expect("a gateway");
    let problem = status["http"]["problem"].as_str().expect("a problem");
    assert!(
        problem.contains("`http.listen`") && problem.contains("another program listens there"),
        "{problem}"
    );
    let shown = home.run(&["status"]).stdout;
    assert!(shown.contains("another program listens there"), "{shown}");
    drop(taken);
    until("the port is used", || home.status().expect("a gateway")["http"]["problem"].is_null());
    assert_eq!(HttpConnection::to(address).request("GET", "/health", &[], b"").status, 200);
}

#[test]
fn a_gateway_with_http_does_not_exit_for_idleness() {
    // The bound is minutes: what is looked at is that there is none.
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", "[gateway]\nidle_exit_minutes = 1\n");
    assert_eq!(gateway.home.status().expect("a gateway")["sessions"], 0);
    assert_eq!(gateway.get("/health").status, 200);
}

/// Runs `snowgate config check` on this `[http]`; returns its errors.
fn check(http: &str) -> (Option<i32>, String) {
    let home = Home::new();
    home.configure(&format!("[http]\nenabled = true\n{http}"));
    let output = home.run(&["config", "check"]);
    (output.code, output.stderr)
}

#[test]
fn config_check_names_what_is_missing_where_others_can_reach_the_front() {
    let (code, errors) = check("listen = '0.0.0.0:8473'\nauth = 'none'\n");
    assert_eq!(code, Some(WRONG_CONFIG), "{errors}");
    for part in [
        "config.toml:5:10: http.listen: ",
        "there is no TLS",
        "set tls_certificate and tls_key",
        "config.toml:6:8: http.auth: ",
        "asks for no key",
    ] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    let (code, errors) = check("listen = '[::]:8473'\n");
    assert!(
        code == Some(WRONG_CONFIG) && errors.contains("no TLS") && !errors.contains("http.auth"),
        "{errors}"
    );
    let (code, errors) =
        check("listen = '192.0.2.1:8473'\nauth = 'none'\ntls_certificate = '/x'\ntls_key = '/y'\n");
    assert!(
        code == Some(WRONG_CONFIG) && !errors.contains("no TLS") && errors.contains("http.auth"),
        "{errors}"
    );
    for loopback in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "/run/user/1/http.sock"]
    {
        assert_eq!(check(&format!("listen = '{loopback}'\nauth = 'none'\n")).0, Some(0), "{loopback}");
    }
}

#[test]
fn config_check_says_how_to_write_what_is_wrong() {
    for (wrong, hint) in [
        ("listen = '8473'", "\"127.0.0.1:8473\""),
        ("listen = ':8473'", "\"127.0.0.1:8473\""),
        ("listen = 'localhost:8473'", "\"127.0.0.1:8473\""),
        ("listen = '127.0.0.1'", "\"127.0.0.1:8473\""),
        ("listen = 'http.sock'", "absolute path"),
        ("tls_key = '/x'", "http.tls_certificate is not"),
        ("tls_certificate = '/x'", "http.tls_key is not"),
        ("allowed_hosts = ['*']", "rebinding"),
        ("allowed_hosts = ['https://a.example/']", "without scheme"),
        ("allowed_origins = ['*']", "every web page"),
        ("allowed_origins = ['app.example.com']", "\"https://app.example.com\""),
        ("auth = 'key'", "did you mean \"keys\"?"),
        ("request_bytes_max = 1", "1024"),
    ] {
        let (code, errors) = check(&format!("{wrong}\n"));
        assert!(code == Some(WRONG_CONFIG) && errors.contains(hint), "{wrong}: {errors}");
    }
}
