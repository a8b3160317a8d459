//! API keys of the HTTP front.

use std::path::Path;

use super::check::{Area, Check};
use super::finding::{Examined, Finding, Fix};
use crate::config::{HttpAuth, HttpConfig};
use crate::keys::{KeyDesk, KeyFileError, KeyView};
use crate::os::System;

/// What is known of the keys: the keys, and what should be mended.
pub(super) type KeyFacts = Result<(Vec<KeyView>, Option<String>), KeyFileError>;

/// Looks.
pub(super) fn gather(state: &Path) -> KeyFacts {
    KeyDesk::in_folder(state).list()
}

/// What is wrong with them; where the front asks for keys, that is a problem.
pub(super) fn examine(state: &Path, http: Option<&HttpConfig>, facts: &KeyFacts) -> Examined {
    let are_asked_for = http.is_some_and(|http| http.auth == HttpAuth::Keys);
    match facts {
        Ok((keys, warning)) => {
            let said = format!("{} API keys", keys.len());
            let lacking = (are_asked_for && keys.is_empty()).then(|| {
                Finding::warning(Check::KeysUnusable, "the HTTP front lets no client in")
                    .because("it asks for API keys (http.auth), and there are none")
                    .mended_by("snowgate keys create --name NAME")
            });
            let file = state.join("keys.json");
            let open = warning.as_ref().map(|warning| {
                Finding::warning(Check::KeysUnusable, warning.clone())
                    .because("others can see which keys there are")
                    .mended_by(System::OWN.command_to_close(&file))
                    .fixed_by(Fix::SetMode { path: file.clone(), mode: 0o600 })
            });
            Examined::new(Area::Keys, said).with(lacking).with(open)
        }
        Err(error) => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let what = error.to_string();
            let finding = match are_asked_for {
                true => Finding::critical(Check::KeysUnusable, what)
                    .because(cause.unwrap_or_else(|| "the HTTP front lets no client in".to_owned())),
                false => Finding::warning(Check::KeysUnusable, what).because(
                    cause.unwrap_or_else(|| "the HTTP front is off, so no client needs them".to_owned()),
                ),
            };
            Examined::new(Area::Keys, "keys.json").with([finding.mended_by(error.next_step())])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, Paths};
    use crate::doctor::finding::Diagnosis;
    use crate::observe::Severity;

    #[test]
    fn keys_are_a_problem_only_where_they_are_asked_for() {
        let home = tempfile::tempdir().unwrap();
        let env = BTreeMap::from([("SNOWGATE_HTTP_ENABLED".to_owned(), "true".to_owned())]);
        let http = Config::load(&Paths::below(home.path()), &env).unwrap().http;
        let found = |http: Option<&HttpConfig>| {
            let found = Diagnosis::of(vec![examine(home.path(), http, &gather(home.path()))]).findings;
            found.into_iter().map(|finding| finding.severity).collect::<Vec<_>>()
        };
        assert_eq!(found(None), []);
        assert_eq!(found(http.as_ref()), [Severity::Warning]);
        std::fs::write(home.path().join("keys.json"), "{").unwrap();
        assert_eq!(found(None), [Severity::Warning]);
        assert_eq!(found(http.as_ref()), [Severity::Critical]);
    }
}
