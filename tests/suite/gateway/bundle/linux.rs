//! What `/proc` shows of a bundle's gateway.

use super::*;

#[test]
fn a_bundle_works_where_it_is_unpacked_and_has_its_profile() {
    let home = Home::new();
    home.configure(ANALYST);
    let bundle = unpacked(&home, &["--profile", "analyst"]);
    let tools = manifest(bundle.path())["tools"].clone();
    assert_eq!(tools.as_array().map(Vec::len), Some(2), "{tools}");
    let mut client = launch(&home, bundle.path(), &BTreeMap::new());
    let info = tool_text(&client.call("session_info", &json!({}))).to_owned();
    assert!(info.contains("analyst") && info.contains("TWO"), "{info}");
    // The gateway is the bundle's own, and none of its variables makes it another client's.
    let program = fs::read_link(format!("/proc/{}/exe", home.gateway_pid())).expect("the gateway's program");
    assert_eq!(program, fs::canonicalize(bundle.path().join("server/snowgate")).expect("a path"));
    let own = home.client();
    home.sessions_until("a shim of another folder shares the gateway", |sessions| sessions.len() == 2);
    drop(own);
    client.leave();
}
