//! `/mcp` as a WebSocket: one JSON-RPC message a text frame.

use std::io::Read as _;

use serde_json::{Value, json};
use snowgate_tests::{Home, HttpConnection, HttpGateway, HttpResponse, until};

const SLOW: &str = "with recursive t(n) as (select 1 union all select n + 1 from t where n < 2000000000) select max(n) from t";

/// RFC 6455, 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// A client that sends what a test says, also where that is wrong.
struct Socket(HttpConnection);

impl Socket {
    #[track_caller]
    fn open(gateway: &HttpGateway) -> Self {
        let (socket, head) = Self::ask(gateway, &[]);
        assert_eq!(
            (head.status, head.header("sec-websocket-accept")),
            (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
            "{head:?}"
        );
        socket
    }

    #[track_caller]
    fn ask(gateway: &HttpGateway, more: &[(&str, &str)]) -> (Self, HttpResponse) {
        let mut connection = gateway.connect();
        let upgrade = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        connection.send_request("GET", "/mcp", &[&upgrade[..], more].concat(), b"");
        let head = connection.head();
        (Self(connection), head)
    }

    #[track_caller]
    fn frame(&mut self, opcode: Opcode, is_last: bool, payload: &[u8]) {
        let mut frame = vec![opcode as u8 | if is_last { 0x80 } else { 0 }];
        let length = payload.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short < 126 => frame.push(0x80 | short),
            (_, Ok(medium)) => {
                frame.push(0x80 | 126);
                frame.extend(medium.to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        // The mask may be any number, 0 too.
        frame.extend([0; 4]);
        frame.extend(payload);
        // A connection that is closed for what it was sent is seen when it is read.
        let _ = self.0.try_send(&frame);
    }

    #[track_caller]
    fn send(&mut self, message: &Value) {
        self.frame(Opcode::Text, true, message.to_string().as_bytes());
    }

    /// The next frame: its first byte's low half, and what it carries.
    #[track_caller]
    fn receive(&mut self) -> (u8, Vec<u8>) {
        let stream = self.0.reader();
        let mut head = [0; 2];
        stream.read_exact(&mut head).expect("a frame");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                stream.read_exact(&mut length).expect("a length");
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                stream.read_exact(&mut length).expect("a length");
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).expect("a length")];
        stream.read_exact(&mut payload).expect("a whole frame");
        (head[0] & 0x0F, payload)
    }

    #[track_caller]
    fn message(&mut self) -> Value {
        let (opcode, payload) = self.receive();
        assert_eq!(opcode, Opcode::Text as u8, "{}", String::from_utf8_lossy(&payload));
        serde_json::from_slice(&payload).expect("a message")
    }

    /// The code that it is closed with.
    #[track_caller]
    fn close_code(&mut self) -> u16 {
        loop {
            let (opcode, payload) = self.receive();
            if opcode == Opcode::Close as u8 {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    #[track_caller]
    fn initialize(&mut self) {
        let client = json!({"name": "socket-test", "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        self.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        assert_eq!(self.message()["result"]["protocolVersion"], "2025-11-25");
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    #[track_caller]
    fn query(&mut self, id: u64, text: &str) {
        let params = json!({"name": "execute_query", "arguments": {"query": text}});
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}));
    }
}

fn running(gateway: &HttpGateway) -> bool {
    gateway
        .home
        .sessions()
        .iter()
        .any(|session| session["running"].as_u64().is_some_and(|running| running > 0))
}

#[test]
fn both_eras_are_spoken_on_one_socket_and_its_end_ends_its_session() {
    let gateway = HttpGateway::new();
    let mut socket = Socket::open(&gateway);
    socket.initialize();
    socket.query(1, "select 41 + 1");
    assert!(
        socket.message()["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("42"))
    );
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    socket.send(&json!({"jsonrpc": "2.0", "id": "s", "method": "tools/list", "params": {"_meta": meta}}));
    let listed = socket.message();
    assert_eq!((&listed["id"], &listed["result"]["resultType"]), (&json!("s"), &json!("complete")));
    // In several frames, with a ping between them.
    let ping = json!({"jsonrpc": "2.0", "id": 2, "method": "ping"}).to_string();
    socket.frame(Opcode::Text, false, &ping.as_bytes()[..10]);
    socket.frame(Opcode::Ping, true, b"here?");
    socket.frame(Opcode::Continuation, true, &ping.as_bytes()[10..]);
    assert_eq!(socket.receive(), (Opcode::Pong as u8, b"here?".to_vec()));
    assert_eq!(socket.message()["id"], 2);
    socket.query(3, SLOW);
    until("the query runs", || running(&gateway));
    socket.frame(Opcode::Close, true, &1000_u16.to_be_bytes());
    assert_eq!(socket.close_code(), 1000);
    until("the session has ended", || gateway.home.sessions().is_empty());
}

#[test]
fn two_sockets_are_two_sessions_and_one_that_breaks_off_takes_its_query_along() {
    let gateway = HttpGateway::new();
    let (mut one, mut other) = (Socket::open(&gateway), Socket::open(&gateway));
    one.initialize();
    other.initialize();
    one.query(1, SLOW);
    until("the query runs", || running(&gateway));
    drop(one);
    until("the query is stopped", || !running(&gateway));
    other.query(1, "select 7");
    assert_eq!(other.message()["id"], 1);
}

#[test]
fn a_cancelled_request_gets_no_answer_and_the_socket_goes_on() {
    let gateway = HttpGateway::new();
    let mut socket = Socket::open(&gateway);
    socket.initialize();
    socket.query(1, SLOW);
    until("the query runs", || running(&gateway));
    socket.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}));
    until("the query is stopped", || !running(&gateway));
    socket.query(2, "select 7");
    assert_eq!(socket.message()["id"], 2);
}

#[test]
fn what_is_no_message_is_answered_and_the_socket_stays_open() {
    let gateway = HttpGateway::new();
    let mut socket = Socket::open(&gateway);
    for (text, code) in
        [("nonsense", -32700), ("[]", -32600), ("", -32700), (r#"{"jsonrpc":"1.0","id":1}"#, -32600)]
    {
        socket.frame(Opcode::Text, true, text.as_bytes());
        assert_eq!(socket.message()["error"]["code"], code, "{text}");
    }
    socket.initialize();
}

#[test]
fn a_socket_that_breaks_the_rules_is_closed_with_the_code_that_says_why() {
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\nrequest_bytes_max = 65536\n", "");
    let closed = |opcode, is_last, payload: &[u8]| {
        let mut socket = Socket::open(&gateway);
        socket.frame(opcode, is_last, payload);
        socket.close_code()
    };
    assert_eq!(closed(Opcode::Binary, true, b"{}"), 1003);
    assert_eq!(closed(Opcode::Text, true, b"\xff\xfe"), 1007);
    assert_eq!(closed(Opcode::Text, true, &vec![b' '; 65_537]), 1009);
    assert_eq!(closed(Opcode::Continuation, true, b"{}"), 1002);
    // Frames that are each within the bound, and a message that is not.
    let mut socket = Socket::open(&gateway);
    socket.frame(Opcode::Text, false, &vec![b' '; 40_000]);
    socket.frame(Opcode::Continuation, true, &vec![b' '; 40_000]);
    assert_eq!(socket.close_code(), 1009);
}

#[test]
fn a_gateway_that_stops_closes_its_sockets_as_going_away() {
    let gateway = HttpGateway::new();
    let mut socket = Socket::open(&gateway);
    socket.initialize();
    gateway.home.stop();
    assert_eq!(socket.close_code(), 1001);
}

#[test]
fn the_subprotocol_is_echoed_where_it_is_offered_and_other_origins_are_refused() {
    let gateway =
        HttpGateway::with(Home::new(), "auth = 'none'\nallowed_origins = ['https://app.example']\n", "");
    let chosen = |more: &[(&str, &str)]| {
        let (_, head) = Socket::ask(&gateway, more);
        (head.status, head.header("sec-websocket-protocol").map(str::to_owned))
    };
    assert_eq!(chosen(&[("Sec-WebSocket-Protocol", "other, mcp")]), (101, Some("mcp".into())));
    assert_eq!(chosen(&[("Sec-WebSocket-Protocol", "other")]), (101, None));
    assert_eq!(chosen(&[("Origin", "https://app.example")]), (101, None));
    assert_eq!(chosen(&[("Origin", "https://evil.example")]).0, 403);
    let (_, refused) = Socket::ask(&gateway, &[("Host", "evil.example")]);
    assert!((400..500).contains(&refused.status), "{refused:?}");
}
