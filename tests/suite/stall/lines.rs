//! Attacks by lines that are as long as they may be.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home};

use super::witnesses::Witnesses;

/// Bytes of the long part of a line: a little below the bound on a line, 16 MiB.
const LONG: usize = 15_900_000;

/// What the long part is made of.
const SHAPES: &[fn() -> String] =
    &[numbers, objects, nested, wide_object, short_strings, long_string, escapes];

fn repeated(open: &str, part: &str, close: &str) -> String {
    format!("{open}{}{}{close}", part.repeat(LONG / part.len()), part.trim_end_matches(','))
}

fn numbers() -> String {
    repeated("[", "0,", "]")
}

fn objects() -> String {
    repeated("[", "{},", "]")
}

fn nested() -> String {
    format!("{}{}", "[".repeat(LONG / 2), "]".repeat(LONG / 2))
}

/// A million keys.
fn wide_object() -> String {
    let keys: Vec<String> = (0..1_000_000).map(|key| format!("\"k{key}\":0")).collect();
    format!("{{{}}}", keys.join(","))
}

fn short_strings() -> String {
    repeated("[", "\"a\",", "]")
}

fn long_string() -> String {
    repeated("\"", "a", "\"")
}

fn escapes() -> String {
    repeated("\"", "\\u0001", "\"")
}

/// Sends `line` of each shape in turn and waits for its answer, a refusal or not; `line` is given the long
/// part, and a line without an id is followed by a request.
fn each_shape(home: &Home, line: fn(&str) -> String) {
    let mut client = home.client();
    client.initialize();
    for shape in SHAPES {
        client.line(&line(&shape()));
        answered(&mut client);
    }
}

/// Waits until all that `client` has sent is answered.
pub(crate) fn answered(client: &mut Client) {
    let last = client.send("ping", &json!({}));
    client.answer(&last);
}

pub(crate) fn in_arguments(home: &Home, _: &Witnesses) {
    each_shape(home, |long| call("execute_query", &format!(r#"{{"query":"select 1","x":{long}}}"#)));
}

pub(crate) fn as_statement(home: &Home, _: &Witnesses) {
    each_shape(home, |long| call("execute_query", &format!(r#"{{"query":{long}}}"#)));
}

pub(crate) fn in_meta(home: &Home, _: &Witnesses) {
    each_shape(home, |long| {
        let params = format!(r#"{{"name":"session_info","arguments":{{}},"_meta":{{"x":{long}}}}}"#);
        request("tools/call", &params)
    });
}

pub(crate) fn in_unknown_params(home: &Home, _: &Witnesses) {
    each_shape(home, |long| request("ping", &format!(r#"{{"x":{long}}}"#)));
}

pub(crate) fn in_unknown_method(home: &Home, _: &Witnesses) {
    each_shape(home, |long| request("no/such", &format!(r#"{{"x":{long}}}"#)));
}

pub(crate) fn in_capabilities(home: &Home, _: &Witnesses) {
    each_shape(home, |long| {
        let client = r#"{"name":"a","version":"1"}"#;
        let capabilities = format!(r#"{{"experimental":{{"x":{{"y":{long}}}}}}}"#);
        let params = format!(
            r#"{{"protocolVersion":"2025-11-25","capabilities":{capabilities},"clientInfo":{client}}}"#
        );
        request("initialize", &params)
    });
}

pub(crate) fn in_notification(home: &Home, _: &Witnesses) {
    each_shape(home, |long| {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{"x":{long}}}}}"#)
    });
}

pub(crate) fn in_cancel(home: &Home, _: &Witnesses) {
    each_shape(home, |long| {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{long}}}}}"#)
    });
}

pub(crate) fn in_response(home: &Home, _: &Witnesses) {
    each_shape(home, |long| format!(r#"{{"jsonrpc":"2.0","id":7,"result":{long}}}"#));
}

pub(crate) fn as_id(home: &Home, _: &Witnesses) {
    each_shape(home, |long| format!(r#"{{"jsonrpc":"2.0","id":{long},"method":"ping"}}"#));
}

pub(crate) fn as_method(home: &Home, _: &Witnesses) {
    each_shape(home, |long| format!(r#"{{"jsonrpc":"2.0","id":"m","method":{long}}}"#));
}

pub(crate) fn as_progress_token(home: &Home, _: &Witnesses) {
    each_shape(home, |long| request("ping", &format!(r#"{{"_meta":{{"progressToken":{long}}}}}"#)));
}

pub(crate) fn as_unknown_member(home: &Home, _: &Witnesses) {
    each_shape(home, |long| format!(r#"{{"jsonrpc":"2.0","id":"u","method":"ping","x":{long}}}"#));
}

pub(crate) fn as_no_message(home: &Home, _: &Witnesses) {
    each_shape(home, str::to_owned);
}

/// Each behind as many statements without an end as may run at once.
pub(crate) fn behind_slow_calls(home: &Home, witnesses: &Witnesses) {
    let mut client = home.client();
    client.initialize();
    for shape in SHAPES {
        behind_slow(&mut client, witnesses, 32, &shape());
    }
}

/// From twenty clients at once, each behind statements without an end; two of them may run at once.
pub(crate) fn from_twenty_clients_behind_slow_calls(home: &Home, witnesses: &Witnesses) {
    std::thread::scope(|scope| {
        for at in 0..20 {
            scope.spawn(move || {
                let mut client = home.client();
                client.initialize();
                behind_slow(&mut client, witnesses, 2, &SHAPES[at % SHAPES.len()]());
            });
        }
    });
}

/// `running_max`: what `session_requests_max` is set to.
fn behind_slow(client: &mut Client, witnesses: &Witnesses, running_max: usize, long: &str) {
    let slow: Vec<Value> = (0..running_max).map(|_| client.send_endless_query()).collect();
    client.line(&call("execute_query", &format!(r#"{{"query":"select 1","x":{long}}}"#)));
    witnesses.rounds(20);
    for id in &slow {
        client.notify("notifications/cancelled", &json!({"requestId": id}));
    }
    answered(client);
}

/// Legal ones from twenty clients at once: each is served.
pub(crate) fn from_twenty_clients(home: &Home, _: &Witnesses) {
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut client = home.client();
                client.initialize();
                let statement = format!("select length('{}')", "a".repeat(LONG));
                let answer = client.query(&statement);
                assert!(answer.get("result").is_some(), "a long statement is legal: {answer}");
            });
        }
    });
}

pub(crate) fn as_tool_name(home: &Home, _: &Witnesses) {
    each_shape(home, |long| request("tools/call", &format!(r#"{{"name":{long},"arguments":{{}}}}"#)));
}

/// Where a number belongs, and as the name of an argument.
pub(crate) fn as_limit(home: &Home, _: &Witnesses) {
    each_shape(home, |long| call("execute_query", &format!(r#"{{"query":"select 1","limit":{long}}}"#)));
    each_shape(home, |long| {
        let name = if long.starts_with('"') { long } else { "\"x\"" };
        call("execute_query", &format!(r#"{{"query":"select 1",{name}:1}}"#))
    });
}

/// As many values as a message may have, in requests that each take many times their size.
pub(crate) fn many_values(home: &Home, _: &Witnesses) {
    let mut client = home.client();
    client.initialize();
    for part in [r#"{"a":0}"#, "{}", "[]", "0"] {
        let per_part = part.matches(['{', '[', ':']).count() + 1;
        let values = vec![part; 99_000 / per_part].join(",");
        for _ in 0..20 {
            client.line(&call("execute_query", &format!(r#"{{"query":"select 1","x":[{values}]}}"#)));
        }
        answered(&mut client);
    }
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"long","method":"{method}","params":{params}}}"#)
}

fn call(tool: &str, arguments: &str) -> String {
    request("tools/call", &format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#))
}
