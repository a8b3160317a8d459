//! The state file.

use std::path::Path;

use super::check::{Area, Check};
use super::finding::{Examined, Finding};
use crate::state::{StateSummary, Unreadable, summary};

/// What is known of the state file.
pub(super) type StateFacts = Result<Option<StateSummary>, Unreadable>;

/// Looks.
pub(super) fn gather(folder: &Path) -> StateFacts {
    summary(folder)
}

/// What is wrong with it.
pub(super) fn examine(folder: &Path, facts: &StateFacts) -> Examined {
    let file = folder.join("state.db");
    let shown = file.display();
    match facts {
        Ok(None) => Examined::new(Area::State, "no state file yet"),
        Ok(Some(found)) => {
            let StateSummary { bytes, sessions, statements, unfinished, set_aside } = found;
            let said = format!("{sessions} sessions, {statements} statements in the journal");
            let details = vec![
                format!("{shown}, {} KiB", bytes / 1024),
                format!("{unfinished} statements whose end is not known"),
            ];
            let aside = set_aside.last().map(|last| {
                let what = format!("an unusable state file was set aside: {}", last.display());
                Finding::note(Check::StateSetAside, what)
                    .because("it was damaged, or of another layout; its sessions and its journal do not count any more")
                    .mended_by(format!("nothing; the file may be deleted: rm {}*", last.display()))
            });
            Examined::new(Area::State, said).with_details(details).with(aside)
        }
        Err(Unreadable::Unusable(why)) => Examined::new(Area::State, shown.to_string()).with([Finding::critical(
            Check::StateUnusable,
            format!("the state file {shown} cannot be used"),
        )
        .because(format!("{why}; the next gateway sets it aside and begins anew"))
        .mended_by(format!(
            "restore it from a backup while no gateway runs, or run snowgate restart to begin anew (sessions lose \
             their context, and {shown} is kept beside it)"
        ))]),
        Err(Unreadable::Now(why)) => Examined::new(Area::State, shown.to_string()).with([Finding::critical(
            Check::StateUnusable,
            format!("the state file {shown} cannot be read"),
        )
        .because(why.clone())
        .mended_by(format!("check the permissions and the disk of {shown}, and which process uses it (fuser {shown})"))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Diagnosis;
    use crate::observe::Severity;

    #[test]
    fn an_unusable_file_is_a_problem_and_one_set_aside_a_note() {
        let found = |facts: &StateFacts| {
            let found = Diagnosis::of(vec![examine(Path::new("/s"), facts)]).findings;
            found.into_iter().map(|finding| (finding.severity, finding.check)).collect::<Vec<_>>()
        };
        assert_eq!(found(&Ok(None)), []);
        assert_eq!(found(&Ok(Some(StateSummary::default()))), []);
        let aside = StateSummary { set_aside: vec!["/s/x".into()], ..StateSummary::default() };
        assert_eq!(found(&Ok(Some(aside))), [(Severity::Note, Check::StateSetAside)]);
        for why in [Unreadable::Unusable("x".into()), Unreadable::Now("x".into())] {
            assert_eq!(found(&Err(why)), [(Severity::Critical, Check::StateUnusable)]);
        }
    }
}
