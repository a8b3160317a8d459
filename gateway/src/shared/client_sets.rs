//! Connections for clients whose own environment names another account, user, role or folder than the gateway's.
//!
//! Two sets of settings that come to the same connection share it; one that comes to a connection of the gateway's own
//! configuration shares that. What a set brings is in memory only: nothing of it is written down or logged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use snowflake_wire::Secret;
use tokio::time::Instant;

use super::{Live, Shared, open_backend};
use crate::config::{Config, ConnectionConfig};
use crate::session::ClientSet;

/// A connection without a session is kept for so long at least: a hello may be about to use it.
const KEPT_MIN: Duration = Duration::from_secs(60);

/// From so many sets on, those that no session has are forgotten at once.
const SETS_MAX: usize = 256;

/// There is no room for another connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooManyBackends {
    /// `backends_max`.
    pub limit: usize,
    /// The connections that take it all.
    pub held: Vec<String>,
}

/// A connection of a set, for `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientBackendView {
    /// What it is called.
    pub connection: String,
    /// `sqlite` or `snowflake`.
    pub kind: String,
    /// The variables that lead to it, by name.
    pub variables: Vec<String>,
    /// Sessions that use it.
    pub sessions: usize,
    /// Pooled connections that are open.
    pub connections_open: usize,
}

/// The sets in use, and the connections that they brought.
#[derive(Debug, Default)]
pub struct ClientSets {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sets: Vec<(BTreeMap<String, Secret>, Arc<ClientSet>)>,
    connections: Vec<Brought>,
}

impl State {
    /// Whether a session, or a hello under way, has a set with the connection `name`.
    fn is_used(&self, name: &str) -> bool {
        let mut used = self.sets.iter().filter(|(_, set)| Arc::strong_count(set) > 1);
        used.any(|(_, set)| set.connections.values().any(|called| called == name))
    }

    /// Forgets the sets that no session and no hello has.
    fn drop_unused(&mut self) {
        self.sets.retain(|(_, set)| Arc::strong_count(set) > 1);
    }
}

/// A connection that a set brought.
#[derive(Debug)]
struct Brought {
    name: String,
    config: ConnectionConfig,
    variables: Vec<String>,
    used_at: Instant,
}

impl ClientSets {
    /// The set of a client with these `variables`, if there is one already that the files have not left behind.
    pub fn find(&self, variables: &BTreeMap<String, Secret>) -> Option<Arc<ClientSet>> {
        let mut state = self.lock();
        let fits = |(known, set): &&(_, Arc<ClientSet>)| known == variables && set.outdated().is_none();
        let set = state.sets.iter().rev().find(fits)?.1.clone();
        let now = Instant::now();
        let mut is_there = true;
        for name in set.connections.values().filter(|name| name.contains('@')) {
            let brought = state.connections.iter_mut().find(|brought| brought.name == *name);
            is_there &= brought.map(|brought| brought.used_at = now).is_some();
        }
        is_there.then_some(set)
    }

    /// The set of a client with these `variables`, which come to `config`; `names`: those that differ from the gateway's;
    /// `live`: what held before the files were read for it. `None`: they have been read again since, and `config` may be what
    /// was before.
    ///
    /// # Errors
    /// It would take more connections than `backends_max`.
    pub fn make(
        &self,
        shared: &Shared,
        live: &Arc<Live>,
        variables: BTreeMap<String, Secret>,
        config: Config,
        names: Vec<String>,
    ) -> Result<Option<Arc<ClientSet>>, TooManyBackends> {
        let mut connections = BTreeMap::new();
        let of_gateway = shared.config.all_connections();
        let used = config.used_connections();
        for (name, connection) in &config.all_connections() {
            // Only those that a session of the set may use. A reload puts no profile on another.
            let is_used = used.contains(name.as_str());
            let is_of_gateway = of_gateway.get(name) == Some(connection);
            let called = match (is_of_gateway, is_used) {
                (true, _) | (_, false) => name.clone(),
                (false, true) => {
                    let own: Vec<String> = connections.values().cloned().collect();
                    self.bring(shared, (name, connection), &names, &config, &own)?
                }
            };
            connections.insert(name.clone(), called);
        }
        let set = Arc::new(ClientSet::new(names, config, connections));
        let mut state = self.lock();
        // A reload replaces what holds before it looks at the sets, which waits for this lock: it sees this one, or is seen.
        if !Arc::ptr_eq(live, &shared.live()) {
            return Ok(None);
        }
        // One that sessions have stays in reach of a reload.
        state.sets.retain(|(known, set)| *known != variables || Arc::strong_count(set) > 1);
        if state.sets.len() >= SETS_MAX {
            // Those that are left are as many as sessions at most.
            state.drop_unused();
        }
        state.sets.push((variables, Arc::clone(&set)));
        Ok(Some(set))
    }

    /// The name of `connection` in the registry, which is the set's `name`; defined if it is new. `own`: what the set has
    /// already.
    fn bring(
        &self,
        shared: &Shared,
        (name, connection): (&str, &ConnectionConfig),
        names: &[String],
        config: &Config,
        own: &[String],
    ) -> Result<String, TooManyBackends> {
        let mut state = self.lock();
        let now = Instant::now();
        if let Some(known) = state.connections.iter_mut().find(|brought| brought.config == *connection) {
            known.used_at = now;
            return Ok(known.name.clone());
        }
        let limit = shared.live().config.gateway.backends_max;
        if state.connections.len() >= limit {
            // One that is in no session's set, and in no hello's, makes room.
            let is_free = |name: &String| !state.is_used(name) && !own.contains(name);
            let free = state.connections.iter().position(|brought| is_free(&brought.name));
            match free {
                Some(at) => close(shared, &state.connections.remove(at).name),
                None => {
                    let held = state.connections.iter().map(|brought| brought.name.clone()).collect();
                    return Err(TooManyBackends { limit, held });
                }
            }
        }
        let base = format!("{name}@{}", short_digest(connection));
        // Two that differ in a secret alone have the same place, and pools of their own.
        let is_taken = |name: &String| state.connections.iter().any(|brought| brought.name == *name);
        let called = (1..).map(|number| if number == 1 { base.clone() } else { format!("{base}-{number}") });
        let called = called.into_iter().find(|name| !is_taken(name)).unwrap_or(base);
        let opened = connection.clone();
        shared.multiplexer.define(&called, name, config.pool.clone(), move || open_backend(&opened));
        tracing::info!(connection = called, variables = ?names, "a client's own settings have a connection of their own");
        state.connections.push(Brought {
            name: called.clone(),
            config: connection.clone(),
            variables: names.to_vec(),
            used_at: now,
        });
        Ok(called)
    }

    /// The gateway's configuration is `now`, which was read again, and `read` is what it comes to with a client's variables;
    /// `takes_profiles`: the gateway has taken its profiles. Blocks: it reads the files.
    pub fn reload(
        &self,
        now: &Config,
        takes_profiles: bool,
        read: impl Fn(&BTreeMap<String, String>) -> Option<Config>,
    ) {
        let known: Vec<(BTreeMap<String, String>, Arc<ClientSet>)> = {
            let state = self.lock();
            let plain = |variables: &BTreeMap<String, Secret>| {
                variables.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
            };
            state.sets.iter().map(|(variables, set)| (plain(variables), Arc::clone(set))).collect()
        };
        for (variables, set) in known {
            // What does not go with them any more was right when it was read; what protects comes from the files.
            match read(&variables) {
                Some(own) => {
                    let wait = set.configured().0.profiles_wait(&own);
                    set.apply(&own, takes_profiles, wait);
                }
                None => set.apply(now, takes_profiles, None),
            }
        }
    }

    /// What sessions have of sets that the files have left behind: the variables, and why.
    pub fn outdated(&self) -> Vec<String> {
        let said = |set: &Arc<ClientSet>| {
            let why = set.outdated().filter(|_| Arc::strong_count(set) > 1)?;
            Some(format!(
                "calls of clients with settings of their own ({}) are refused until they connect anew, because by the config as \
                 it is now {why}",
                set.names.join(", ")
            ))
        };
        let mut said: Vec<String> = self.lock().sets.iter().filter_map(|(_, set)| said(set)).collect();
        said.dedup();
        said
    }

    /// Closes the connections that no session has used for `idle`.
    pub fn close_idle(&self, shared: &Shared, idle: Duration) {
        let mut state = self.lock();
        // With them go the secrets of clients that have left.
        state.drop_unused();
        let used: Vec<bool> = state.connections.iter().map(|brought| state.is_used(&brought.name)).collect();
        let now = Instant::now();
        for (brought, _) in state.connections.iter_mut().zip(used).filter(|(_, is_used)| *is_used) {
            brought.used_at = now;
        }
        let idle = idle.max(KEPT_MIN);
        state.connections.retain(|brought| {
            let keeps = brought.used_at.elapsed() < idle;
            if !keeps {
                close(shared, &brought.name);
            }
            keeps
        });
    }

    /// Whether the connection `name` is one that a set brought.
    pub fn has(&self, name: &str) -> bool {
        self.lock().connections.iter().any(|brought| brought.name == name)
    }

    /// What `status` shows.
    pub fn views(&self, shared: &Shared) -> Vec<ClientBackendView> {
        let pools: BTreeMap<_, _> = shared.multiplexer.opened().into_iter().collect();
        let used = connections_in_use(shared);
        let view = |brought: &Brought| ClientBackendView {
            connection: brought.name.clone(),
            kind: brought.config.kind().connection().to_owned(),
            variables: brought.variables.clone(),
            sessions: used.iter().filter(|name| **name == brought.name).count(),
            connections_open: pools.get(&brought.name).map_or(0, |pool| pool.status().open),
        };
        self.lock().connections.iter().map(view).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection of each session.
fn connections_in_use(shared: &Shared) -> Vec<String> {
    shared.sessions.all().iter().map(|session| session.profile.connection.clone()).collect()
}

fn close(shared: &Shared, name: &str) {
    tracing::info!(connection = name, "no client uses this connection any more; it is closed");
    shared.multiplexer.remove(name);
}

/// Enough to tell connections apart, of what is no secret.
fn short_digest(connection: &ConnectionConfig) -> String {
    let what = match connection {
        ConnectionConfig::Sqlite(sqlite) => format!("{}\0{}", sqlite.folder.display(), sqlite.read_only),
        ConnectionConfig::Snowflake(account) => {
            let role = account.role.as_deref().unwrap_or_default();
            format!("{}\0{}\0{role}\0{}", account.account.as_str(), account.user, account.read_only)
        }
    };
    Sha256::digest(what.as_bytes())[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Paths, ProfileConfig};
    use crate::shared::testing::TestGateway;

    /// A configuration with a connection `other` in `folder`, on which `profile` is, if there is one.
    fn config_in(home: &Path, folder: &str, profile: Option<&str>) -> Config {
        let paths = Paths::below(home);
        let profile = profile.map(|name| format!("[profiles.{name}]\nconnection = \"other\"\n"));
        let other =
            format!("[connections.other]\nkind = \"sqlite\"\nfolder = \"/{folder}\"\nread_only = false\n");
        std::fs::write(&paths.config_file, format!("{other}{}", profile.unwrap_or_default())).unwrap();
        Config::load(&paths, &BTreeMap::new()).unwrap()
    }

    #[tokio::test]
    async fn a_reload_puts_no_client_with_its_own_settings_on_a_connection_of_the_gateway() {
        let home = tempfile::tempdir().unwrap();
        let config = |folder, profile| config_in(home.path(), folder, profile);
        let gateway = TestGateway::with(|own| *own = config("prod", None)).await;
        let sets = &gateway.shared.client_sets;
        let variables = BTreeMap::from([("FOLDER".to_owned(), Secret::new("dev"))]);
        let names = vec!["FOLDER".to_owned()];
        let make = |config| {
            let live = gateway.shared.live();
            sets.make(&gateway.shared, &live, variables.clone(), config, names.clone()).unwrap().unwrap()
        };
        let set = make(config("dev", None));
        for own in [Some(config("dev", Some("lite"))), None] {
            sets.reload(&config("prod", Some("lite")), true, |_| own.clone());
            let (now, profiles) = set.configured();
            assert!(profiles.find(&now, "lite").is_err());
            let on: Vec<_> = now.profiles.values().filter_map(|profile| profile.connection.clone()).collect();
            assert_eq!(on, Vec::<String>::new());
            assert!(
                set.outdated().is_some_and(|why| why.contains("lite")),
                "it is not passed over in silence"
            );
        }
        // The gateway's own profiles wait: then these do, too.
        let mut wider = config("dev", None);
        wider.profiles.insert("wide".to_owned(), ProfileConfig::default());
        sets.reload(&wider, false, |_| Some(wider.clone()));
        assert!(!set.configured().0.profiles.contains_key("wide"));
        sets.reload(&wider, true, |_| Some(wider.clone()));
        assert!(set.configured().0.profiles.contains_key("wide") && set.outdated().is_none());
        // A set that is made with such a profile has it, on the client's own connection.
        let made = make(config("dev", Some("lite")));
        let (now, profiles) = made.configured();
        assert!(profiles.find(&now, "lite").unwrap().connection.starts_with("other@"));
    }

    #[tokio::test]
    async fn a_set_whose_connection_is_another_by_the_files_refuses_and_is_joined_by_nobody() {
        let home = tempfile::tempdir().unwrap();
        let config = |folder| config_in(home.path(), folder, Some("lite"));
        let gateway = TestGateway::with(|own| *own = config("prod")).await;
        let sets = &gateway.shared.client_sets;
        let variables = BTreeMap::from([("FOLDER".to_owned(), Secret::new("dev"))]);
        let make = |live: &Arc<Live>| {
            sets.make(&gateway.shared, live, variables.clone(), config("dev"), vec!["FOLDER".to_owned()])
                .unwrap()
        };
        let set = make(&gateway.shared.live()).unwrap();
        let mut narrow = config("moved");
        narrow.profiles.get_mut("lite").unwrap().rows_max = Some(1);
        sets.reload(&narrow, true, |_| Some(narrow.clone()));
        assert!(set.outdated().is_some() && sets.find(&variables).is_none());
        let said = sets.outdated();
        assert!(
            said.len() == 1 && said[0].contains("FOLDER") && said[0].contains("connection other"),
            "{said:?}"
        );
        // Files that were read before the last reload make no set.
        let before = Arc::new(Live::new(config("prod"), Vec::new()));
        assert!(make(&before).is_none());
        let newer = make(&gateway.shared.live()).unwrap();
        assert!(Arc::ptr_eq(&sets.find(&variables).unwrap(), &newer));
        // The one of before is still in reach: a reload by which its connection is what it was takes it in again.
        let mut narrow = config("dev");
        narrow.profiles.get_mut("lite").unwrap().rows_max = Some(1);
        sets.reload(&narrow, true, |_| Some(narrow.clone()));
        assert!(set.outdated().is_none() && sets.outdated().is_empty());
        assert_eq!(set.configured().0.profiles["lite"].rows_max, Some(1));
    }
}
