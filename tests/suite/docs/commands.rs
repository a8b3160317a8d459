//! Every command of the documents runs, and ends as its page says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::pages::{Block, Directive, Page, WalkFrom, pages};
use super::place::{Needs, Place};
use super::script::{Step, steps};

/// Blocks that are not run, over all pages. A page that needs another one gives a reason and raises it.
const SKIPPED_MAX: usize = 12;

/// Lines of what a walk said that a failure shows.
const SAID_LINES_MAX: usize = 60;

/// Places at once.
const WORKERS: usize = 4;

/// What is run in one place, in one shell.
struct Walk {
    name: String,
    needs: Needs,
    steps: Vec<Step>,
}

#[test]
fn every_command_of_the_documents_runs() {
    let walks: Vec<Walk> = pages().iter().flat_map(walks).collect();
    assert!(walks.len() > 10, "commands are found");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(walk) = walks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = run(walk);
                    wrong.lock().expect("no worker panics with it").extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no worker panics with it");
    assert!(wrong.is_empty(), "commands that fail:\n{}", wrong.join("\n"));
}

/// Each block is a walk of its own, unless the page says that all are one.
fn walks(page: &Page) -> Vec<Walk> {
    if let Some(from) = page.walk {
        let needs = Needs { is_bare: from == WalkFrom::Nothing, ..Needs::default() };
        return vec![Walk {
            name: page.path.clone(),
            needs,
            steps: page.blocks.iter().flat_map(steps).collect(),
        }];
    }
    let walk = |block: &Block| Walk { name: block.place.clone(), needs: needs(block), steps: steps(block) };
    page.blocks
        .iter()
        .filter(|block| block.is_shell())
        .map(walk)
        .filter(|walk| !walk.steps.is_empty())
        .collect()
}

fn needs(block: &Block) -> Needs {
    Needs {
        is_bare: block.says(&Directive::Bare),
        has_no_keys: block.says(&Directive::NoKeys),
        has_call: block.text.contains("snowgate kill"),
        may_write: false,
    }
}

/// Runs a walk; returns what is wrong.
fn run(walk: &Walk) -> Vec<String> {
    let ended = Place::new(walk.needs).run(&walk.steps);
    let mut wrong = Vec::new();
    for (number, step) in walk.steps.iter().enumerate() {
        match ended.codes.get(number) {
            Some(code) if step.codes.contains(code) => {}
            Some(code) => wrong.push(format!("{}: exit code {code}: {}", step.place, step.text)),
            None => wrong.push(format!("{}: was not run to its end: {}", step.place, step.text)),
        }
    }
    wrong.extend(codes_that_none_had(&walk.steps, &ended.codes));
    if !wrong.is_empty() {
        let said: Vec<&str> = ended.output.lines().rev().take(SAID_LINES_MAX).collect();
        let said: Vec<&str> = said.into_iter().rev().collect();
        wrong.push(format!("--- what {} said at its end:\n{}\n---", walk.name, said.join("\n")));
    }
    wrong
}

/// Of each block that names an exit code: whether a command of it had that.
fn codes_that_none_had(steps: &[Step], codes: &[i32]) -> Vec<String> {
    let mut wrong = Vec::new();
    for step in steps {
        for code in &step.expected {
            let of_block = steps.iter().zip(codes).filter(|(other, _)| other.place == step.place);
            let line = format!("{}: no command ended with {code}", step.place);
            if !of_block.map(|(_, ended)| ended).any(|ended| ended == code) && !wrong.contains(&line) {
                wrong.push(line);
            }
        }
    }
    wrong
}

#[test]
fn an_exit_code_that_a_block_names_must_come() {
    let step = |place: &str, expected: &[i32]| Step {
        place: place.to_owned(),
        text: String::new(),
        codes: vec![0, 1, 3],
        expected: expected.to_vec(),
        stdin: None,
    };
    let steps = [step("a", &[3]), step("a", &[3]), step("b", &[])];
    assert_eq!(codes_that_none_had(&steps, &[0, 3, 0]), Vec::<String>::new());
    assert_eq!(codes_that_none_had(&steps, &[0, 0, 3]), ["a: no command ended with 3"]);
}

#[test]
fn a_command_that_fails_is_named_with_its_page_and_line() {
    let text = "a\n\n```sh\nsnowgate status\nsnowgate stauts\ncargo test -p snowgate-tests --test docs\ncargo test --test nothing\n\
                just fmt\njust nothing\n```\n\n<!-- doc: skip because it is not to be run -->\n```sh\nfalse\n```\n";
    let walks = walks(&Page::parse("p.md", text));
    assert_eq!(walks.len(), 1);
    let wrong = run(&walks[0]);
    let wrong: Vec<&str> = wrong.iter().filter_map(|line| line.strip_prefix("p.md:3: exit code ")).collect();
    assert_eq!(wrong, ["64: snowgate stauts", "101: cargo test --test nothing", "1: just nothing"]);
}

#[test]
fn few_blocks_are_not_run_and_each_says_why() {
    let blocks: Vec<Block> = pages().into_iter().flat_map(|page| page.blocks).collect();
    let skipped: Vec<&Block> = blocks.iter().filter(|block| block.skipped().is_some()).collect();
    for block in &skipped {
        let reason = block.skipped().unwrap_or_default();
        assert!(reason.split(' ').count() >= 3, "{}: a reason is a sentence: {reason:?}", block.place);
    }
    assert!(skipped.len() <= SKIPPED_MAX, "{} blocks are skipped: {skipped:#?}", skipped.len());
}
