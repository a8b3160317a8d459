//! `snowgate open`: the gateway's page in a browser.

use std::fs;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use crate::os::{self, Browser};
use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::control::{ask_now, no_gateway, print_json, print_text};
use super::serve::endpoint;
use super::{Cli, OutputArgs};
use crate::config::{Paths, ProcessEnvironment};
use crate::link::{Command as Asked, PageLink, Reply};

/// The file that a browser is given: it leads to the link. A link among a program's arguments could be read by every user of
/// this machine.
const FILE: &str = "open-page.html";

/// How `open` opens it.
#[derive(Clone, Debug, Args)]
pub(crate) struct OpenArgs {
    /// Print the link instead of opening a browser. It is good for 60 seconds and one use
    #[arg(long)]
    print: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// There is no page to open.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoPage(String);

/// Opens the page, or prints its link where that is asked for or there is no screen.
pub(super) fn open(cli: &Cli, args: &OpenArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let link = match ask_now(&endpoint, &Asked::OpenPage)? {
        Some(Reply::Page(link)) => link,
        Some(Reply::Refused(why)) => return Err(NoPage(why).into()),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => return no_gateway(&endpoint, args.output.json),
    };
    if args.output.json {
        return print_json(&link);
    }
    let problem = link.problem.as_ref().map(|why| format!("the HTTP front has a problem: {why}\n"));
    let problem = problem.unwrap_or_default();
    if args.print {
        return print_text(&format!("{problem}{}\n", link.url));
    }
    let Some(browser) = Browser::find() else {
        let why = "there is no screen to open a browser on";
        return print_text(&format!(
            "{problem}{why}; this link is good for {} s and one use:\n{}\n",
            link.good_s, link.url
        ));
    };
    match start(&browser, &link) {
        Ok(()) => print_text(&format!("{problem}opening the page in a browser\n")),
        Err(error) => print_text(&format!(
            "{problem}no browser could be opened ({error:#}); this link is good for {} s and one use:\n{}\n",
            link.good_s, link.url
        )),
    }
}

/// Starts it, without a shell.
fn start(browser: &Browser, link: &PageLink) -> Result<()> {
    let program = match browser {
        Browser::Program(program) => program,
        // Where that is a call, other users do not see what a program is started with.
        Browser::System => return os::open_in_browser(&link.url).context("the system does not open it"),
    };
    let file = write(link)?;
    let mut command = os::program(program).with_context(|| format!("cannot start {program}"))?;
    command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    os::unblock_signals_in(&mut command).spawn().with_context(|| format!("cannot start {program}"))?;
    Ok(())
}

/// The file of this user alone that leads to the link. The next link takes its place; an old one is of no use.
fn write(link: &PageLink) -> Result<PathBuf> {
    let folder = Paths::discover(&ProcessEnvironment)?.state_dir;
    let file = folder.join(FILE);
    let url = link.url.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0;url={url}\"><title>Snowgate</title><a href=\"{url}\">Open the page</a>\n"
    );
    // Files of this program are its user's alone (`make_files_private`); one that is there may be another's.
    let _ = fs::remove_file(&file);
    os::make_private_folders(&folder)
        .and_then(|()| fs::write(&file, page))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
