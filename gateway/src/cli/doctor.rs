//! `snowgate doctor`: what is wrong, why, and what mends it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;
use snowgate_link::endpoint::Endpoint;

use super::advice::next_step;
use super::control::{print_for_people, print_json};
use super::serve::endpoint;
use super::{Cli, exit};
use crate::config::{Paths, ProcessEnvironment};
use crate::doctor::{self, AreaState, AreaView, Diagnosis, Finding, Fixed, Options, Situation};
use crate::observe::Severity;

/// The words before a finding.
const INDENT: &str = "             ";

/// How `doctor` looks, and what it does.
#[derive(Clone, Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Every detail, also of what is in order
    #[arg(long)]
    pub(super) all: bool,

    /// Log in to each account, too; a password that was refused within 10 minutes is not sent again
    #[arg(long)]
    pub(super) login: bool,

    /// With --login: send a password although one of the user was refused; five wrong ones lock the user
    #[arg(long, requires = "login")]
    pub(super) retry_password: bool,

    /// Mend what is safe to mend: modes of our files, sockets of gateways that have ended, and, in your own clients' config
    /// files, the path of the shim where Snowgate's entry names one that is gone or older (with a backup, which is named)
    #[arg(long)]
    pub(super) fix: bool,

    /// With --fix: only say what would be done
    #[arg(long, requires = "fix")]
    pub(super) dry_run: bool,

    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl DoctorArgs {
    fn options(&self) -> Options {
        Options { logs_in: self.login, sends_refused_password: self.retry_password }
    }

    /// Those of a second look: no password that was refused is sent twice in one run.
    fn options_again(&self) -> Options {
        Options { sends_refused_password: false, ..self.options() }
    }
}

/// Looks, and mends what it may.
pub(super) fn doctor(cli: &Cli, args: &DoctorArgs) -> Result<ExitCode> {
    let (paths, endpoint) = match places(cli) {
        Ok(found) => found,
        Err(diagnosis) => return show(&diagnosis, &[], args),
    };
    let look = |options| {
        doctor::examine(&Situation::look(paths.clone(), endpoint.clone(), &ProcessEnvironment, options))
    };
    let mut diagnosis = look(args.options());
    let mut fixed = Vec::new();
    if args.fix {
        fixed = doctor::apply(&doctor::steps(&diagnosis), &endpoint, args.dry_run);
        if fixed.iter().any(|step| step.done) {
            diagnosis = look(args.options_again());
        }
    }
    show(&diagnosis, &fixed, args)
}

/// Where everything belongs, or why that is not known.
pub(super) fn places(cli: &Cli) -> Result<(Paths, Endpoint), Box<Diagnosis>> {
    let paths = Paths::discover(&ProcessEnvironment)
        .map_err(|error| Box::new(doctor::without_places(&error.into(), None)))?;
    let system: Option<PathBuf> = cli.system_config.clone();
    let endpoint = endpoint(cli).map_err(|error| {
        let error = anyhow::Error::new(error);
        let step = next_step(&error);
        Box::new(doctor::without_socket(&error, step))
    })?;
    Ok((paths.with_system_file(system), endpoint))
}

fn show(diagnosis: &Diagnosis, fixed: &[Fixed], args: &DoctorArgs) -> Result<ExitCode> {
    if args.json {
        let mut shown = serde_json::to_value(diagnosis)?;
        shown["fixed"] = json!(fixed);
        print_json(&shown)?;
    } else {
        print_for_people(&text(diagnosis, fixed, args))?;
    }
    Ok(if diagnosis.healthy { ExitCode::from(exit::OK) } else { ExitCode::from(exit::PROBLEMS) })
}

fn text(diagnosis: &Diagnosis, fixed: &[Fixed], args: &DoctorArgs) -> String {
    let mut text: String = fixed.iter().map(|step| fixed_text(step, args.dry_run)).collect();
    text.push_str(&summary(diagnosis));
    diagnosis.findings.iter().for_each(|finding| text.push_str(&finding_text(finding)));
    text.push('\n');
    diagnosis.areas.iter().for_each(|area| text.push_str(&area_text(area, args.all)));
    text
}

fn fixed_text(step: &Fixed, is_dry: bool) -> String {
    match &step.error {
        Some(error) => format!("not done     {}\n{INDENT}why: {error}\n", step.what),
        None if is_dry => format!("would        {}\n", step.what),
        None => {
            let backup = step.backup.as_ref();
            let backup = backup.map(|path| format!("{INDENT}backup: {}\n", path.display()));
            format!("done         {}\n{}", step.what, backup.unwrap_or_default())
        }
    }
}

fn summary(diagnosis: &Diagnosis) -> String {
    let count = |severity| diagnosis.findings.iter().filter(|finding| finding.severity == severity).count();
    let number = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let (problems, warnings) = (count(Severity::Critical), count(Severity::Warning));
    match (problems, warnings) {
        (0, 0) => "no problems found\n".to_owned(),
        (0, _) => format!("no problems found, {}\n", number(warnings, "warning")),
        _ => format!(
            "{}, {}; the first is the likely cause\n",
            number(problems, "problem"),
            number(warnings, "warning")
        ),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "problem",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn finding_text(finding: &Finding) -> String {
    let indented = |text: &str| text.replace('\n', &format!("\n{INDENT}"));
    let subject = finding.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
    let follows = finding
        .follows_from
        .map(|check| format!("{INDENT}follows from: {}\n", check.name()))
        .unwrap_or_default();
    let line = |name: &str, text: &Option<String>| {
        text.as_ref().map(|text| format!("{INDENT}{name}: {}\n", indented(text))).unwrap_or_default()
    };
    format!(
        "\n{:<12} {subject}{}\n{}{}{follows}",
        format!("{}", word(finding.severity)),
        indented(&finding.what),
        line("why", &finding.cause),
        line("mend", &finding.next_step),
    )
}

fn area_text(area: &AreaView, all: bool) -> String {
    let name = match &area.subject {
        Some(subject) => format!("{} {subject}", area.area.name()),
        None => area.area.name().to_owned(),
    };
    let state = match area.state {
        AreaState::Skipped => "-",
        state => state.name(),
    };
    let details: String =
        area.details.iter().filter(|_| all).map(|detail| format!("{INDENT}{detail}\n")).collect();
    format!("{state:<12} {name}: {}\n{details}", area.said)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Area, Check, Examined};

    fn args(all: bool) -> DoctorArgs {
        DoctorArgs { all, login: false, retry_password: false, fix: false, dry_run: false, json: false }
    }

    #[test]
    fn problems_come_first_each_with_its_cause_and_what_mends_it() {
        let connection = Examined::new(Area::Connection, "an account")
            .about("work")
            .with_details(vec!["detail".to_owned()])
            .with([
                Finding::critical(Check::LogIn, "b"),
                Finding::critical(Check::Name, "a").because("c").mended_by("d"),
            ]);
        let diagnosis = Diagnosis::of(vec![Examined::new(Area::Disk, "space"), connection]);
        let shown = text(&diagnosis, &[], &args(false));
        assert_eq!(
            shown,
            "2 problems, 0 warnings; the first is the likely cause\n\n\
             problem      work: a\n             why: c\n             mend: d\n\n\
             problem      work: b\n             follows from: name\n\n\
             ok           disk: space\nproblem      connection work: an account\n"
        );
        assert!(text(&diagnosis, &[], &args(true)).contains("detail"));
    }

    #[test]
    fn what_was_mended_is_said_and_what_would_be() {
        let step = Fixed { what: "set a mode".to_owned(), done: true, error: None, backup: None };
        assert_eq!(fixed_text(&step, false), "done         set a mode\n");
        let rewritten = Fixed { backup: Some("/state/1-mcp.json".into()), ..step.clone() };
        assert!(fixed_text(&rewritten, false).ends_with("\n             backup: /state/1-mcp.json\n"));
        assert_eq!(fixed_text(&step, true), "would        set a mode\n");
        let failed = Fixed { error: Some("x".to_owned()), ..step };
        assert!(fixed_text(&failed, false).contains("why: x"));
    }
}
