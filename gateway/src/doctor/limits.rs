//! What the system lets a gateway have: open files.

use super::check::{Area, Check};
use super::finding::{Examined, Finding};
use crate::config::Config;
use crate::os::{RAISE_LIMIT, descriptor_limit, raise_descriptor_limit};
use crate::shared::{Budget, http_share};

/// Descriptors that are open in a gateway before it has opened anything.
const OPEN_AT_START: u64 = 3;

/// The limit of a gateway that would be started here: it raises its own to the hard one.
pub(super) fn gather() -> Option<u64> {
    // Where it cannot be raised, what it is counts.
    let _ = raise_descriptor_limit();
    descriptor_limit()
}

/// What does not fit.
pub(super) fn examine(limit: Option<u64>, config: &Config) -> Examined {
    let wanted_http = config.http.as_ref().map_or(0, |http| http.connections_max);
    let open = OPEN_AT_START + http_share(limit, OPEN_AT_START, wanted_http) as u64;
    let connections = config.pool.connections_max * config.pools();
    let finding = match Budget::of(limit, open, config.gateway.sessions_max, connections) {
        Err(error) => Some(
            Finding::critical(Check::TooFewDescriptors, "a gateway cannot start").because(error.to_string()),
        ),
        Ok(Budget { problem, .. }) => problem.map(|problem| {
            Finding::warning(
                Check::TooFewDescriptors,
                "fewer sessions and connections fit than are configured",
            )
            .because(problem)
        }),
    };
    let limit = limit.map_or_else(|| "any number of".to_owned(), |limit| limit.to_string());
    let said = format!("{limit} open files");
    Examined::new(Area::Limits, said).with(finding.map(|finding| finding.mended_by(RAISE_LIMIT)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Paths;
    use crate::doctor::finding::Diagnosis;
    use crate::observe::Severity;

    #[test]
    fn a_low_limit_is_a_warning_and_one_that_is_too_low_a_problem() {
        let home = tempfile::tempdir().unwrap();
        let config = Config::load(&Paths::below(home.path()), &BTreeMap::new()).unwrap();
        let found = |limit| {
            let found = Diagnosis::of(vec![examine(limit, &config)]).findings;
            found.first().map(|finding| finding.severity)
        };
        assert_eq!(found(None), None);
        assert_eq!(found(Some(1 << 20)), None);
        assert_eq!(found(Some(256)), Some(Severity::Warning));
        assert_eq!(found(Some(20)), Some(Severity::Critical));
    }
}
