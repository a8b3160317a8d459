//! What must not be in any output: the values of all secrets that are known here, looked for in every text that is shown or packed.
//!
//! No check puts a secret into a text on purpose; an error of a system or a server might quote one.

use snowflake_wire::Secret;

use crate::config::{Config, ConnectionConfig, Environment, is_secret_variable};

/// What is shown in a secret's place.
const HIDDEN: &str = "[secret]";

/// A shorter value is no secret worth to be looked for: it would be found in every other word.
const BYTES_MIN: usize = 4;

/// Variables whose value may have a password in it.
const PROXIES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The known secrets.
#[derive(Default)]
pub struct Scrubber {
    secrets: Vec<Secret>,
}

impl Scrubber {
    /// Those of the environment and of the configuration, whichever connection uses them.
    pub fn of(env: &dyn Environment, config: Option<&Config>) -> Self {
        let mut scrubber = Self::default();
        let names = ["SNOWFLAKE_", "SNOWGATE_"].into_iter().flat_map(|prefix| env.names_with(prefix));
        for name in names.filter(|name| is_secret_variable(name)) {
            scrubber.add(&env.get(&name).unwrap_or_default());
        }
        for name in PROXIES {
            if let Some(password) = env.get(name).as_deref().and_then(password_of) {
                scrubber.add(password);
            }
        }
        if let Some(config) = config {
            for connection in config.all_connections().values() {
                let ConnectionConfig::Snowflake(account) = connection else { continue };
                account.secrets().into_iter().for_each(|secret| scrubber.add(secret.expose()));
            }
            if let Some(webhook) = &config.observing.alerts.webhook {
                scrubber.add(webhook.expose().as_str());
            }
        }
        // The longest first: one may be a part of another.
        scrubber.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        scrubber
    }

    fn add(&mut self, value: &str) {
        // A key of many lines is looked for line by line.
        let parts = value.lines().map(str::trim).chain([value.trim()]);
        let parts = parts.filter(|part| part.len() >= BYTES_MIN && !part.starts_with("-----"));
        self.secrets.extend(parts.map(Secret::new));
    }

    /// `text` without secrets.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), HIDDEN);
            }
            let escaped = serde_json::Value::from(secret.expose()).to_string();
            let escaped = escaped.trim_matches('"');
            if escaped != secret.expose() && text.contains(escaped) {
                text = text.replace(escaped, HIDDEN);
            }
        }
        text
    }
}

/// The password in an address: what is between the first colon behind the scheme and the last `@`.
fn password_of(address: &str) -> Option<&str> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (who, _) = rest.rsplit_once('@')?;
    who.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn secrets_of_variables_and_proxies_are_taken_out_of_texts() {
        let env: BTreeMap<String, String> = [
            ("SNOWFLAKE_PASSWORD", "hunter22"),
            ("SNOWFLAKE_CONNECTIONS_WORK_TOKEN", "canary\"token"),
            ("HTTPS_PROXY", "http://me:p@ss@proxy:3128"),
            ("SNOWFLAKE_USER", "ADA"),
            ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "abc"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let scrubber = Scrubber::of(&env, None);
        assert_eq!(scrubber.clean("a hunter22 b"), "a [secret] b");
        assert_eq!(scrubber.clean("p@ss"), "[secret]");
        assert_eq!(scrubber.clean(r#"{"x":"canary\"token"}"#), r#"{"x":"[secret]"}"#);
        assert_eq!(scrubber.clean("ADA abc"), "ADA abc");
    }

    #[test]
    fn an_address_has_its_password_before_the_last_at() {
        assert_eq!(password_of("http://u:p:q@h:1"), Some("p:q"));
        assert_eq!(password_of("u:p@h"), Some("p"));
        assert_eq!(password_of("http://h:1"), None);
    }
}
