//! Attacks on the HTTP front, each while a shim's client works: it is served all the while, and the gateway's memory stays
//! bounded.

mod frames;
#[cfg(unix)]
mod unix;

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use frames::Http2;
use snowgate_tests::{Home, HttpConnection, HttpGateway, peak_kb, reset_peak, resident_kb, tool_text, until};

/// By how much an attack may raise the gateway's memory, in kB: bounds of the front (64 MiB of bodies, 32 KiB of headers for
/// each of the connections) and what the allocator makes of them.
const MEMORY_KB_MAX: u64 = 160 * 1024;

/// Connections that the gateway under attack takes.
const CONNECTIONS_MAX: usize = 256;

fn gateway(http: &str) -> HttpGateway {
    HttpGateway::with(Home::new(), &format!("auth = 'none'\nconnections_max = {CONNECTIONS_MAX}\n{http}"), "")
}

/// Runs `attack` while a shim's client works; returns by how much the gateway's memory rose at most, in kB.
fn under_attack(gateway: &HttpGateway, attack: impl FnOnce()) -> u64 {
    let mut client = gateway.home.client();
    client.initialize();
    assert!(tool_text(&client.query("select 41 + 1")).contains("42"));
    let pid = gateway.pid();
    reset_peak(pid);
    let before = resident_kb(pid);
    let (ends, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                assert!(tool_text(&client.query("select 41 + 1")).contains("42"));
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Also where the attack fails: the other thread is to end.
        let attacked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attack));
        let at_end = answered.load(Ordering::Relaxed);
        until("the shim is served", || answered.load(Ordering::Relaxed) > at_end + 1);
        ends.store(true, Ordering::Relaxed);
        working.join().expect("the shim is served all the while");
        if let Err(panic) = attacked {
            std::panic::resume_unwind(panic);
        }
    });
    assert_eq!(gateway.pid(), pid);
    until("the front answers again", || gateway.get("/health").status == 200);
    let rise = peak_kb(pid).saturating_sub(before);
    println!("memory rose by {rise} kB, {} calls of the shim meanwhile", answered.load(Ordering::Relaxed));
    assert!(rise < MEMORY_KB_MAX, "memory rose by {rise} kB");
    rise
}

/// Sends as much of `bytes`, again and again, as the other side takes, `most` bytes at most; returns how much.
fn flood(stream: &mut TcpStream, bytes: &[u8], most: usize) -> usize {
    let mut sent = 0;
    while sent < most {
        match stream.write(bytes) {
            Ok(0) | Err(_) => break,
            Ok(written) => sent += written,
        }
    }
    sent
}

#[test]
fn clients_that_send_their_headers_slowly_are_dropped() {
    let gateway = gateway("header_timeout_ms = 1000\n");
    under_attack(&gateway, || {
        let mut slow: Vec<HttpConnection> = (0..CONNECTIONS_MAX).map(|_| gateway.connect()).collect();
        let since = Instant::now();
        // Those beyond the bound were refused.
        slow.retain_mut(|connection| {
            connection.try_send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n").is_ok()
        });
        until("every slow connection is dropped", || {
            slow.retain_mut(|connection| connection.try_send(b"X-A: b\r\n").is_ok());
            slow.is_empty() && since.elapsed() >= Duration::from_secs(1)
        });
    });
}

#[test]
fn clients_that_send_nothing_or_their_body_slowly_are_dropped() {
    let gateway = gateway("header_timeout_ms = 1000\nidle_timeout_ms = 1000\n");
    under_attack(&gateway, || {
        let mut silent = gateway.connect();
        assert_eq!(silent.read_to_end(), b"", "a connection without a byte");
        let mut idle = gateway.connect();
        assert_eq!(idle.request("GET", "/health", &[], b"").status, 200);
        assert_eq!(idle.read_to_end(), b"", "a connection without another request");
        let mut slow = gateway.connect();
        slow.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n");
        // A byte now and then: the whole body has a time, too.
        let ended = AtomicBool::new(false);
        let answer = std::thread::scope(|scope| {
            let mut writing = slow.stream().try_clone().expect("a second handle");
            let ends = &ended;
            scope.spawn(move || {
                while !ends.load(Ordering::Relaxed) && writing.write_all(b"x").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            let answer = slow.head();
            ends.store(true, Ordering::Relaxed);
            answer
        });
        assert_eq!(answer.status, 408);
    });
}

#[test]
fn connections_too_many_are_told_so() {
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\nconnections_max = 2\n", "");
    let mut held = [gateway.connect(), gateway.connect()];
    held.iter_mut().for_each(|connection| {
        assert_eq!(connection.request("GET", "/health", &[], b"").status, 200);
    });
    let mut third = gateway.connect();
    let mut response = third.head();
    third.read_body(&mut response);
    assert_eq!(
        (response.status, response.error_code().as_str()),
        (503, "too_many_connections"),
        "{response:?}"
    );
    drop(held);
    until("there is room again", || {
        let mut connection = gateway.connect();
        connection.try_send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok()
            && connection.try_head().is_some_and(|response| response.status == 200)
    });
}

#[test]
fn a_body_of_a_gigabyte_is_not_read() {
    const GIGABYTE: usize = 1_000_000_000;
    let gateway = gateway("");
    under_attack(&gateway, || {
        let piece = vec![b'x'; 1024 * 1024];
        for _ in 0..8 {
            let mut declared = gateway.connect();
            declared.send(
                format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {GIGABYTE}\r\n\r\n")
                    .as_bytes(),
            );
            assert_eq!(declared.head().status, 413);
            let mut stream = declared.stream().try_clone().expect("a second handle");
            assert!(flood(&mut stream, &piece, GIGABYTE) < GIGABYTE / 2);
        }
        for _ in 0..8 {
            let mut chunked = gateway.connect();
            chunked.send(
                b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3b9aca00\r\n",
            );
            let mut stream = chunked.stream().try_clone().expect("a second handle");
            let sent = flood(&mut stream, &piece, GIGABYTE);
            assert!(sent < GIGABYTE / 2, "{sent} bytes were read");
        }
        // Many at once, each within its bound, none of them ever whole.
        let many: Vec<HttpConnection> = (0..CONNECTIONS_MAX / 2)
            .map(|_| {
                let mut connection = gateway.connect();
                connection.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n");
                connection.stream().set_write_timeout(Some(Duration::from_millis(50))).expect("a time-out");
                let mut stream = connection.stream().try_clone().expect("a second handle");
                flood(&mut stream, &piece, 3_900_000);
                connection
            })
            .collect();
        drop(many);
    });
}

#[test]
fn header_bombs_are_refused() {
    let gateway = gateway("");
    under_attack(&gateway, || {
        let status = |head: &str| {
            let mut connection = gateway.connect();
            // It may be refused, and the connection be closed, before all is sent.
            let _ = connection.try_send(head.as_bytes());
            connection.try_head().map_or(431, |response| response.status)
        };
        let many: String = (0..10_000).map(|number| format!("X-{number}: y\r\n")).collect();
        assert_eq!(status(&format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")), 431);
        let long = "x".repeat(1_000_000);
        assert_eq!(status(&format!("GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: {long}\r\n\r\n")), 431);
        let target = status(&format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert!([414, 431].contains(&target), "{target}");
        // Headers without an end, on every connection at once.
        let mut endless: Vec<HttpConnection> = (0..CONNECTIONS_MAX / 2).map(|_| gateway.connect()).collect();
        for connection in &mut endless {
            let _ = connection.try_send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ");
            let mut stream = connection.stream().try_clone().expect("a second handle");
            stream.set_write_timeout(Some(Duration::from_millis(50))).expect("a time-out");
            flood(&mut stream, &[b'x'; 64 * 1024], 10_000_000);
        }
    });
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let gateway = gateway("");
    under_attack(&gateway, || {
        let refused = |request: &str| {
            let mut connection = gateway.connect();
            connection.send(request.as_bytes());
            let status = connection.head().status;
            assert!(status == 400, "{status}: {request:?}");
            connection.stream().shutdown(Shutdown::Write).expect("the end of the requests");
            let rest = String::from_utf8_lossy(&connection.read_to_end()).into_owned();
            assert!(!rest.contains("HTTP/1.1"), "a second answer to {request:?}: {rest}");
        };
        let post = "POST /health HTTP/1.1\r\nHost: localhost\r\n";
        let hidden = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        for headers in [
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: identity\r\n\r\n",
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Content-Length: +5\r\n\r\nhello",
            "Content-Length: 0x5\r\n\r\nhello",
            "Content-Length: -1\r\n\r\n",
            "Content-Length : 5\r\n\r\nhello",
            "X-A: b\r\n folded\r\n\r\n",
            "X\0A: b\r\n\r\n",
        ] {
            refused(&format!("{post}{headers}{hidden}"));
        }
        for chunks in [
            "zz\r\nhello\r\n0\r\n\r\n",
            "5\r\nhelloXX0\r\n\r\n",
            "-5\r\nhello\r\n0\r\n\r\n",
            "ffffffffffffffffff\r\nx",
        ] {
            let mut connection = gateway.connect();
            connection.send(format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{hidden}").as_bytes());
            let status = connection.try_head().map_or(400, |response| response.status);
            assert_eq!(status, 400, "{chunks:?}");
        }
        refused("GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        for garbage in [
            &b"\x16\x03\x01\x02\x00"[..],
            b"HELLO\r\n\r\n",
            b"\0\0\0\0\r\n\r\n",
            b"GET /health HTTP/9.9\r\n\r\n",
        ] {
            let mut connection = gateway.connect();
            connection.send(garbage);
            connection.stream().shutdown(Shutdown::Write).expect("the end of the request");
            let answer = String::from_utf8_lossy(&connection.read_to_end()).into_owned();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{garbage:?}: {answer}");
        }
    });
}

#[test]
fn clients_that_do_not_read_their_answers_hold_little_memory() {
    let gateway = gateway("");
    under_attack(&gateway, || {
        let deaf: Vec<TcpStream> = (0..CONNECTIONS_MAX / 2)
            .map(|_| {
                let mut stream = TcpStream::connect(gateway.address()).expect("a connection");
                stream.set_write_timeout(Some(Duration::from_millis(50))).expect("a time-out");
                flood(&mut stream, b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n", 500_000);
                stream
            })
            .collect();
        drop(deaf);
    });
}

#[test]
fn rapid_resets_and_endless_continuations_end_their_connection() {
    let gateway = gateway("");
    under_attack(&gateway, || {
        let mut well = Http2::connect(gateway.address());
        well.headers(1, true, true, "/health");
        until("an answer over HTTP/2", || well.read_until_answer());
        for _ in 0..4 {
            let mut resets = Http2::connect(gateway.address());
            let ended = (0..500_000).any(|number| {
                let stream = 2 * number + 1;
                !(resets.try_headers(stream, true, true, "/health") && resets.try_reset(stream))
            });
            assert!(ended, "100,000 streams were begun and reset");
        }
        for _ in 0..4 {
            let mut endless = Http2::connect(gateway.address());
            endless.headers(1, false, false, "/health");
            let ended = (0..1_000_000).any(|_| !endless.try_continuation(1));
            assert!(ended, "headers without an end were read");
        }
        // More streams than may be open.
        let mut many = Http2::connect(gateway.address());
        for number in 0..10_000 {
            if !many.try_headers(2 * number + 1, false, true, "/mcp") {
                break;
            }
        }
        let mut pings = Http2::connect(gateway.address());
        let flooded = (0..200_000).take_while(|_| pings.try_ping()).count();
        println!("{flooded} pings without reading an answer");
    });
}
