//! Real MCP clients: every tool, a client in each of three databases at the same time, errors, writes,
//! cancels.

use snowgate_tests::clients::{NodeVersion, Plan, run_python, run_typescript};

#[test]
fn python_1() {
    run_python(1, "default", Plan::Snowflake);
}

#[test]
fn python_2_default() {
    run_python(2, "default", Plan::Snowflake);
}

#[test]
fn python_2_legacy() {
    run_python(2, "legacy", Plan::Snowflake);
}

#[test]
fn typescript_1() {
    run_typescript("suite_v1.mjs", "default", NodeVersion::SDK, Plan::Snowflake);
}

#[test]
fn typescript_2_default() {
    run_typescript("suite_v2.mjs", "default", NodeVersion::SDK, Plan::Snowflake);
}

#[test]
fn typescript_2_auto() {
    run_typescript("suite_v2.mjs", "auto", NodeVersion::SDK, Plan::Snowflake);
}
