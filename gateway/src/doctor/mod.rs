//! `snowgate doctor` and `report`: what is wrong with an installation, why, and what mends it.
//!
//! Each area has a file with two parts: `gather` looks, within bounds, and `examine` makes findings of what was found, without a
//! look at anything. `situation` is what all of them look at; `check` lists what can be wrong, in the order in which one thing
//! depends on another; `finding` puts causes before what follows from them. `fix` mends what is safe to mend, `secrets` keeps
//! secrets out of every text, `bundle` packs a report.
//!
//! Invariant: a look changes nothing, sends no password that was refused, and none at all unless it is asked to log in.

mod account;
mod audit;
mod bundle;
mod check;
mod clients;
mod config;
mod disk;
mod endpoint;
mod finding;
mod fix;
mod gateway;
mod http;
mod keys;
mod limits;
mod logs;
mod network;
mod programs;
mod refused;
mod secrets;
mod service;
mod situation;
mod sqlite;
mod state;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use bundle::{Part, pack, part_of, parts};
pub use check::{Area, Check, reference};
pub use finding::{AreaState, AreaView, Diagnosis, Examined, Finding, Fix};
pub use fix::{Fixed, apply, steps};
pub use secrets::Scrubber;
pub use situation::{Asked, Options, Situation};
use tokio::task::JoinSet;

use account::{AccountFacts, Permission};
use refused::RefusedPasswords;

use crate::backend::Wall;
use crate::backend::snowflake::SnowflakeSettings;
use crate::config::{Config, ConnectionConfig};
use crate::observe::ConnectionView;
use crate::shared::sqlite_settings;

/// How long the runtime's last short jobs may take: the look-up of a name cannot be stopped.
const RUNTIME_END_TIMEOUT: Duration = Duration::from_millis(100);

/// Looks at everything. Takes a few seconds where something hangs.
pub fn examine(situation: &Situation<'_>) -> Diagnosis {
    let paths = &situation.paths;
    let mut areas = vec![
        disk::examine(&disk::gather(paths))
            .with(disk::gather_config(paths).as_ref().and_then(disk::examine_config)),
        endpoint::examine(&endpoint::gather(situation)),
        programs::examine(&programs::gather(situation)),
        config::examine(situation),
        gateway::examine(situation, &gateway::gather(situation)),
        state::examine(&paths.state_dir, &state::gather(&paths.state_dir)),
        logs::examine(&paths.log_dir, &logs::gather(&paths.log_dir)),
        audit::examine(&audit::gather(&paths.state_dir)),
        clients::examine(clients::gather(situation).as_ref()),
        service::examine(service::gather(situation).as_ref()),
    ];
    match &situation.config {
        Ok(config) => areas.extend(configured(situation, config)),
        Err(_) => {
            let areas_of_config = [Area::Limits, Area::Keys, Area::Http, Area::Connection];
            areas.extend(areas_of_config.map(|area| Examined::skipped(area, "the configuration has errors")));
        }
    }
    areas.sort_by_key(Examined::area);
    let scrubber = Scrubber::of(situation.env, situation.config.as_ref().ok());
    Diagnosis::of(areas).cleaned(&scrubber)
}

/// What the user's places are is not known: nothing else can be looked at.
pub fn without_places(what: &anyhow::Error, next_step: Option<String>) -> Diagnosis {
    let finding = Finding::critical(Check::NoPlaces, what.to_string())
        .because("config, data, state, log and socket belong into folders of your home")
        .mended_by("set HOME, or SNOWGATE_HOME to the absolute path of a folder for Snowgate")
        .mended_by_any(next_step);
    Diagnosis::of(vec![Examined::new(Area::Places, "").with([finding])])
}

/// Where the socket belongs is not known.
pub fn without_socket(what: &anyhow::Error, next_step: Option<String>) -> Diagnosis {
    let finding = Finding::critical(Check::EndpointPath, what.to_string())
        .because("shims and the gateway meet at that path, so neither can do without it")
        .mended_by_any(next_step);
    Diagnosis::of(vec![Examined::new(Area::Endpoint, "").with([finding])])
}

/// What depends on the configuration.
fn configured(situation: &Situation<'_>, config: &Config) -> Vec<Examined> {
    let state = &situation.paths.state_dir;
    let mut areas = vec![
        limits::examine(limits::gather(), config),
        keys::examine(state, config.http.as_ref(), &keys::gather(state)),
    ];
    if let Some(http) = &config.http {
        areas.push(http::examine(
            http,
            &http::gather(http, situation.status().is_some() || situation.lock_holder.is_some()),
        ));
    }
    let (mut accounts, mut others) = (Vec::new(), Vec::new());
    for (name, connection) in used(config) {
        match connection {
            ConnectionConfig::Sqlite(sqlite) => {
                let settings = sqlite_settings(&sqlite);
                let examined = sqlite::examine(&name, &settings, &sqlite::gather(&settings));
                others.push(examined.with(sqlite_problem(situation, &name)));
            }
            ConnectionConfig::Snowflake(settings) => accounts.push((name, *settings)),
        }
    }
    areas.extend(others);
    areas.extend(examine_accounts(situation, config, accounts));
    areas
}

/// The connections that sessions can use, and those that the configuration defines.
fn used(config: &Config) -> BTreeMap<String, ConnectionConfig> {
    let by_profiles = config.profiles.values().filter_map(|profile| profile.connection.as_deref());
    let default = config.backend.connection();
    let used: BTreeSet<&str> =
        by_profiles.chain([default]).chain(config.connections.keys().map(String::as_str)).collect();
    let mut all = config.all_connections();
    all.retain(|name, _| used.contains(name.as_str()));
    all
}

/// What the running gateway says of a connection.
fn running(situation: &Situation<'_>, name: &str) -> Option<ConnectionView> {
    let connections = situation.status().map(|status| &status.connections)?;
    connections.iter().find(|connection| connection.name == name).cloned()
}

fn sqlite_problem(situation: &Situation<'_>, name: &str) -> Option<Finding> {
    let problem = running(situation, name)?.problem?;
    Some(
        Finding::critical(Check::Backend, problem)
            .because("the gateway that runs says so")
            .mended_by("snowgate breaker"),
    )
}

/// What the profiles that use the connection require of its sessions.
fn walls(config: &Config, name: &str) -> Vec<Wall> {
    let default = config.backend.connection();
    let profiles = config.profiles.values();
    let uses = profiles.filter(|profile| profile.connection.as_deref().unwrap_or(default) == name);
    let mut walls: Vec<Wall> = uses
        .filter_map(|profile| Wall::new(profile.require_agent_session, profile.require_scope.clone()))
        .collect();
    walls.dedup();
    walls
}

/// Accounts are looked at all at once; log-ins are tried one after the other, and none with a password that was refused.
fn examine_accounts(
    situation: &Situation<'_>,
    config: &Config,
    accounts: Vec<(String, SnowflakeSettings)>,
) -> Vec<Examined> {
    if accounts.is_empty() {
        return Vec::new();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let why = format!("not looked at: {error}");
            return vec![Examined::skipped(Area::Connection, why)];
        }
    };
    let wall = situation.status().and_then(|status| status.backend_wall.clone());
    let default = config.backend.connection();
    let of_running = |name: &str| (running(situation, name), wall.clone().filter(|_| name == default));
    let options = &situation.options;
    let mut examined = Vec::new();
    if options.logs_in {
        let mut refused = RefusedPasswords::read(&situation.paths.state_dir);
        if options.sends_refused_password {
            // Those of before. What is refused now counts: connections may have one user.
            refused = refused.overriding_earlier();
        }
        for (name, settings) in accounts {
            let permission = Permission { logs_in: true, was_refused: refused.has(&settings) };
            let (walls, (running, wall)) = (walls(config, &name), of_running(&name));
            let facts = runtime.block_on(account::gather(&settings, &walls, permission, running, wall));
            note(&mut refused, &settings, &facts);
            examined.push(account::examine(&name, &settings, &walls, &facts));
        }
    } else {
        let looks = accounts.into_iter().map(|(name, settings)| {
            let (walls, (running, wall)) = (walls(config, &name), of_running(&name));
            let permission = Permission { logs_in: false, was_refused: false };
            async move {
                let facts = account::gather(&settings, &walls, permission, running, wall).await;
                account::examine(&name, &settings, &walls, &facts)
            }
        });
        let looks: Vec<_> = looks.collect();
        examined = runtime.block_on(async { looks.into_iter().collect::<JoinSet<_>>().join_all().await });
    }
    runtime.shutdown_timeout(RUNTIME_END_TIMEOUT);
    examined
}

fn note(refused: &mut RefusedPasswords, settings: &SnowflakeSettings, facts: &AccountFacts) {
    if facts.has_refused_password() {
        refused.note(settings);
    } else if facts.has_logged_in() {
        refused.forget(settings);
    }
}
