//! Clients that speak MCP with an accent: served where one can tell what they mean, else refused by the member's
//! name.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, error_text, request_line, stateless, tool_text};

/// A request as PHP and others write it.
#[track_caller]
fn opens(home: &Home, params: &Value) -> Client {
    let mut client = home.client();
    let answer = client.request("initialize", params);
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{params}: {answer}");
    client.notify("notifications/initialized", &json!([]));
    assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
    client
}

#[test]
fn an_initialize_that_can_be_understood_is_served() {
    let home = Home::new();
    for params in [
        json!({"protocolVersion": "2025-11-25"}),
        json!({"protocolVersion": "2025-11-25", "capabilities": {}}),
        json!({"protocolVersion": "2025-11-25", "clientInfo": {"name": "a", "version": "1"}}),
        json!({"protocolVersion": "2025-11-25", "capabilities": null, "clientInfo": null, "_meta": null}),
        json!({"protocolVersion": "2025-11-25", "capabilities": [], "clientInfo": [], "_meta": []}),
        json!({"protocolVersion": "2025-11-25", "capabilities": {"sampling": true, "roots": [], "elicitation": null}}),
        json!({"protocolVersion": "2025-11-25", "clientInfo": {"name": "a", "version": 2}}),
    ] {
        opens(&home, &params).leave();
    }
}

#[test]
fn one_that_cannot_is_refused_by_the_member_s_name_and_may_be_sent_again() {
    let home = Home::new();
    let mut client = home.client();
    for (params, words) in [
        (json!({}), "`protocolVersion` is missing"),
        (json!({"protocolVersion": 7}), "`protocolVersion` must be a string"),
        (json!({"protocolVersion": "2025-11-25", "capabilities": "all"}), "`capabilities` must be an object"),
        (json!({"protocolVersion": "2025-11-25", "capabilities": {"roots": "x"}}), "`capabilities.roots`"),
        (json!({"protocolVersion": "2025-11-25", "clientInfo": {"name": []}}), "`clientInfo.name`"),
        (json!([1]), "must be an object"),
    ] {
        let answer = client.request("initialize", &params);
        let message = error_text(&answer, -32602);
        assert!(message.contains("params of initialize") && message.contains(words), "{params}: {message}");
    }
    assert!(client.initialize()["result"].is_object());
}

#[test]
fn it_is_served_by_the_next_gateway_too() {
    let home = Home::new();
    let mut client =
        opens(&home, &json!({"protocolVersion": "2025-11-25", "capabilities": {"sampling": true}}));
    home.kill_gateway();
    assert_eq!(tool_text(&client.query("select 2 as two")), "two\n2\n(1 row)");
}

#[test]
fn a_list_in_the_place_of_an_empty_object_is_one() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    assert_eq!(client.request("ping", &json!([]))["result"], json!({}));
    assert!(client.request("tools/list", &json!([]))["result"]["tools"].is_array());
    assert!(client.request("tools/list", &json!({"cursor": ""}))["result"]["tools"].is_array());
    let call = client.request("tools/call", &json!({"name": "list_databases", "arguments": []}));
    assert!(tool_text(&call).contains("ONE"), "{call}");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": [],
    });
    let call = json!({"name": "list_databases", "arguments": [], "_meta": meta});
    let call = client.request("tools/call", &call);
    assert!(tool_text(&call).contains("ONE"), "{call}");
}

#[test]
fn params_of_a_call_that_are_none_are_refused_by_the_member_s_name() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    for (params, words) in [
        (json!({}), "`name` is missing"),
        (json!({"name": null}), "`name` is missing"),
        (json!({"name": 7}), "`name` must be a string"),
        (
            json!({"name": "session_info", "arguments": 7}),
            "`arguments` must be an object; a number was given",
        ),
        (
            json!({"name": "session_info", "arguments": [1]}),
            "`arguments` must be an object; a list was given",
        ),
        (json!({"name": "session_info", "_meta": 7}), "`_meta` must be an object"),
        (json!(["session_info"]), "must be an object; a list was given"),
    ] {
        for params in [
            params.clone(),
            if params["name"].is_string() && params["_meta"].is_null() { stateless(params) } else { params },
        ] {
            let answer = client.request("tools/call", &params);
            let message = error_text(&answer, -32602);
            assert!(
                message.contains("params of tools/call") && message.contains(words),
                "{params}: {message}"
            );
        }
    }
    let listed = client.request("tools/list", &json!({"cursor": 7}));
    assert!(error_text(&listed, -32602).contains("`cursor` must be a string"), "{listed}");
}

#[test]
fn every_method_that_is_not_offered_is_answered_alike_in_both_eras() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    for (method, params) in [
        ("no/such", json!({})),
        ("resources/subscribe", json!({"uri": "file:///x"})),
        ("resources/unsubscribe", json!({"uri": "file:///x"})),
        ("prompts/list", json!({})),
        ("prompts/get", json!({"name": "x"})),
        ("tasks/list", json!({})),
        ("skills/list", json!({})),
        ("sampling/createMessage", json!({})),
        ("elicitation/create", json!({})),
        ("roots/list", json!({})),
    ] {
        for params in [params.clone(), stateless(params)] {
            let answer = client.request(method, &params);
            let message = error_text(&answer, -32601);
            assert_eq!(message, format!("Method not found: {method}"), "{params}");
        }
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let home = Home::new();
    let mut client = home.client();
    let initialize = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}});
    client.write(b"\xEF\xBB\xBF");
    client.write(request_line(&json!("first"), "initialize", &initialize).as_bytes());
    assert_eq!(client.answer(&json!("first"))["result"]["protocolVersion"], "2025-11-25");
    client.write(b"\xEF\xBB\xBF\r\n");
    assert_eq!(client.request("ping", &json!({}))["result"], json!({}));
    home.kill_gateway();
    assert_eq!(
        tool_text(&client.query("select 1 as one")),
        "one\n1\n(1 row)",
        "it is sent again, with its mark"
    );
    assert!(client.unclaimed().is_empty(), "{:?}", client.unclaimed());
}

#[test]
fn utf16_is_refused_by_its_name() {
    let home = Home::new();
    for is_little in [true, false] {
        let mut client = home.client();
        let line = format!("\u{feff}{}", request_line(&json!(1), "ping", &json!({})));
        let encode = |unit: u16| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() };
        client.write(&line.encode_utf16().flat_map(encode).collect::<Vec<u8>>());
        let answer = client.next_message();
        let message = error_text(&answer, -32700);
        assert!(message.contains("UTF-16") && message.contains("write UTF-8"), "{message}");
        client.close_stdin();
        assert!(client.rest().is_empty());
        assert!(client.wait().success());
    }
}
