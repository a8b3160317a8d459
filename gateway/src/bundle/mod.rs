//! An MCP bundle (`.mcpb`): both programs and a manifest in one file that a client such as Claude Desktop installs.
//!
//! `manifest` says what the client does with it, on each system that it has programs for, `archive` packs it. Both are pure: the
//! same programs and the same profile make the same bytes.

mod archive;
mod manifest;

pub use archive::{Entry, pack};
pub use manifest::{BundleError, CONFIG_FILE, Facts, MANIFEST_FILE, ProgramFiles, Question, manifest};
