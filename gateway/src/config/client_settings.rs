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
//! What a client leaves open is no difference: a setting of the process; the secret of a log-in whose account and
//! user are its own, too, because they stand in a file; and a passcode, which is another one every minute.
//!
//! Where the system does not tell the client's environment, its names decide.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use snowgate_link::settings::is_setting;

use super::environment::PREFIX;
use super::keys::{BACKEND_KIND, KEYS};
use super::paths::SystemFile;
use super::{BackendKind, Config, Environment, Paths, snowflake};

/// Variables that are looked at one by one, and kept, at most.
const VARIABLES_MAX: usize = 64;
/// Names in a message, at most; the rest is counted.
const LISTED_MAX: usize = 8;

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
    /// Whether the client's settings have errors by themselves; the gateway's have none.
    pub is_wrong: bool,
    /// Whether nobody has chosen between the account that the client names and SQLite's data, which some file has
    /// settings for.
    pub is_ambiguous: bool,
    /// Why they cannot be served.
    pub problem: Option<String>,
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
        let client = &completed(gateway, client);
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
                return Some(Self {
                    names,
                    is_decisive: true,
                    is_wrong: false,
                    is_ambiguous: true,
                    problem: None,
                });
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
        let mut names: Vec<&String> = differing.iter().filter(|name| is_known(name)).copied().collect();
        if names.len() <= VARIABLES_MAX {
            names.retain(|name| !is_without_effect(name));
        }
        if names.is_empty() {
            names = differing;
        }
        let is_decisive = differs(ours.as_ref(), theirs.as_ref(), |part| part == Part::Decisive);
        Some(Self {
            names: names.into_iter().take(VARIABLES_MAX).cloned().collect(),
            is_decisive,
            is_wrong: theirs.is_none(),
            is_ambiguous: false,
            problem: None,
        })
    }

    /// The configuration that the files and the client's variables make, where that is not the gateway's.
    ///
    /// # Errors
    /// The client's variables make none: what is wrong with them, values included.
    pub fn configured(
        own: &dyn Environment,
        gateway: &BTreeMap<String, String>,
        client: &BTreeMap<String, String>,
        system_file: Option<&SystemFile>,
    ) -> Result<Config, String> {
        let client = completed(gateway, client);
        let env = ClientEnvironment { own, client: &client };
        let paths = Paths::discover(&env).map_err(|error| error.to_string())?;
        let paths = Paths { system_file: system_file.cloned(), ..paths };
        Config::load(&paths, &env).map_err(|errors| errors.to_string())
    }

    /// A client's settings that cannot be served, because of `problem`.
    pub fn unserved(names: Vec<String>, problem: String) -> Self {
        Self { names, is_decisive: true, is_wrong: false, is_ambiguous: false, problem: Some(problem) }
    }

    /// Those of the process, which are never a client's.
    pub fn of_process(&self) -> Option<Self> {
        let is_of_process = |name: &&String| {
            ["GATEWAY_", "SESSION_"]
                .iter()
                .any(|section| name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with(section)))
        };
        let names: Vec<String> = self.names.iter().filter(is_of_process).cloned().collect();
        (!names.is_empty()).then_some(Self {
            names,
            is_decisive: false,
            is_wrong: false,
            is_ambiguous: false,
            problem: None,
        })
    }

    /// As far as names tell: of a client with settings of these names, whose digest is another than that of
    /// `gateway`.
    pub fn of_names(gateway: &BTreeMap<String, String>, client: &[&str]) -> Option<Self> {
        let theirs: BTreeSet<&str> = client.iter().copied().filter(|name| !is_passcode(name)).collect();
        let has_secret = theirs.iter().any(|name| snowflake::is_secret(name));
        let ours: BTreeSet<&str> = gateway.keys().map(String::as_str).collect();
        let added = theirs.difference(&ours);
        let missing = ours.difference(&theirs).filter(|name| !is_left_open(name, has_secret));
        let mut names: Vec<&str> = added.chain(missing).copied().collect();
        if names.is_empty() {
            names = theirs.into_iter().collect();
        }
        names.retain(|name| is_known(name));
        names.truncate(VARIABLES_MAX);
        let decisive = |name: &&str| {
            let mut sections = DECISIVE_SECTIONS.iter();
            !name.starts_with(PREFIX)
                || *name == "SNOWGATE_CONFIG"
                || sections.any(|section| name[PREFIX.len()..].starts_with(&section.to_uppercase()))
        };
        let is_decisive = names.iter().any(decisive);
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        (!names.is_empty()).then_some(Self {
            names,
            is_decisive,
            is_wrong: false,
            is_ambiguous: false,
            problem: None,
        })
    }

    /// Their names, for people.
    pub fn listed(&self) -> String {
        let listed = self.names.iter().take(LISTED_MAX).cloned().collect::<Vec<_>>().join(", ");
        match self.names.len().saturating_sub(LISTED_MAX) {
            0 => listed,
            more => format!("{listed} and {more} more"),
        }
    }

    /// Whether one of them is a secret, which our own file never has.
    pub fn has_secret(&self) -> bool {
        self.names.iter().any(|name| snowflake::is_secret(name))
    }
}

/// The client's variables, and those of the gateway that it leaves open.
fn completed(
    gateway: &BTreeMap<String, String>,
    client: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let has_secret = client.keys().any(|name| snowflake::is_secret(name) && !is_passcode(name));
    let mut completed = client.clone();
    completed.retain(|name, _| !is_passcode(name));
    for (name, value) in gateway {
        if !completed.contains_key(name) && is_left_open(name, has_secret) {
            completed.insert(name.clone(), value.clone());
        }
    }
    completed
}

/// Whether a client that does not have this variable says nothing by that; `has_secret`: it has one to log in with.
fn is_left_open(name: &str, has_secret: bool) -> bool {
    let is_of_process = name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with("GATEWAY_"));
    is_of_process || is_passcode(name) || (snowflake::is_secret(name) && !has_secret)
}

fn is_passcode(name: &str) -> bool {
    name.starts_with("SNOWFLAKE_") && name.ends_with("_PASSCODE")
}

/// Whether the variable of this name can be a setting at all.
fn is_known(name: &str) -> bool {
    !name.starts_with(PREFIX) || name == "SNOWGATE_CONFIG" || KEYS.iter().any(|key| key.variable() == *name)
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
    let is_decided_the_same = runs_the_same
        && one.profiles == other.profiles
        && one.roles == other.roles
        && one.questions == other.questions;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The difference of two environments beside a config file.
    fn between(file: &str, gateway: &[(&str, &str)], client: &[(&str, &str)]) -> Option<SettingsDifference> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config.toml"), file).unwrap();
        let own = variables(&[("SNOWGATE_HOME", home.path().to_str().unwrap()), ("HOME", "/nowhere")]);
        SettingsDifference::between(&own, &variables(gateway), &variables(client), None)
    }

    const ACCOUNT: &str = "[snowflake]\naccount = 'org-acct'\nuser = 'ada'\nauthenticator = 'snowflake'\n";

    #[test]
    fn a_secret_that_only_the_gateway_has_is_left_open() {
        let password = [("SNOWFLAKE_PASSWORD", "p")];
        assert_eq!(between(ACCOUNT, &password, &[]), None);
        let found = between(ACCOUNT, &password, &[("SNOWFLAKE_PASSWORD", "q")]).unwrap();
        assert!(found.is_decisive && found.names == ["SNOWFLAKE_PASSWORD"], "{found:?}");
        let found = between(ACCOUNT, &password, &[("SNOWFLAKE_USER", "eve")]).unwrap();
        assert!(found.is_decisive && found.names == ["SNOWFLAKE_USER"], "{found:?}");
        let other = "[snowflake]\naccount = 'org-acct'\nauthenticator = 'snowflake'\n";
        let gateway = [("SNOWFLAKE_PASSWORD", "p"), ("SNOWFLAKE_USER", "ada")];
        for client in [&[][..], &[("SNOWFLAKE_USER", "eve")]] {
            let found = between(other, &gateway, client).unwrap();
            assert!(found.is_decisive && found.names == ["SNOWFLAKE_USER"], "{found:?}");
        }
    }

    #[test]
    fn a_passcode_and_settings_of_the_process_are_no_difference() {
        let file = ACCOUNT.replace("'snowflake'", "'username_password_mfa'");
        let gateway = [("SNOWFLAKE_PASSWORD", "p"), ("SNOWFLAKE_PASSCODE", "111111")];
        for passcode in [&[][..], &[("SNOWFLAKE_PASSCODE", "222222")]] {
            let client = [&[("SNOWFLAKE_PASSWORD", "p")][..], passcode].concat();
            assert_eq!(between(&file, &gateway, &client), None);
        }
        assert_eq!(between("", &[("SNOWGATE_GATEWAY_IDLE_EXIT_MINUTES", "0")], &[]), None);
        let found = between("", &[], &[("SNOWGATE_GATEWAY_IDLE_EXIT_MINUTES", "0")]).unwrap();
        assert!(!found.is_decisive, "{found:?}");
    }

    #[test]
    fn by_names_alone_it_is_the_same() {
        let gateway = variables(&[("SNOWFLAKE_PASSWORD", "p"), ("SNOWGATE_GATEWAY_IDLE_EXIT_MINUTES", "0")]);
        assert_eq!(SettingsDifference::of_names(&gateway, &[]), None);
        let found = SettingsDifference::of_names(&gateway, &["SNOWFLAKE_ACCOUNT"]).unwrap();
        assert!(found.is_decisive && found.names == ["SNOWFLAKE_ACCOUNT"], "{found:?}");
    }
}
