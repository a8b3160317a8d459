//! The official conformance suites against `/mcp`. `tests/clients/conformance/README.md` says what fails, and why.

use std::process::Command;

use snowgate_tests::HttpGateway;
use snowgate_tests::clients::{NodeVersion, available, conformance, folder, node, run};
use snowgate_tests::patience;

/// A run has some fifty scenarios.
const STEPS_MAX: u32 = 10;

#[test]
fn the_stable_suite() {
    conform("conformance-stable", "stable", &["--suite", "all"]);
}

#[test]
fn the_newest_suite_for_sessions() {
    conform("conformance-next", "next-2025-11-25", &["--requirements", "2025-11-25"]);
}

#[test]
fn the_newest_suite_for_stateless_requests() {
    conform("conformance-next", "next-2026-07-28", &["--requirements", "2026-07-28"]);
}

#[track_caller]
fn conform(suite: &str, expected: &str, what: &[&str]) {
    let program = available(conformance()).join("node_modules").join(suite).join("dist/index.js");
    let gateway = HttpGateway::new();
    let mut command = Command::new(available(node(NodeVersion::INSPECTOR)));
    command.arg(program).args(["server", "--url", &gateway.url("/mcp"), "--expected-failures"]);
    command.arg(folder().join("conformance").join(format!("{expected}.yml"))).args(what);
    // It writes into the folder that it is started in.
    command.current_dir(gateway.home.path());
    let finished = run(&mut command, STEPS_MAX * patience()).expect("the program starts");
    assert!(finished.success(), "{}", finished.output);
}
