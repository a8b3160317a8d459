//! The documents say what is so: each fenced block is checked or run, each link leads somewhere, and each command
//! and setting that a page names exists.
//!
//! What a block's language does not say, a comment before it does: `<!-- doc: exit 3 -->`,
//! `<!-- doc: skip because REASON -->`. [`pages::Directive`] has them all.

// The commands of the documents are those of a POSIX shell.
#![cfg(unix)]
#![allow(clippy::disallowed_macros)]

mod commands;
mod configs;
mod links;
mod names;
mod pages;
mod place;
mod recovery;
mod runbook;
mod script;
mod walk;
mod walk_snowflake;
