//! Where the HTTP front listens, and what becomes of that when the gateway ends, is killed or starts again.

use snowgate_tests::{Home, HttpConnection, HttpGateway, tool_text};

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
fn status_tells_the_port_that_the_system_chose() {
    let home = Home::new();
    home.configure("[http]\nenabled = true\nlisten = '127.0.0.1:0'\nauth = 'none'\n");
    let mut client = home.client();
    client.initialize();
    let status = home.status().expect("a running gateway");
    let address = status["http"]["address"].as_str().expect("an address");
    assert!(!address.ends_with(":0"), "{status}");
    assert_eq!(status["http"]["auth"], "none");
    let response =
        HttpConnection::to(address.parse().expect("an address")).request("GET", "/nowhere", &[], b"");
    assert_eq!(response.status, 404);
    let shown = home.run(&["status"]).stdout;
    assert!(shown.contains(&format!("http         {address}, no TLS, auth = none")), "{shown}");
}
