//! Real MCP clients whose gateway is killed, stopped and restarted under them: before a call, during one, and
//! right after one was answered.
//!
//! `tests/clients/README.md` says what the programs check and how to run one by hand.

use snowgate_tests::clients::{NodeVersion, Plan, run_python, run_typescript};

#[test]
fn python_1() {
    run_python(1, "default", Plan::CarriedOver);
}

#[test]
fn python_2_default() {
    run_python(2, "default", Plan::CarriedOver);
}

#[test]
fn python_2_legacy() {
    run_python(2, "legacy", Plan::CarriedOver);
}

#[test]
fn typescript_1() {
    run_typescript("suite_v1.mjs", "default", NodeVersion::SDK, Plan::CarriedOver);
}

#[test]
fn typescript_2_default() {
    run_typescript("suite_v2.mjs", "default", NodeVersion::SDK, Plan::CarriedOver);
}

#[test]
fn typescript_2_auto() {
    run_typescript("suite_v2.mjs", "auto", NodeVersion::SDK, Plan::CarriedOver);
}
