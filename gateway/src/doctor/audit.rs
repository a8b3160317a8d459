//! The audit trail: is it as it was written? All of it where it is small, else its newest file.

use std::path::{Path, PathBuf};

use super::check::{Area, Check};
use super::finding::{Examined, Finding};
use crate::audit::{Expected, HeadKey, Report, folder, kept_head, verify};

/// Bytes up to which all of it is verified.
const VERIFIED_BYTES_MAX: u64 = 64 << 20;

/// What is known of the trail; `None`: there is none.
pub(super) type AuditFacts = Option<Result<Report, String>>;

/// Looks. A trail that is large is left to `snowgate audit verify`.
pub(super) fn gather(state: &Path) -> AuditFacts {
    let folder = folder(state);
    if !folder.is_dir() {
        return None;
    }
    // Before the files: a gateway that writes meanwhile keeps a head only once it is in a file.
    let heads = kept_head(state).ok().flatten().into_iter().collect();
    let key = HeadKey::open(state).ok().flatten().map(|key| key.public().to_owned());
    if bytes_in(&folder) > VERIFIED_BYTES_MAX {
        return None;
    }
    Some(verify(&[folder], &Expected { key, heads }).map_err(|error| error.to_string()))
}

fn bytes_in(folder: &PathBuf) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// What is wrong with it.
pub(super) fn examine(facts: &AuditFacts) -> Examined {
    match facts {
        None => {
            Examined::skipped(Area::Audit, "off, or too large to be verified here: snowgate audit verify")
        }
        Some(Err(why)) => Examined::new(Area::Audit, "audit trail").with([Finding::warning(
            Check::AuditFault,
            "the audit trail cannot be read",
        )
        .because(why.clone())
        .mended_by("snowgate audit verify")]),
        Some(Ok(report)) => {
            let fault = report.fault.as_ref().map(|fault| {
                Finding::critical(Check::AuditFault, "the audit trail is not as it was written")
                    .because(fault.to_string())
                    .mended_by(
                        "snowgate audit verify; keep the files as they are, and restore them from a backup",
                    )
            });
            Examined::new(Area::Audit, format!("{} records, verified", report.records)).with(fault)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Fault;
    use crate::doctor::finding::Diagnosis;

    #[test]
    fn a_trail_that_was_changed_is_a_problem() {
        let found = |facts: &AuditFacts| Diagnosis::of(vec![examine(facts)]).findings.len();
        assert_eq!(found(&None), 0);
        assert_eq!(found(&Some(Ok(Report::default()))), 0);
        let fault = Fault { file: "f".into(), line: 3, seq: 3, what: "was changed".into() };
        let report = Report { fault: Some(fault), ..Report::default() };
        let finding = &Diagnosis::of(vec![examine(&Some(Ok(report)))]).findings[0];
        assert!(finding.cause.as_deref().unwrap().contains("line 3"), "{finding:?}");
        assert_eq!(gather(Path::new("/nowhere")), None);
    }
}
