//! Which profile a session gets, and why.

use std::fmt::Write;

use super::glob::{fits, fits_path};
use crate::config::{Config, PROFILE_DEFAULT, ProfileConfig, ProfileMatch, UnknownProfile};

/// What a client calls itself, as far as it has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientName<'a> {
    /// It has not said anything yet.
    NotYet,
    /// It has said something, but no name.
    Unnamed,
    /// This.
    Named(&'a str),
}

/// Who a session is for. What is `None` is not known, or there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    /// What the client calls itself: it may claim any name.
    pub(crate) client: ClientName<'a>,
    /// The program that launched the shim: its whole path.
    pub(crate) parent: Option<&'a str>,
    /// The client's working directory.
    pub(crate) folder: Option<&'a str>,
    /// The name of the API key that it came with.
    pub(crate) key: Option<&'a str>,
}

/// A profile, and why it is the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Its name.
    pub(crate) profile: String,
    /// Why: for people.
    pub(crate) why: String,
    /// The profiles before it, each with the reason why it is not the one.
    pub(crate) passed: Vec<(String, String)>,
}

/// What the profile of a session depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is this one.
    Made(Choice),
    /// It depends on what the client calls itself; one that does not say so would get this one.
    Open(Choice),
}

/// Why a session gets no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoProfile {
    /// The one that was asked for does not exist.
    #[error(transparent)]
    Unknown(#[from] UnknownProfile),
    /// The system's file decides otherwise.
    #[error(
        "the profile `{asked}` cannot be used: `{given}` is this client's, by a file that later ones only narrow ({why})"
    )]
    Given {
        /// The one that was asked for.
        asked: String,
        /// The one that the file before the user's gives.
        given: String,
        /// Why it does.
        why: String,
    },
}

/// Whether a profile is for a session.
enum Fit {
    /// It is, by this table of its `match`.
    Yes(String),
    /// Its client patterns decide.
    Perhaps,
    /// Why not.
    No(String),
}

/// Chooses the profile for `who`: the one called `named`, or the first in the order of the configuration that fits.
///
/// A profile that is asked for by name is used whatever its `match`. But where one of a file before the user's fits (the
/// system's, mostly), only another of such a file can be asked for: else a user's file would be the way around it.
///
/// # Errors
/// There is no profile of that name, or it cannot be used.
pub(crate) fn choose(config: &Config, who: Who<'_>, named: Option<&str>) -> Result<Decision, NoProfile> {
    let Some(named) = named else { return Ok(first_that_fits(config, who)) };
    config.profile(named)?;
    let choice =
        Choice { profile: named.to_owned(), why: "asked for by name".to_owned(), passed: Vec::new() };
    let is_protected = |name: &str| config.protected_profile(name).is_some();
    if is_protected(named) {
        return Ok(Decision::Made(choice));
    }
    match first_of(config, who, is_protected) {
        None => Ok(Decision::Made(choice)),
        Some(Decision::Open(_)) => Ok(Decision::Open(choice)),
        Some(Decision::Made(given)) => {
            Err(NoProfile::Given { asked: named.to_owned(), given: given.profile, why: given.why })
        }
    }
}

fn first_that_fits(config: &Config, who: Who<'_>) -> Decision {
    first_of(config, who, |_| true).unwrap_or_else(|| {
        let passed = passed(config, who);
        let why = match passed.is_empty() {
            true => "no profile has a `match`",
            false => "the `match` of no profile fits",
        };
        Decision::Made(Choice { profile: PROFILE_DEFAULT.to_owned(), why: why.to_owned(), passed })
    })
}

/// The first of those that `counts` names; `None` if none fits.
fn first_of(config: &Config, who: Who<'_>, counts: impl Fn(&str) -> bool) -> Option<Decision> {
    let mut is_open = false;
    let mut passed = Vec::new();
    for (name, profile) in config.profiles_in_order() {
        if profile.matches.is_empty() || !counts(name) {
            continue;
        }
        match fit(profile, who) {
            Fit::Yes(by) => {
                let why = match config.origins.origin(&format!("profiles.{name}.match")) {
                    Some(origin) => format!("{by} fits ({origin})"),
                    None => format!("{by} fits"),
                };
                let choice = Choice { profile: name.to_owned(), why, passed };
                return Some(if is_open { Decision::Open(choice) } else { Decision::Made(choice) });
            }
            Fit::Perhaps => {
                is_open = true;
                passed.push((name.to_owned(), "it depends on what the client calls itself".to_owned()));
            }
            Fit::No(why) => passed.push((name.to_owned(), why)),
        }
    }
    is_open.then(|| {
        let why = "no other profile fits, unless by what the client calls itself".to_owned();
        Decision::Open(Choice { profile: PROFILE_DEFAULT.to_owned(), why, passed })
    })
}

/// Every profile that has a `match`, with the reason why it does not fit.
fn passed(config: &Config, who: Who<'_>) -> Vec<(String, String)> {
    let reason = |(name, profile): (&str, &ProfileConfig)| match fit(profile, who) {
        Fit::No(why) if !profile.matches.is_empty() => Some((name.to_owned(), why)),
        _ => None,
    };
    config.profiles_in_order().filter_map(reason).collect()
}

fn fit(profile: &ProfileConfig, who: Who<'_>) -> Fit {
    let mut reasons = Vec::new();
    let mut is_open = false;
    for table in &profile.matches {
        match fit_table(table, who) {
            Fit::Yes(by) => return Fit::Yes(by),
            Fit::Perhaps => is_open = true,
            Fit::No(why) => reasons.push(why),
        }
    }
    if is_open { Fit::Perhaps } else { Fit::No(reasons.join("; ")) }
}

fn fit_table(table: &ProfileMatch, who: Who<'_>) -> Fit {
    let rest = [
        pattern_fits("parent", table.parent.as_deref(), who.parent, parent_fits),
        pattern_fits("folder", table.folder.as_deref(), who.folder, fits_path_or_any),
        pattern_fits("key", table.key.as_deref(), who.key, fits),
    ];
    if let Some(why) = rest.into_iter().find_map(Result::err) {
        return Fit::No(why);
    }
    let client = match who.client {
        ClientName::Named(name) => Some(name),
        ClientName::Unnamed => None,
        ClientName::NotYet => match &table.client {
            Some(pattern) if !is_any(pattern) => return Fit::Perhaps,
            _ => None,
        },
    };
    match pattern_fits("client", table.client.as_deref(), client, client_fits) {
        Ok(()) => Fit::Yes(shown(table)),
        Err(why) => Fit::No(why),
    }
}

/// Whether a pattern, if there is one, describes what there is. One of stars alone fits also where nothing is known,
/// except for a key: that asks for one.
fn pattern_fits(
    subject: &str,
    pattern: Option<&str>,
    text: Option<&str>,
    fits: fn(&str, &str) -> bool,
) -> Result<(), String> {
    let Some(pattern) = pattern else { return Ok(()) };
    match text {
        Some(text) if fits(pattern, text) => Ok(()),
        None if is_any(pattern) && subject != "key" => Ok(()),
        Some(text) => Err(format!("{subject} = {pattern:?} does not fit {text:?}")),
        None => Err(format!("{subject} = {pattern:?}, and none is known")),
    }
}

fn is_any(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')
}

/// Names of clients are for people: their case is ignored.
fn client_fits(pattern: &str, name: &str) -> bool {
    fits(&pattern.to_lowercase(), &name.to_lowercase())
}

fn parent_fits(pattern: &str, path: &str) -> bool {
    if pattern.contains('/') {
        return fits(pattern, path);
    }
    fits(pattern, path.rsplit(['/', std::path::MAIN_SEPARATOR]).next().unwrap_or(path))
}

fn fits_path_or_any(pattern: &str, path: &str) -> bool {
    pattern == "*" || fits_path(pattern, path)
}

/// `client = "x", folder = "/a/**"`
fn shown(table: &ProfileMatch) -> String {
    let mut out = String::new();
    let ProfileMatch { client, parent, folder, key } = table;
    for (subject, pattern) in [("client", client), ("parent", parent), ("folder", folder), ("key", key)] {
        if let Some(pattern) = pattern {
            let separator = if out.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(out, "{separator}{subject} = {pattern:?}");
        }
    }
    out
}
