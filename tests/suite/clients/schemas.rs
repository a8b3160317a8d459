//! The schemas of the tools, held against what clients and makers of models take.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use snowgate_tests::clients::{available, check_schemas_with_ajv, folder, genai_python, run};
use snowgate_tests::{Home, TOOLS, patience};

/// The tools of a gateway that may write, or may not, in a file of `home`.
fn listed(home: &Home, read_only: bool) -> PathBuf {
    home.configure(&format!("read_only = {read_only}\n"));
    let mut client = home.client();
    client.initialize();
    let answer = client.request("tools/list", &json!({}));
    let tools = &answer["result"]["tools"];
    assert_eq!(tools.as_array().map(Vec::len), Some(TOOLS), "{answer}");
    let file = home.path().join("tools.json");
    fs::write(&file, tools.to_string()).expect("writing the list");
    client.leave();
    file
}

#[test]
fn ajv_takes_them_in_strict_mode() {
    for read_only in [true, false] {
        let home = Home::new();
        check_schemas_with_ajv(&listed(&home, read_only));
    }
}

#[test]
fn google_genai_and_the_strict_rules_of_openai_take_them() {
    let python = available(genai_python());
    for read_only in [true, false] {
        let home = Home::new();
        let mut check = Command::new(&python);
        check.arg("-B").arg(folder().join("schemas/check.py")).arg(listed(&home, read_only));
        let finished = run(&mut check, patience()).expect("Python starts");
        assert!(finished.success(), "{}", finished.output);
    }
}
