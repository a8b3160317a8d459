//! `snowgate config explain`: which profile a client gets, and what that means.

use std::fmt::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};

use super::OutputArgs;
use crate::config::Config;
use crate::isolation::{Choice, ClientName, Decision, PolicyValue, Who, choose, policy};
use crate::keys::KeyView;
use crate::session::Profiles;

/// For whom.
#[derive(Clone, Debug, Args)]
pub(crate) struct ExplainArgs {
    /// What the client calls itself, as `snowgate sessions` shows it
    #[arg(long, value_name = "NAME")]
    client: Option<String>,

    /// The program that launches the shim: its whole path, or its file name
    #[arg(long, value_name = "PATH")]
    parent: Option<String>,

    /// The client's working directory
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,

    /// The name of an API key: what `snowgate keys` has of it counts, too
    #[arg(long, value_name = "NAME")]
    key: Option<String>,

    /// The profile that the client asks for: `--profile` of its shim, or SNOWGATE_PROFILE
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// A profile, why it is the client's, and its policy.
struct Explanation {
    choice: Choice,
    /// Whether it is another one if the client calls itself otherwise.
    is_open: bool,
    policy: Vec<PolicyValue>,
}

/// The profile for the client of `args`, as text or JSON.
///
/// # Errors
/// The profile that it asks for does not exist, or cannot be used.
pub(super) fn explain(config: &Config, keys: &[KeyView], args: &ExplainArgs) -> Result<String> {
    let folder = args.folder.as_ref().map(std::path::absolute).transpose();
    let folder = folder.context("cannot resolve the path of --folder")?;
    let folder = folder.map(|folder| folder.to_string_lossy().into_owned());
    let who = Who {
        client: args.client.as_deref().map_or(ClientName::NotYet, ClientName::Named),
        parent: args.parent.as_deref(),
        folder: folder.as_deref(),
        key: args.key.as_deref(),
    };
    let key = args.key.as_ref().and_then(|name| keys.iter().find(|key| key.name == *name));
    let asked = key.and_then(|key| key.profile.as_deref()).or(args.profile.as_deref());
    let (choice, is_open) = match choose(config, who, asked)? {
        Decision::Made(choice) => (choice, false),
        Decision::Open(choice) => (choice, true),
    };
    let profiles = Profiles::of(config);
    let identity = key.map(KeyView::identity);
    let profile = profiles.for_key(config, profiles.find(config, &choice.profile)?, identity.as_ref());
    let policy = policy(config, &profile, config.profile(&choice.profile)?);
    let explanation = Explanation { choice, is_open, policy };
    if args.output.json {
        return Ok(format!("{:#}\n", explanation.to_json()));
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = explanation.write(&mut text);
    Ok(text)
}

impl Explanation {
    fn write(&self, out: &mut String) -> fmt::Result {
        let Choice { profile, why, passed } = &self.choice;
        writeln!(out, "profile: {profile}\nwhy: {why}")?;
        if self.is_open {
            writeln!(out, "but: it depends on what the client calls itself; name it with --client")?;
        }
        if !passed.is_empty() {
            writeln!(out, "\nbefore it:")?;
        }
        for (name, why) in passed {
            writeln!(out, "  {name}: {why}")?;
        }
        writeln!(out, "\nwhat holds for its sessions:")?;
        let width = self.policy.iter().map(|value| value.key.len()).max().unwrap_or_default();
        for PolicyValue { key, value, origin } in &self.policy {
            writeln!(out, "  {key:width$}  {}  # {origin}", shown(value))?;
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let Choice { profile, why, passed } = &self.choice;
        let passed: Vec<Value> =
            passed.iter().map(|(profile, why)| json!({"profile": profile, "why": why})).collect();
        let value = |PolicyValue { key, value, origin }: &PolicyValue| {
            ((*key).to_owned(), json!({"value": value, "origin": origin}))
        };
        let policy: Map<String, Value> = self.policy.iter().map(value).collect();
        json!({
            "profile": profile,
            "why": why,
            "depends_on_client": self.is_open,
            "passed": passed,
            "policy": policy,
        })
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
