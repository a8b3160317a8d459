//! Whether a client's own settings would have configured another gateway than the one that serves it.
//!
//! The gateway has the environment of whoever started it. A client with other variables in its entry must not
//! run in that one's account without a word. What counts is not the text of a variable but what comes of it:
//! one that a file outranks, or that says what holds anyway, is no difference.
//!
//! | the configuration that the client's variables would make | the client's calls |
//! |---|---|
//! | is the same, or differs in what is logged | run |
//! | differs in limits, pools or the process | run; the first result says which variables are not applied |
//! | differs in where or as whom statements run, or what protects, or has errors | are refused |
//!
//! Where the system does not tell the client's environment, its names decide.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use snowgate_link::settings::is_setting;

use super::environment::PREFIX;
use super::keys::{BACKEND_KIND, KEYS};
use super::paths::SystemFile;
use super::{BackendKind, Config, Environment, Paths};

/// Variables that are looked at one by one, at most; beyond that, all that differ are named.
const VARIABLES_MAX: usize = 64;

/// Sections whose settings decide where or as whom statements run.
const DECISIVE_SECTIONS: [&str; 3] = ["backend", "sqlite", "snowflake"];

/// Variables that name an account.
const ACCOUNTS: [&str; 2] = ["SNOWFLAKE_ACCOUNT", "SNOWGATE_SNOWFLAKE_ACCOUNT"];

/// The variables of a client that are not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsDifference {
    /// Their names, in order; those that only the gateway has, too.
    pub names: Vec<String>,
    /// Whether they decide where or as whom statements run, or protect: then nothing runs.
    pub is_decisive: bool,
}

/// A client's environment, as far as it is the gateway's settings; for the rest, the gateway's own.
struct ClientEnvironment<'a> {
    own: &'a dyn Environment,
    client: &'a BTreeMap<String, String>,
}

impl Environment for ClientEnvironment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        if is_setting(name) { Environment::get(self.client, name) } else { self.own.get(name) }
    }

    fn names_with(&self, prefix: &str) -> Vec<String> {
        let own = self.own.names_with(prefix).into_iter().filter(|name| !is_setting(name));
        let all: BTreeSet<String> = own.chain(Environment::names_with(self.client, prefix)).collect();
        all.into_iter().collect()
    }
}

/// The settings among `variables`, by name; an empty value counts as not set.
pub fn settings_among(variables: impl Iterator<Item = (OsString, OsString)>) -> BTreeMap<String, String> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let settings =
        variables.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (text(name), text(value)));
    settings.filter(|(name, _)| is_setting(name)).collect()
}

impl SettingsDifference {
    /// Of a client with these settings, to a gateway with the variables of `own`.
    pub fn between(
        own: &dyn Environment,
        gateway: &BTreeMap<String, String>,
        client: &BTreeMap<String, String>,
        system_file: Option<&SystemFile>,
    ) -> Option<Self> {
        let all: BTreeSet<&String> = gateway.keys().chain(client.keys()).collect();
        let differing: Vec<&String> =
            all.into_iter().filter(|name| gateway.get(*name) != client.get(*name)).collect();
        let configured = |settings: &BTreeMap<String, String>| {
            let env = ClientEnvironment { own, client: settings };
            let paths = Paths { system_file: system_file.cloned(), ..Paths::discover(&env).ok()? };
            Config::load(&paths, &env).ok()
        };
        // Both as the files are now: what has changed in them since is no difference of the two.
        let (ours, theirs) = (configured(gateway), configured(client));
        if theirs.as_ref().is_some_and(|theirs| is_kept_from_account(theirs, client)) {
            let mut names: Vec<&String> = differing.clone();
            names.retain(|name| name.contains("SNOWFLAKE_"));
            if names.iter().any(|name| ACCOUNTS.contains(&name.as_str())) {
                let names = names.into_iter().cloned().collect();
                return Some(Self { names, is_decisive: true });
            }
        }
        if !differs(ours.as_ref(), theirs.as_ref(), |_| true) {
            return None;
        }
        let is_without_effect = |name: &String| {
            let mut without = client.clone();
            match gateway.get(name) {
                Some(value) => without.insert(name.clone(), value.clone()),
                None => without.remove(name),
            };
            !differs(theirs.as_ref(), configured(&without).as_ref(), |_| true)
        };
        let mut names: Vec<&String> = differing.clone();
        if names.len() <= VARIABLES_MAX {
            names.retain(|name| !is_without_effect(name));
        }
        if names.is_empty() {
            names = differing;
        }
        let is_decisive = differs(ours.as_ref(), theirs.as_ref(), |part| part == Part::Decisive);
        Some(Self { names: names.into_iter().cloned().collect(), is_decisive })
    }

    /// As far as names tell: of a client with settings of these names, whose digest is another than that of
    /// `gateway`.
    pub fn of_names(gateway: &BTreeMap<String, String>, client: &[&str]) -> Option<Self> {
        let theirs: BTreeSet<&str> = client.iter().copied().collect();
        let ours: BTreeSet<&str> = gateway.keys().map(String::as_str).collect();
        let mut names: Vec<&str> = theirs.symmetric_difference(&ours).copied().collect();
        if names.is_empty() {
            names = theirs.into_iter().collect();
        }
        let known = |name: &&str| KEYS.iter().any(|key| key.variable() == *name) || !name.starts_with(PREFIX);
        names.retain(|name| known(name) || *name == "SNOWGATE_CONFIG");
        let decisive = |name: &&str| {
            let mut sections = DECISIVE_SECTIONS.iter();
            !name.starts_with(PREFIX)
                || *name == "SNOWGATE_CONFIG"
                || sections.any(|section| name[PREFIX.len()..].starts_with(&section.to_uppercase()))
        };
        let is_decisive = names.iter().any(decisive);
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        (!names.is_empty()).then_some(Self { names, is_decisive })
    }

    /// Their names, for people.
    pub fn listed(&self) -> String {
        self.names.join(", ")
    }
}

/// Whether the client names an account, and gets SQLite's data only because some file has a section of SQLite's
/// settings: nobody has chosen between the two.
fn is_kept_from_account(config: &Config, client: &BTreeMap<String, String>) -> bool {
    let mut sections = config.origins.sections.iter();
    let is_chosen = sections.any(|section| section.name == BACKEND_KIND.section && section.is_filled)
        || client.contains_key(&BACKEND_KIND.variable());
    config.backend == BackendKind::Sqlite
        && !is_chosen
        && ACCOUNTS.iter().any(|name| client.contains_key(*name))
}

/// What a configuration consists of here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Where and as whom statements run, and what protects.
    Decisive,
    /// The rest, but for what is logged.
    Other,
}

/// Whether two configurations differ in one of the parts that `counts`; `None`: it has errors.
fn differs(one: Option<&Config>, other: Option<&Config>, counts: impl Fn(Part) -> bool) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_some() != other.is_some() };
    let runs_the_same = match (one.backend, other.backend) {
        (BackendKind::Sqlite, BackendKind::Sqlite) => one.sqlite == other.sqlite,
        (BackendKind::Snowflake, BackendKind::Snowflake) => one.snowflake == other.snowflake,
        _ => false,
    };
    let is_decided_the_same = runs_the_same && one.profiles == other.profiles;
    let gateway_of = |config: &Config| {
        let mut gateway = config.gateway.clone();
        gateway.log_level = tracing::Level::INFO;
        gateway
    };
    let is_the_rest_the_same = gateway_of(one) == gateway_of(other)
        && one.session == other.session
        && one.pool == other.pool
        && one.limits == other.limits;
    (counts(Part::Decisive) && !is_decided_the_same) || (counts(Part::Other) && !is_the_rest_the_same)
}
