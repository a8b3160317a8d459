//! The inspector's command line, a process a call.

use snowgate_tests::clients::{NodeVersion, Plan, run_typescript};

#[test]
fn in_front_of_sqlite() {
    inspect(Plan::Checks);
}

#[test]
fn in_front_of_fakesnow() {
    inspect(Plan::Snowflake);
}

#[track_caller]
fn inspect(plan: Plan) {
    run_typescript("suite_inspector.mjs", "default", NodeVersion::INSPECTOR, plan);
}
