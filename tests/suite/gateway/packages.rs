//! What packages are made of, as far as it is quick: manual pages, completions, and packages without programs.
//! `packaging/test` has what needs a clean root.

#[cfg(target_os = "linux")]
mod linux;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use snowgate_tests::{Home, binaries};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn each_command_has_a_manual_page() {
    let home = Home::bare();
    let folder = home.path().join("man");
    let output = home.run(&["man", folder.to_str().expect("UTF-8")]);
    assert_eq!(output.code, Some(0), "{output:?}");
    for page in ["snowgate.1", "snowgate-status.1", "snowgate-config-check.1", "snowgate-bundle.1"] {
        let text = fs::read_to_string(folder.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".TH ") && text.contains("DESCRIPTION"), "{page}");
    }
    assert!(!folder.join("snowgate-man.1").exists(), "a hidden command has no page");
}

#[test]
fn the_shims_manual_page_has_each_of_its_options() {
    let page = fs::read_to_string(root().join("packaging/man/snowgate-shim.1")).expect("the page");
    let page = page.replace('\\', "");
    let help = Command::new(&binaries().shim).arg("--help").output().expect("the shim starts");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let is_named = |word: &&str| word.starts_with("--") || word.starts_with("SNOWGATE_");
    let words = help.split(|char: char| !(char.is_ascii_alphanumeric() || "-_".contains(char)));
    let missing: Vec<&str> = words.filter(is_named).filter(|word| !page.contains(word)).collect();
    assert!(help.contains("--profile") && missing.is_empty(), "{missing:?}");
}
