//! A client of the protocol, one request at a time.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use warehouse::{Warehouse, secrets};

use crate::http::{Answer, send};

/// A session of the protocol.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    pub(crate) master: String,
}

static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// A client's name for a submission that nobody has used.
pub(crate) fn request_id() -> String {
    format!("request-{}", REQUESTS.fetch_add(1, Ordering::Relaxed))
}

impl Caller {
    /// Somebody without a session.
    pub(crate) fn stranger(warehouse: &Warehouse) -> Self {
        Self { address: warehouse.address(), token: String::new(), master: String::new() }
    }

    /// The usual user, logged in with the password.
    #[track_caller]
    pub(crate) fn logged_in(warehouse: &Warehouse) -> Self {
        let proof = json!({"LOGIN_NAME": secrets::USER, "PASSWORD": secrets::PASSWORD});
        let answer = Self::stranger(warehouse).log_in(&proof);
        Self::of(warehouse, &answer)
    }

    /// Whoever was granted `answer`.
    #[track_caller]
    pub(crate) fn of(warehouse: &Warehouse, answer: &Value) -> Self {
        let text = |name: &str| match &answer["data"][name] {
            Value::String(text) => text.clone(),
            _ => panic!("no {name} in {answer}"),
        };
        Self { address: warehouse.address(), token: text("token"), master: text("masterToken") }
    }

    /// Sends a request with the session's token, or another.
    pub(crate) fn call(&self, method: &str, target: &str, token: &str, body: &Value) -> io::Result<Answer> {
        let authorization = format!("Snowflake Token=\"{token}\"");
        let mut headers = vec![("content-type", "application/json")];
        if !token.is_empty() {
            headers.push(("authorization", &authorization));
        }
        send(self.address, method, target, &headers, body.to_string().as_bytes())
    }

    /// Posts and expects an answer that is JSON.
    #[track_caller]
    pub(crate) fn post(&self, target: &str, body: &Value) -> Value {
        self.call("POST", target, &self.token, body)
            .unwrap_or_else(|error| panic!("{target}: {error}"))
            .json()
    }

    /// Gets, likewise.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Value {
        self.call("GET", target, &self.token, &Value::Null)
            .unwrap_or_else(|error| panic!("{target}: {error}"))
            .json()
    }

    /// Logs in with these fields.
    #[track_caller]
    pub(crate) fn log_in(&self, proof: &Value) -> Value {
        self.log_in_at("", proof)
    }

    /// Logs in with these fields and this query behind the path.
    #[track_caller]
    pub(crate) fn log_in_at(&self, query: &str, proof: &Value) -> Value {
        let mut data = json!({"ACCOUNT_NAME": "ORG-ACCT", "CLIENT_ENVIRONMENT": {"APPLICATION": "Test"}});
        for (name, value) in proof.as_object().expect("fields") {
            data[name] = value.clone();
        }
        self.post(&format!("/session/v1/login-request{query}"), &json!({"data": data}))
    }

    /// Submits `sql` and gives the whole answer.
    #[track_caller]
    pub(crate) fn submit(&self, sql: &str) -> Value {
        self.submit_as(&request_id(), &json!({"sqlText": sql}))
    }

    #[track_caller]
    pub(crate) fn submit_as(&self, request_id: &str, body: &Value) -> Value {
        self.post(&format!("/queries/v1/query-request?requestId={request_id}"), body)
    }

    /// The rows of `sql`, which must succeed with all of them in the answer.
    #[track_caller]
    pub(crate) fn rows(&self, sql: &str) -> Value {
        let answer = self.submit(sql);
        assert_eq!(answer["success"], true, "{answer}");
        answer["data"]["rowset"].clone()
    }

    /// The code that `sql` fails with.
    #[track_caller]
    pub(crate) fn code(&self, sql: &str) -> String {
        let answer = self.submit(sql);
        assert_eq!(answer["success"], false, "{answer}");
        assert_eq!(answer["data"]["errorCode"], answer["code"], "{answer}");
        answer["code"].as_str().expect("a code").to_owned()
    }

    /// Asks for the session's tokens anew, and takes them.
    #[track_caller]
    pub(crate) fn renew(&mut self) -> Value {
        let body = json!({"oldSessionToken": self.token, "requestType": "RENEW"});
        let answer =
            self.call("POST", "/session/token-request", &self.master, &body).expect("an answer").json();
        if answer["success"] == true {
            let text = |name: &str| answer["data"][name].as_str().expect("a token").to_owned();
            (self.token, self.master) = (text("sessionToken"), text("masterToken"));
        }
        answer
    }
}
