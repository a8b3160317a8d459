//! The fuzz targets' corpora, run by an ordinary test: what fuzzing has found once is tested from then on.
//!
//! `fuzz/src` says what each target checks, `fuzz/README.md` how to fuzz.

#![allow(clippy::unwrap_used)]

#[path = "../../fuzz/src/lib.rs"]
pub mod targets;

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Runs `target` over every file of its corpus, and names those that fail.
fn run_corpus(name: &str, target: fn(&[u8])) {
    // The clone that runs the test, which need not be the one in which a shared target folder compiled it.
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let folder = Path::new(&package).join("../fuzz/corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let fails = |file: &PathBuf| {
        let input = fs::read(file).unwrap();
        catch_unwind(AssertUnwindSafe(|| target(&input))).is_err()
    };
    let failed: Vec<PathBuf> = files.into_iter().filter(fails).collect();
    assert!(failed.is_empty(), "the panics above are from {failed:?}");
}

#[test]
fn hellos() {
    run_corpus("hello", targets::hello);
}

#[test]
fn frames() {
    run_corpus("frames", targets::frames);
}

#[test]
fn shim_links() {
    run_corpus("shim_link", targets::shim_link);
}

#[test]
fn gateway_links() {
    run_corpus("gateway_link", targets::gateway_link);
}

#[test]
fn lines() {
    run_corpus("lines", targets::lines);
}
