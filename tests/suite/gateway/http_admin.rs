//! What an operator does over HTTP: with a key whose role may.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, HttpGateway, HttpResponse, tool_text, until};

use super::keys::create;

/// A gateway with an operator's key, and one of another role.
fn gateway() -> (HttpGateway, String, String) {
    let gateway = HttpGateway::with(Home::new(), "", "read_only = false\n");
    let operator = create(&gateway.home, &["--name", "operator", "--role", "admin"]);
    let analyst = create(&gateway.home, &["--name", "analyst", "--role", "analyst"]);
    (gateway, operator, analyst)
}

fn post(gateway: &HttpGateway, key: &str, path: &str, body: &Value) -> HttpResponse {
    gateway.post(path, &[("X-API-Key", key)], body)
}

/// A shim's client with a statement that runs until it is stopped.
fn busy(gateway: &HttpGateway) -> (Client, Value, String) {
    let mut client = gateway.home.client();
    client.initialize();
    let request = client.send_endless_query();
    let sessions = gateway.home.sessions_until("the statement runs", |sessions| {
        sessions.iter().any(|session| session["running"].as_u64() > Some(0))
    });
    let id = sessions[0]["id"].as_str().expect("an id").to_owned();
    (client, request, id)
}

#[test]
fn only_a_key_whose_role_may_can_do_what_an_operator_does() {
    let (gateway, operator, analyst) = gateway();
    for path in ["/admin/drain", "/admin/reload", "/admin/sessions/0a1b2c3d/kill"] {
        let refused = post(&gateway, &analyst, path, &json!({}));
        assert_eq!(
            (refused.status, refused.error_code().as_str()),
            (403, "permission_denied"),
            "{refused:?}"
        );
        assert_eq!(gateway.post(path, &[], &json!({})).status, 401);
        assert_eq!(gateway.connect().request("GET", path, &[("X-API-Key", &operator)], b"").status, 405);
    }
    assert_eq!(gateway.get("/health").status, 200, "nothing was done");
    assert_eq!(gateway.get("/status").status, 401);
}

#[test]
fn an_operator_stops_what_a_session_runs() {
    let (gateway, operator, _) = gateway();
    let (mut client, request, id) = busy(&gateway);
    let path = |target: &str| format!("/admin/sessions/{target}/kill");
    for (target, body, status, code) in [
        ("abc", json!({}), 400, "arguments_invalid"),
        ("ffffffffffff", json!({}), 404, "no_such_session"),
        (&format!("{id}:999"), json!({}), 404, "no_such_call"),
        (&format!("{id}:x"), json!({}), 400, "arguments_invalid"),
        (&id, json!({ "requests": 1 }), 400, "arguments_invalid"),
    ] {
        let refused = post(&gateway, &operator, &path(target), &body);
        assert_eq!((refused.status, refused.error_code().as_str()), (status, code), "{target}: {refused:?}");
    }
    let killed = post(&gateway, &operator, &path(&id), &json!({}));
    assert_eq!((killed.status, &killed.json()["session"]), (200, &json!(id)), "{killed:?}");
    assert_eq!(killed.json()["requests"].as_array().map(Vec::len), Some(1), "{killed:?}");
    let answer = client.answer(&request);
    assert!(tool_text(&answer).contains("was stopped by the user of this machine"), "{answer}");

    let recorded = || {
        let output = gateway.home.run(&["audit", "search", "--json", "--kind", "kill"]);
        let lines = output.stdout.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.collect::<Vec<Value>>()
    };
    // Three named no session or call; what cannot be read names none at all.
    until("the audit trail has who stopped what", || {
        recorded().last().is_some_and(|last| last["target"] == id)
    });
    let outcomes: Vec<Value> = recorded().iter().map(|record| record["outcome"].clone()).collect();
    assert_eq!(outcomes, ["denied", "denied", "denied", "allowed"], "{:?}", recorded());
    assert!(recorded().iter().all(|record| record["via"] == "http" && record["key"].is_string()));
}

#[test]
fn a_reload_applies_what_it_can_restarts_for_the_rest_and_refuses_a_wrong_config() {
    let (gateway, operator, _) = gateway();
    let instance = || gateway.home.status().expect("a gateway")["instance"].clone();
    let first = instance();
    let same = post(&gateway, &operator, "/admin/reload", &json!({}));
    let answer = |applied: &[&str], needs_restart: &[&str]| json!({ "restarts": !needs_restart.is_empty(), "applied": applied, "needs_restart": needs_restart });
    assert_eq!((same.status, same.json()), (200, answer(&[], &[])));
    assert_eq!(instance(), first);
    let file = gateway.home.config_file();
    let text = std::fs::read_to_string(&file).expect("the config file");
    std::fs::write(&file, format!("{text}[limits]\nrows_max = 'many'\n")).expect("writing it");
    let refused = post(&gateway, &operator, "/admin/reload", &json!({}));
    assert_eq!((refused.status, refused.error_code().as_str()), (409, "config_invalid"), "{refused:?}");
    assert!(refused.text().contains("limits.rows_max"), "{refused:?}");
    assert_eq!(instance(), first);
    std::fs::write(&file, format!("{text}[limits]\nrows_max = 7\n")).expect("writing it");
    let changed = post(&gateway, &operator, "/admin/reload", &json!({}));
    assert_eq!((changed.status, changed.json()), (200, answer(&["limits.rows_max"], &[])));
    assert_eq!(instance(), first);
    std::fs::write(&file, format!("{text}[limits]\nrows_max = 7\n[pool]\nconnections_max = 3\n"))
        .expect("writing it");
    let changed = post(&gateway, &operator, "/admin/reload", &json!({}));
    assert_eq!((changed.status, changed.json()), (202, answer(&[], &["pool.connections_max"])));
    until("the next gateway runs", || {
        gateway.home.status().is_some_and(|status| status["instance"] != first)
    });
    assert_eq!(gateway.get("/health").status, 200);
}

#[test]
fn a_drain_ends_the_gateway_once_what_runs_is_answered() {
    let (gateway, operator, _) = gateway();
    let drained = post(&gateway, &operator, "/admin/drain", &json!({}));
    assert_eq!((drained.status, &drained.json()["status"]), (202, &json!("draining")), "{drained:?}");
    until("the gateway is gone", || !gateway.home.is_running(gateway.pid()));
}
