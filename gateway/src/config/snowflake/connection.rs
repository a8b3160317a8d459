//! One connection of Snowflake's own tools: each of its keys is applied, or named.
//!
//! Other tools read the same file, so a key that has no effect here stops nobody: it is a warning.

use snowflake_wire::Secret;
use toml::{Table, Value as Toml};
use url::Url;

use super::fields::{FIELDS, Field, Target, normalized, spelled};
use super::session_parameters::{self, Refusal};
use super::{ConnectionProxy, Secrets, unused};
use crate::config::error::{ConfigError, InvalidValue, Place, Warning};
use crate::config::keys::SESSION_PARAMETERS;
use crate::config::kind::RawValue;
use crate::config::resolver::Resolver;
use crate::config::settings::{Origin, Setting, Settings};
use crate::config::suggest;

/// The most warnings about one connection, or about variables; the rest is counted.
const WARNINGS_MAX: usize = 20;

/// The longest key that a warning shows, in characters.
const KEY_CHARS_MAX: usize = 64;

/// One key of a connection.
pub(super) struct Entry {
    /// Its name, as written.
    pub(super) key: String,
    pub(super) value: Toml,
    /// The file, or the variable that overrides it.
    pub(super) origin: Origin,
}

impl Entry {
    fn place(&self) -> Place {
        match &self.origin {
            Origin::Connection { file, .. } => Place::File(file.clone()),
            // A connection's entries have no other origin.
            other => other.place(std::path::Path::new("")),
        }
    }

    fn is_named(&self, name: &str) -> bool {
        normalized(&self.key) == normalized(name)
    }

    /// Like other tools, it treats an empty text as not set.
    fn is_set(&self) -> bool {
        self.value.as_str() != Some("")
    }
}

/// A connection, and what it fills in.
pub(super) struct Connection<'a> {
    pub(super) name: &'a str,
    pub(super) resolver: Resolver<'a>,
    pub(super) settings: &'a mut Settings,
    pub(super) secrets: &'a mut Secrets,
}

impl Connection<'_> {
    /// Sets what is not set yet. Of two entries of one name the first is used.
    pub(super) fn fill(mut self, entries: &[Entry]) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        for field in FIELDS {
            let found = |name: &&str| entries.iter().find(|entry| entry.is_named(name) && entry.is_set());
            let Some(entry) = field.names.iter().find_map(found) else { continue };
            if let Err(refusal) = self.set(field, entry) {
                errors.push(self.error(entry, &entry.key, refusal));
            }
        }
        if let Err((entry, refusal)) = self.proxy(entries) {
            errors.push(self.error(entry, &entry.key, refusal));
        }
        let mut warnings = Vec::new();
        for entry in entries.iter().filter(|entry| !is_field(entry)) {
            self.other(entry, &mut warnings, &mut errors);
        }
        self.settings.warnings.extend(listed(warnings));
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn error(&self, entry: &Entry, key: &str, refusal: InvalidValue) -> ConfigError {
        let InvalidValue { message, hint } = refusal;
        ConfigError { place: entry.place(), key: Some(format!("{}.{key}", self.name)), message, hint }
    }

    fn set(&mut self, field: &Field, entry: &Entry) -> Result<(), InvalidValue> {
        match field.target {
            Target::Secret(slot) => {
                let slot = slot(self.secrets);
                if slot.is_none() {
                    // A passcode may be written as a number.
                    let value = &entry.value;
                    let number = || Some(value.as_integer()?.to_string());
                    let text = value.as_str().map(str::to_owned).or_else(number);
                    let text = text.ok_or_else(|| InvalidValue::new("expected a string"))?;
                    *slot = Some((Secret::new(text), entry.origin.clone()));
                }
            }
            Target::Key(key) if !self.settings.is_default(key) => {}
            Target::Key(key) => {
                let raw = match &entry.value {
                    Toml::Table(_) => RawValue::Other("a table"),
                    Toml::Array(_) => RawValue::Other("an array"),
                    value => RawValue::from_variable(key.kind, &spelled(key, &text_of(value))),
                };
                let value = key.kind.check(raw, &self.resolver)?;
                match entry.origin {
                    Origin::Environment { .. } => self.settings.offer(key, value, entry.origin.clone()),
                    _ => self.settings.set(key, value, entry.origin.clone()),
                }
            }
        }
        Ok(())
    }

    /// The proxy, if no other is set: `proxy_host` and what goes with it.
    fn proxy<'e>(&mut self, entries: &'e [Entry]) -> Result<(), (&'e Entry, InvalidValue)> {
        let find = |name: &str| entries.iter().find(|entry| entry.is_named(name) && entry.is_set());
        let text = |name: &str| find(name).map(|entry| text_of(&entry.value));
        let except = text("no_proxy");
        let Some(host) = find("proxy_host") else {
            self.secrets.proxy = except.map(|except| ConnectionProxy { address: None, except: Some(except) });
            return Ok(());
        };
        let scheme = text("proxy_protocol").unwrap_or_else(|| "http".to_owned());
        let port = text("proxy_port").map(|port| format!(":{port}")).unwrap_or_default();
        let named = text_of(&host.value);
        let bare = named.split_once("://").map_or(named.as_str(), |(_, bare)| bare);
        let invalid = || (host, InvalidValue::new("the proxy's host and port do not make an address"));
        let mut address =
            Url::parse(&format!("{}://{bare}{port}", scheme.to_ascii_lowercase())).map_err(|_| invalid())?;
        if let Some(user) = text("proxy_user") {
            let password = text("proxy_password");
            let is_set = address.set_username(&user).and_then(|()| address.set_password(password.as_deref()));
            is_set.map_err(|()| invalid())?;
        }
        let address = Some((Secret::new(address.to_string()), host.place()));
        self.secrets.proxy = Some(ConnectionProxy { address, except });
        Ok(())
    }

    /// A key that sets no value of its own: session parameters, what has no effect, what is not known.
    fn other(&mut self, entry: &Entry, warnings: &mut Vec<Warning>, errors: &mut Vec<ConfigError>) {
        let name = normalized(&entry.key);
        if name == normalized(SESSION_PARAMETERS) {
            match &entry.value {
                Toml::Table(table) => self.parameters(entry, table, warnings, errors),
                _ if !entry.is_set() => {}
                _ => errors.push(self.error(entry, &entry.key, InvalidValue::new("expected a table"))),
            }
            return;
        }
        if let Some(parameter) = session_parameters::usual(&name) {
            self.parameter(entry, &entry.key, parameter, &entry.value, warnings, errors);
            return;
        }
        let reason =
            unused::reason(&name).or_else(|| session_parameters::reserved(&entry.key.to_ascii_uppercase()));
        let message = match reason {
            Some(why) => format!("has no effect: {why}"),
            None => unknown(&entry.key),
        };
        warnings.push(self.warning(entry, &entry.key, message));
    }

    fn parameters(
        &mut self,
        entry: &Entry,
        table: &Table,
        warnings: &mut Vec<Warning>,
        errors: &mut Vec<ConfigError>,
    ) {
        for (name, value) in table {
            self.parameter(entry, &format!("{}.{name}", entry.key), name, value, warnings, errors);
        }
    }

    fn parameter(
        &mut self,
        entry: &Entry,
        key: &str,
        name: &str,
        value: &Toml,
        warnings: &mut Vec<Warning>,
        errors: &mut Vec<ConfigError>,
    ) {
        let room = session_parameters::check_room(&self.settings.session_parameters, name);
        let checked = session_parameters::check(name, raw(value));
        match checked.and_then(|checked| room.map(|()| checked).map_err(Refusal::Invalid)) {
            Ok((name, value)) => {
                let origin = entry.origin.clone();
                self.settings.session_parameters.entry(name).or_insert(Setting { value, origin });
            }
            Err(Refusal::Reserved(why)) => {
                let message = format!("has no effect: the parameter cannot be set, because {why}");
                warnings.push(self.warning(entry, key, message));
            }
            Err(Refusal::Invalid(refusal)) => errors.push(self.error(entry, key, refusal)),
        }
    }

    fn warning(&self, entry: &Entry, key: &str, message: String) -> Warning {
        let shown: String = key.chars().take(KEY_CHARS_MAX).collect();
        Warning { place: entry.place(), key: Some(format!("{}.{shown}", self.name)), message }
    }
}

/// The first warnings, and how many more there are.
pub(super) fn listed(mut warnings: Vec<Warning>) -> Vec<Warning> {
    let more = warnings.len().saturating_sub(WARNINGS_MAX);
    warnings.truncate(WARNINGS_MAX);
    if let (Some(last), true) = (warnings.last_mut(), more > 0) {
        last.message.push_str(&format!(" (and {more} more of this kind)"));
    }
    warnings
}

/// The keys of a proxy.
const PROXY: [&str; 6] =
    ["proxy_host", "proxy_port", "proxy_user", "proxy_password", "proxy_protocol", "no_proxy"];

/// Whether it sets a value of its own.
fn is_field(entry: &Entry) -> bool {
    FIELDS.iter().flat_map(|field| field.names).chain(&PROXY).any(|name| entry.is_named(name))
}

fn unknown(key: &str) -> String {
    let known = FIELDS.iter().flat_map(|field| field.names).chain(&PROXY).chain(&[SESSION_PARAMETERS]);
    match suggest::nearest(key, known.copied()) {
        Some(near) => format!("is not known here and has no effect; did you mean `{near}`?"),
        None => "is not known here and has no effect".to_owned(),
    }
}

/// A value as a variable would have it.
fn text_of(value: &Toml) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn raw(value: &Toml) -> RawValue {
    match value {
        Toml::String(text) => RawValue::Text(text.clone()),
        Toml::Integer(number) => RawValue::Integer(i128::from(*number)),
        Toml::Boolean(truth) => RawValue::Boolean(*truth),
        Toml::Float(number) => RawValue::Decimal(number.to_string()),
        Toml::Datetime(_) => RawValue::Other("a date or time"),
        Toml::Array(_) => RawValue::Other("an array"),
        Toml::Table(_) => RawValue::Other("a table"),
    }
}
