//! The two programs: this one, the shim beside it, and the copy that a shell finds.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use snowgate_link::BUILD;

use super::check::{Area, Check};
use super::finding::{Examined, Finding, Fix};
use super::situation::Situation;
use crate::os::{
    GATEWAY_PROGRAM as GATEWAY, RunError, SHIM_PROGRAM as SHIM, folders_of_path, is_program, quarantine_of,
    real_path, run_bounded,
};
use crate::streams::escaped;

/// How long a program may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes of what it says, at most.
const VERSION_BYTES_MAX: usize = 256;

/// Bytes at the beginning of a program that tell for which system and processor it is: of ELF, up to `e_machine`.
const HEAD_BYTES: usize = 20;

/// A program, as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// It is not there.
    Missing,
    /// It may not be run.
    NotExecutable,
    /// It is for another system or processor.
    Foreign,
    /// It does not run, because of this.
    Broken(String),
    /// It runs, and has this version.
    Version(String),
}

/// What is known of the programs.
pub(super) struct ProgramFacts {
    own: Option<PathBuf>,
    /// The shim's place, and how it is.
    shim: Option<(PathBuf, Program)>,
    /// The program that a shell finds, if it is another than this one.
    on_path: Option<(PathBuf, Program)>,
    /// The programs that macOS has marked as downloaded, and with what.
    quarantined: Vec<(PathBuf, String)>,
}

/// Looks. Each program has [`VERSION_TIMEOUT`] to say its version.
pub(super) fn gather(situation: &Situation<'_>) -> ProgramFacts {
    let own = situation.program.clone();
    let shim = own.as_deref().map(|own| own.with_file_name(SHIM)).map(|shim| {
        let found = program_at(&shim, own.as_deref());
        (shim, found)
    });
    let on_path = on_path(situation).filter(|found| !is_same(found, own.as_deref())).map(|path| {
        let found = program_at(&path, own.as_deref());
        (path, found)
    });
    let programs = own.iter().chain(shim.iter().map(|(path, _)| path));
    let quarantined = programs.filter_map(|path| Some((path.clone(), quarantine_of(path)?))).collect();
    ProgramFacts { own, shim, on_path, quarantined }
}

/// The first `snowgate` on the path.
fn on_path(situation: &Situation<'_>) -> Option<PathBuf> {
    let path = situation.env.get_os("PATH")?;
    folders_of_path(&path).map(|folder| folder.join(GATEWAY)).find(|file| file.is_file())
}

fn is_same(one: &Path, other: Option<&Path>) -> bool {
    let real = |path: &Path| real_path(path).unwrap_or_else(|_| path.to_owned());
    other.is_some_and(|other| real(one) == real(other))
}

/// How the program at `path` is; `own` is one for this system.
pub(super) fn program_at(path: &Path, own: Option<&Path>) -> Program {
    let Ok(metadata) = std::fs::metadata(path) else { return Program::Missing };
    if !metadata.is_file() {
        return Program::Missing;
    }
    if !is_program(&metadata) {
        return Program::NotExecutable;
    }
    if let (Some(head), Some(own)) = (head_of(path), own.and_then(head_of))
        && is_other_machine(&head, &own)
    {
        return Program::Foreign;
    }
    match version_of(path) {
        Ok(version) => Program::Version(version),
        Err(why) => Program::Broken(why),
    }
}

fn head_of(path: &Path) -> Option<[u8; HEAD_BYTES]> {
    let mut head = [0; HEAD_BYTES];
    std::fs::File::open(path).ok()?.read_exact(&mut head).ok()?;
    Some(head)
}

/// Whether `head` begins a program for another processor or system than `own` does. A script is for any.
fn is_other_machine(head: &[u8; HEAD_BYTES], own: &[u8; HEAD_BYTES]) -> bool {
    const ELF: &[u8] = b"\x7fELF";
    const MACH_O: &[u8] = b"\xcf\xfa\xed\xfe";
    const MZ: &[u8] = b"MZ";
    if head.starts_with(b"#!") {
        return false;
    }
    if own.starts_with(ELF) {
        // Class, byte order; machine.
        return !head.starts_with(ELF) || head[4..6] != own[4..6] || head[18..] != own[18..];
    }
    if own.starts_with(MZ) {
        return !head.starts_with(MZ);
    }
    // One for several processors begins otherwise.
    own.starts_with(MACH_O) && head.starts_with(MACH_O) && head[4..8] != own[4..8]
}

/// What `--version` says behind the program's name.
fn version_of(path: &Path) -> Result<String, String> {
    let said = run_bounded(Command::new(path).arg("--version"), VERSION_TIMEOUT, VERSION_BYTES_MAX);
    let said = said.map_err(|error| match error {
        RunError::Slow { bound } => format!("it did not say its version within {} s", bound.as_secs()),
        RunError::Io(error) => error.to_string(),
    })?;
    if !said.status.success() {
        let (status, complaint) = (said.status, escaped(said.err.trim()));
        return Err(if complaint.is_empty() { status.to_string() } else { format!("{status}: {complaint}") });
    }
    said.out.split_whitespace().nth(1).map(escaped).ok_or_else(|| "it says no version".to_owned())
}

/// What is wrong with a program at `path`, by check, cause and what `--fix` may do.
pub(super) fn fault(path: &Path, program: &Program) -> Option<(Check, String, String, Option<Fix>)> {
    let shown = path.display();
    Some(match program {
        Program::Version(_) => return None,
        Program::Missing => (
            Check::ProgramMissing,
            format!("there is no file {shown}"),
            format!("install `{SHIM}` and `{GATEWAY}` in the same folder"),
            None,
        ),
        Program::NotExecutable => (
            Check::ProgramMode,
            format!("{shown} may not be executed"),
            format!("chmod +x {shown}"),
            Some(Fix::MakeExecutable(path.to_owned())),
        ),
        Program::Foreign => (
            Check::ProgramBroken,
            format!("{shown} is for another system or processor than this one ({})", std::env::consts::ARCH),
            format!("install the build for {} {}", std::env::consts::OS, std::env::consts::ARCH),
            None,
        ),
        Program::Broken(why) => (
            Check::ProgramBroken,
            format!("{shown} cannot be run: {why}"),
            format!("install it again; `{shown} --version` shows whether it runs"),
            None,
        ),
    })
}

/// What is wrong with them.
pub(super) fn examine(facts: &ProgramFacts) -> Examined {
    let own = facts.own.as_deref().map_or_else(|| GATEWAY.to_owned(), |own| own.display().to_string());
    let mut findings = Vec::new();
    if let Some((path, shim)) = &facts.shim {
        match (fault(path, shim), shim) {
            (Some((check, cause, step, fix)), _) => {
                let finding = Finding::critical(check, "clients cannot start the shim").because(cause);
                findings.push(Finding { fix, ..finding.mended_by(step) });
            }
            (None, Program::Version(version)) if version != BUILD => findings.push(
                Finding::warning(
                    Check::ProgramVersions,
                    format!("the shim beside this program is {version}"),
                )
                .because(format!("{} was not replaced with {own}, which is {BUILD}", path.display()))
                .mended_by("install both programs of one version in the same folder"),
            ),
            (None, _) => {}
        }
    }
    if let Some((path, found)) = &facts.on_path {
        let what = match found {
            Program::Version(version) if version == BUILD => None,
            Program::Version(version) => {
                Some(format!("the `{GATEWAY}` that a shell finds is {version}, this one is {BUILD}"))
            }
            _ => Some(format!("the `{GATEWAY}` that a shell finds cannot be run")),
        };
        findings.extend(what.map(|what| {
            Finding::warning(Check::ProgramVersions, what)
                .because(format!("{} comes before {own} in PATH", path.display()))
                .mended_by("remove the copy that is not wanted, or put its folder behind the other in PATH")
        }));
    }
    findings.extend(facts.quarantined.iter().map(|(path, mark)| {
        let shown = path.display();
        Finding::warning(Check::ProgramQuarantined, format!("macOS may refuse to run {shown}"))
            .because(format!("it is marked as downloaded (com.apple.quarantine: {})", escaped(mark)))
            .mended_by(format!("xattr -d com.apple.quarantine '{shown}'"))
    }));
    let details = [
        Some(format!("gateway: {own}")),
        facts.shim.as_ref().map(|(path, _)| format!("shim: {}", path.display())),
    ];
    Examined::new(Area::Programs, format!("{GATEWAY} and {SHIM} {BUILD}"))
        .with_details(details.into_iter().flatten().collect())
        .with(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Diagnosis;

    fn found(shim: Program, on_path: Option<Program>) -> Vec<(Check, bool)> {
        let facts = ProgramFacts {
            own: Some("/a/snowgate".into()),
            shim: Some(("/a/snowgate-shim".into(), shim)),
            on_path: on_path.map(|program| ("/b/snowgate".into(), program)),
            quarantined: Vec::new(),
        };
        let found = Diagnosis::of(vec![examine(&facts)]).findings;
        found.iter().map(|finding| (finding.check, finding.fix.is_some())).collect()
    }

    #[test]
    fn each_way_in_which_a_program_is_unusable_is_told_apart() {
        let good = || Program::Version(BUILD.to_owned());
        assert_eq!(found(good(), Some(good())), []);
        assert_eq!(found(Program::Missing, None), [(Check::ProgramMissing, false)]);
        assert_eq!(found(Program::NotExecutable, None), [(Check::ProgramMode, true)]);
        assert_eq!(found(Program::Foreign, None), [(Check::ProgramBroken, false)]);
        assert_eq!(found(Program::Broken("x".into()), None), [(Check::ProgramBroken, false)]);
        assert_eq!(found(Program::Version("0.0.1".into()), None), [(Check::ProgramVersions, false)]);
        assert_eq!(found(good(), Some(Program::Version("0.0.1".into()))), [(Check::ProgramVersions, false)]);
    }

    #[test]
    fn a_program_that_is_marked_as_downloaded_is_named_with_what_takes_the_mark_away() {
        let facts = ProgramFacts {
            own: Some("/a/snowgate".into()),
            shim: None,
            on_path: None,
            quarantined: vec![("/a b/snowgate-shim".into(), "0081;65a1b2c3;Safari;6F1C".to_owned())],
        };
        let found = Diagnosis::of(vec![examine(&facts)]).findings;
        assert_eq!(found[0].check, Check::ProgramQuarantined);
        let step = "xattr -d com.apple.quarantine '/a b/snowgate-shim'";
        assert_eq!(found[0].next_step.as_deref(), Some(step));
    }

    #[test]
    fn the_head_of_a_program_tells_its_processor() {
        let head = |start: &[u8], machine: u8| {
            let mut head = [0; HEAD_BYTES];
            head[..start.len()].copy_from_slice(start);
            head[18] = machine;
            head
        };
        let own = head(b"\x7fELF\x02\x01", 62);
        assert!(!is_other_machine(&own, &own) && !is_other_machine(&head(b"#!/bin/sh", 0), &own));
        assert!(is_other_machine(&head(b"\x7fELF\x02\x01", 183), &own));
        assert!(is_other_machine(&head(b"\x7fELF\x01\x01", 62), &own));
        let (windows, script) = (head(b"MZ", 0), head(b"#!/bin/sh", 0));
        assert!(is_other_machine(&windows, &own) && is_other_machine(&own, &windows));
        assert!(!is_other_machine(&windows, &windows) && !is_other_machine(&script, &windows));
    }

    #[test]
    fn a_program_is_run_to_learn_its_version_and_not_waited_for_for_ever() {
        assert_eq!(program_at(Path::new("/nowhere/x"), None), Program::Missing);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        std::fs::write(&file, "").unwrap();
        let is_broken = |path: &Path| matches!(program_at(path, None), Program::Broken(_));
        if cfg!(windows) {
            // There is no mode that says so.
            assert!(is_broken(&file));
        } else {
            assert_eq!(program_at(&file, None), Program::NotExecutable);
        }
        // The program of the tests does not know `--version`.
        assert!(is_broken(&std::env::current_exe().unwrap()));
    }
}
