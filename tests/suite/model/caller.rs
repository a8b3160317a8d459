//! A session's client: one with a shim, or one over plain HTTP.

use serde_json::{Value, json};
use snowgate_tests::{Client, HttpConnection, HttpGateway};

/// How often a call is sent again whose gateway went away.
const SENT_MAX: u32 = 50;

pub(super) enum Caller {
    Shim(Client),
    Http(HttpCaller),
}

impl Caller {
    pub(super) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        match self {
            Self::Shim(client) => client.call(tool, arguments),
            Self::Http(caller) => caller.call(tool, arguments),
        }
    }

    /// Whether the last call was sent again, so that it may have run before.
    pub(super) fn was_sent_again(&self) -> bool {
        matches!(self, Self::Http(caller) if caller.was_sent_again)
    }

    /// Sends a statement and does not want its answer.
    pub(super) fn give_up(&mut self, sql: &str) {
        match self {
            Self::Shim(client) => {
                let id = client.send_query(sql);
                client.notify("notifications/cancelled", &json!({"requestId": id}));
            }
            Self::Http(caller) => caller.give_up(sql),
        }
    }
}

/// A client over plain HTTP that has its session by name, and sends again what it has no answer to, with the same key.
pub(super) struct HttpCaller {
    address: std::net::SocketAddr,
    name: String,
    connection: Option<HttpConnection>,
    /// Calls so far: each has a key of its own.
    calls: u64,
    /// Whether the last one was sent more than once.
    was_sent_again: bool,
}

impl HttpCaller {
    pub(super) fn new(gateway: &HttpGateway, name: String) -> Self {
        Self { address: gateway.address(), name, connection: None, calls: 0, was_sent_again: false }
    }

    /// Its next call comes on another connection.
    pub(super) fn leave(&mut self) {
        self.connection = None;
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.calls += 1;
        for sent_before in 0..SENT_MAX {
            self.was_sent_again = sent_before > 0;
            if let Some(answer) = self.try_call(tool, arguments) {
                return answer;
            }
            self.leave();
        }
        panic!("{}: no gateway answers", self.name);
    }

    /// `None`: the gateway went away, or is about to.
    fn try_call(&mut self, tool: &str, arguments: &Value) -> Option<Value> {
        self.send(tool, arguments).ok()?;
        let connection = self.connection.as_mut()?;
        let mut response = connection.try_head()?;
        connection.read_body(&mut response);
        let body = response.json();
        if response.status == 200 {
            return Some(body);
        }
        let error = &body["error"];
        if response.status == 503 && error["code"] == "unavailable" {
            std::thread::sleep(std::time::Duration::from_millis(100));
            return None;
        }
        let text = format!("{} {}", error["message"], error["next_step"]);
        Some(json!({"result": {"isError": true, "content": [{"type": "text", "text": text}]}}))
    }

    fn send(&mut self, tool: &str, arguments: &Value) -> std::io::Result<()> {
        let body = json!({"name": tool, "arguments": arguments, "_client_id": self.name}).to_string();
        let head = format!(
            "POST /mcp/tools/call HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nIdempotency-Key: {}-{}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            self.name,
            self.calls,
            body.len()
        );
        let connection = self.connection.get_or_insert_with(|| HttpConnection::to(self.address));
        connection.try_send(&[head.as_bytes(), body.as_bytes()].concat())
    }

    fn give_up(&mut self, sql: &str) {
        self.calls += 1;
        // Where the gateway is gone there is nothing to give up.
        let _ = self.send("execute_query", &json!({"query": sql}));
        self.leave();
    }
}
