//! Saved questions, prepared on the connections of the profiles that offer them. Nothing of them runs, and nothing is made.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use super::setup::without_making;
use crate::backend::{Backend, ErrorKind, Parameter, Parameters, check_statement};
use crate::config::{Config, ConnectionConfig, OfferedQuestion};
use crate::session::{Profile, Profiles};
use crate::shared::open_backend;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// Questions that were prepared, each on all its connections.
    pub(super) prepared: usize,
    /// What is wrong: each with the setting and the next step.
    pub(super) errors: Vec<String>,
    /// What was not prepared, and why.
    pub(super) notes: Vec<String>,
}

/// Prepares the saved questions of `config`.
///
/// # Errors
/// There is no thread to do it.
pub(super) fn prepare(config: &Config) -> Result<Prepared> {
    let mut found = Prepared::default();
    if config.questions.is_empty() {
        return Ok(found);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("cannot prepare the saved questions")?;
    let mut connections = Connections::default();
    for name in config.questions.keys() {
        let problem = runtime.block_on(async { prepare_one(config, &mut connections, name).await });
        match problem {
            Ok(()) => found.prepared += 1,
            Err(Problem::Error(error)) => found.errors.push(error),
            Err(Problem::NotPrepared(why)) => {
                found.notes.push(format!("queries.{name}: not prepared: {why}"));
            }
        }
    }
    runtime.block_on(async { connections.close().await });
    Ok(found)
}

enum Problem {
    /// It does not work.
    Error(String),
    /// Whether it works is not known.
    NotPrepared(String),
}

/// The backends that were opened, or why one was not.
#[derive(Default)]
struct Connections(BTreeMap<String, Result<std::sync::Arc<dyn Backend>, String>>);

impl Connections {
    fn get(&mut self, config: &Config, name: &str) -> Result<std::sync::Arc<dyn Backend>, String> {
        let opened = self.0.entry(name.to_owned()).or_insert_with(|| open(config, name));
        opened.clone()
    }

    async fn close(self) {
        for backend in self.0.into_values().flatten() {
            backend.close().await;
        }
    }
}

fn open(config: &Config, name: &str) -> Result<std::sync::Arc<dyn Backend>, String> {
    match config.all_connections().remove(name) {
        Some(ConnectionConfig::Sqlite(sqlite)) => {
            let Some(sqlite) = without_making(&sqlite) else {
                return Err(format!("no files yet in {}", sqlite.folder.display()));
            };
            open_backend(&ConnectionConfig::Sqlite(sqlite)).map_err(|error| error.to_string())
        }
        Some(ConnectionConfig::Snowflake(_)) => {
            Err("this command does not log in to Snowflake; its first call compiles it".to_owned())
        }
        None => Err(format!("there is no connection {name:?}")),
    }
}

async fn prepare_one(config: &Config, connections: &mut Connections, name: &str) -> Result<(), Problem> {
    let profiles = Profiles::of(config);
    for profile in config.profiles.keys() {
        let Ok(profile) = profiles.find(config, profile) else { continue };
        if let Some(offered) = profile.question(name) {
            prepare_for(config, connections, &profile, offered).await?;
        }
    }
    Ok(())
}

async fn prepare_for(
    config: &Config,
    connections: &mut Connections,
    profile: &Profile,
    offered: &OfferedQuestion,
) -> Result<(), Problem> {
    let backend = connections.get(config, &profile.connection).map_err(Problem::NotPrepared)?;
    let nothing = |&at: &usize| {
        let parameter = &offered.question.parameters[at];
        Parameter { name: parameter.name.as_str().into(), value: parameter.kind.null() }
    };
    let parameters = Parameters::new(offered.places.iter().map(nothing).collect());
    let checked = check_statement(&*backend, &profile.context, &offered.sql, parameters).await;
    checked.map_err(|error| match error.kind {
        ErrorKind::Statement | ErrorKind::Refused => {
            let hint = error.next_step.as_deref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            let setting = format!("queries.{}.sql", offered.question.name);
            Problem::Error(format!(
                "{setting}: cannot be prepared for the profile `{}`: {}{hint}",
                profile.name, error.message
            ))
        }
        _ => Problem::NotPrepared(error.message),
    })
}
