//! The official SDKs over streamable HTTP, in both eras, and over WebSocket where they have it.

use snowgate_tests::clients::{NodeVersion, Plan, run_python, run_typescript};

#[test]
fn python_1() {
    run_python(1, "default", Plan::Http);
}

#[test]
fn python_1_over_websocket() {
    run_python(1, "default", Plan::WebSocket);
}

#[test]
fn python_2_default() {
    run_python(2, "default", Plan::Http);
}

#[test]
fn python_2_legacy() {
    run_python(2, "legacy", Plan::Http);
}

#[test]
fn typescript_1() {
    run_typescript("suite_v1.mjs", "default", NodeVersion::SDK, Plan::Http);
}

/// Node has a WebSocket of its own since 22.
#[test]
fn typescript_1_over_websocket() {
    run_typescript("suite_v1.mjs", "default", NodeVersion::INSPECTOR, Plan::WebSocket);
}

#[test]
fn typescript_2_default() {
    run_typescript("suite_v2.mjs", "default", NodeVersion::SDK, Plan::Http);
}

#[test]
fn typescript_2_auto() {
    run_typescript("suite_v2.mjs", "auto", NodeVersion::SDK, Plan::Http);
}
