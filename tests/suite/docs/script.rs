//! Blocks of commands made into a script that says how each command ended.

use std::process::Command;

use super::pages::{Block, Directive};

/// A command of a block: one or several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The page and line of its block.
    pub(crate) place: String,
    /// Its text.
    pub(crate) text: String,
    /// Exit codes that are right.
    pub(crate) codes: Vec<i32>,
    /// Those that a command of its block must end with.
    pub(crate) expected: Vec<i32>,
    /// What it reads.
    pub(crate) stdin: Option<String>,
}

/// The commands of a block, in order. A block that is a file is one command, which writes it.
pub(crate) fn steps(block: &Block) -> Vec<Step> {
    if block.skipped().is_some() {
        return Vec::new();
    }
    let step = |text: String| {
        let (mut codes, mut expected, mut stdin) = (vec![0], Vec::new(), None);
        for directive in &block.directives {
            match directive {
                Directive::Exit(code) => {
                    codes.push(*code);
                    expected.push(*code);
                }
                Directive::MayExit(code) => codes.push(*code),
                Directive::Stdin(text) => stdin = Some(text.clone()),
                _ => {}
            }
        }
        Step { place: block.place.clone(), text, codes, expected, stdin }
    };
    let file = block.directives.iter().find_map(|directive| match directive {
        Directive::File(path) => Some((path, ">")),
        Directive::Append(path) => Some((path, ">>")),
        _ => None,
    });
    if let Some((path, arrow)) = file {
        // Its folder is there, or the page makes it.
        return vec![step(format!("cat {arrow} {path} <<'END_OF_FILE'\n{}END_OF_FILE", block.text))];
    }
    if !block.is_shell() {
        return Vec::new();
    }
    commands(block).into_iter().map(step).collect()
}

/// The commands of a block: lines, joined until the shell has a whole command.
fn commands(block: &Block) -> Vec<String> {
    let is_console = block.language == "console";
    let (mut found, mut open) = (Vec::new(), String::new());
    for line in block.text.lines() {
        let line = match line.strip_prefix("$ ") {
            Some(command) if is_console => command,
            // What a command has said.
            _ if is_console && open.is_empty() => continue,
            _ => line,
        };
        let is_nothing = line.trim().is_empty() || line.trim_start().starts_with('#');
        if open.is_empty() && is_nothing {
            continue;
        }
        if !open.is_empty() {
            open.push('\n');
        }
        open.push_str(line);
        if !line.ends_with('\\') && is_whole(&open) {
            found.push(std::mem::take(&mut open));
        }
    }
    assert!(open.is_empty(), "{}: the last command is not whole: {open}", block.place);
    found
}

/// Whether the shell can read it to its end.
fn is_whole(text: &str) -> bool {
    let output = Command::new("bash").args(["-n", "-c", text]).output().expect("bash starts");
    // A here-document without its end is only a warning.
    output.status.success() && !String::from_utf8_lossy(&output.stderr).contains("here-document")
}

/// One script of all steps. After each it writes the step's number and its exit code to `$DOC_CODES`.
pub(crate) fn script(steps: &[Step]) -> String {
    let mut text = String::from("set -o pipefail\n");
    for (number, step) in steps.iter().enumerate() {
        match &step.stdin {
            Some(stdin) => {
                let command = &step.text;
                text.push_str(&format!("{{ {command}\n}} <<'END_OF_STDIN'\n{stdin}\nEND_OF_STDIN\n"));
            }
            None => text.push_str(&format!("{}\n", step.text)),
        }
        text.push_str(&format!("echo \"{number} $?\" >> \"$DOC_CODES\"\n"));
    }
    text
}

#[test]
fn a_block_becomes_commands() {
    let block = |language: &str, text: &str| Block {
        place: "p.md:1".into(),
        language: language.into(),
        text: text.into(),
        directives: Vec::new(),
    };
    let shell = block(
        "sh",
        "# why\nls\n\nfor a in 1 2; do\n  echo $a\ndone\ncurl x \\\n  -d '{\n}'\ncat <<X\na\nX\n",
    );
    assert_eq!(
        commands(&shell),
        ["ls", "for a in 1 2; do\n  echo $a\ndone", "curl x \\\n  -d '{\n}'", "cat <<X\na\nX"]
    );
    let console = block("console", "$ ls\na\n$ curl x \\\n   -d y\n{}\n");
    assert_eq!(commands(&console), ["ls", "curl x \\\n   -d y"]);
}
