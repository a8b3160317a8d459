//! `snowgate bundle` and the official tool for bundles: it validates the manifest, and unpacks one that works.

use std::process::Command;

use snowgate_tests::clients::{available, bundle_tool, run};
use snowgate_tests::{Home, Launch, patience};

#[test]
fn the_official_tool_validates_and_unpacks_it() {
    let tool = available(bundle_tool()).join("node_modules/.bin/mcpb");
    let home = Home::new();
    home.configure("[profiles.analyst]\ndatabase = 'TWO'\n");
    let (file, folder) = (home.path().join("x.mcpb"), home.path().join("unpacked"));
    let made = home.run(&["bundle", "--profile", "analyst", "-o", file.to_str().expect("UTF-8")]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let unpacked = run(Command::new(&tool).arg("unpack").args([&file, &folder]), patience());
    let unpacked = unpacked.expect("the tool starts");
    assert!(unpacked.success(), "{}", unpacked.output);
    let valid = run(Command::new(&tool).arg("validate").arg(folder.join("manifest.json")), patience());
    let valid = valid.expect("the tool starts");
    assert!(valid.success() && valid.output.contains("passes"), "{}", valid.output);
    let mut command = home.command(&folder.join("server/snowgate-shim"));
    command.args(["--profile", "analyst"]);
    let mut client = Launch::new(command).start();
    client.initialize();
    assert!(client.query("SELECT 41 + 1").to_string().contains("42"));
    client.leave();
}
