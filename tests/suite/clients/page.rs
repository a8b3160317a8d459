//! The page, and the app that clients show, in a real browser. `tests/clients/browser/README.md` says how to run it by hand.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use snowgate_tests::clients::{NodeVersion, available, browser, folder, node, run};
use snowgate_tests::{binaries, patience};

/// A run has a dozen checks, each of some steps.
const STEPS_MAX: u32 = 20;

/// Names another Chromium than Debian's.
const VARIABLE: &str = "CHROMIUM";

#[test]
fn the_page_in_chromium() {
    run_in_chromium("page.mjs");
}

#[test]
fn the_app_in_chromium() {
    run_in_chromium("app.mjs");
}

fn run_in_chromium(program: &str) {
    let chromium =
        std::env::var_os(VARIABLE).map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
    if !chromium.is_file() {
        assert!(std::env::var_os("CI").is_none(), "{} is missing: apt install chromium", chromium.display());
        let text =
            format!("skipped: there is no {} (the variable {VARIABLE} names another)\n", chromium.display());
        // Past the test's own capture: a test that checks nothing is not to look as if it did.
        let _ = std::io::stderr().write_all(text.as_bytes());
        return;
    }
    let modules = available(browser());
    let mut command = Command::new(available(node(NodeVersion::SDK)));
    command.arg(folder().join("browser").join(program));
    command.args([&binaries().gateway, &binaries().shim]).arg(modules);
    command.env(VARIABLE, chromium).env("TEST_PATIENCE_SECONDS", patience().as_secs().to_string());
    let finished = run(&mut command, STEPS_MAX * patience()).expect("the program starts");
    assert!(finished.success(), "{}", finished.output);
}
