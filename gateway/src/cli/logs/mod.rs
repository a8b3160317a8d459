//! `snowgate logs`: the streams of the log, read from their files; a gateway need not run.

mod filter;
mod show;

use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use self::filter::Filter;
use self::show::Look;
use super::exit;
use crate::config::{Config, Paths, ProcessEnvironment};
use crate::os::is_reader_gone_within;
use crate::shared::moments::parse_since;
use crate::streams::{Follower, Reader, StreamName};

/// Between two looks while lines come, and while none have come for a while.
const LOOK_PAUSE: Duration = Duration::from_millis(2);
const IDLE_LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Looks at what is there, at most: it may grow as fast as it is read.
const PAST_LOOKS_MAX: usize = 8;

/// From when on none have come for a while.
const IDLE_AFTER: Duration = Duration::from_secs(2);

/// What is shown of the log.
#[derive(Clone, Debug, Args)]
pub(crate) struct LogsArgs {
    /// Go on as lines come, across rotations and restarts of the gateway
    #[arg(short, long)]
    follow: bool,

    /// Which stream: what the gateway says, its warnings and errors, a line a request, statements, the audit trail
    #[arg(long, value_name = "STREAM", value_enum, default_value_t = Stream::Main)]
    stream: Stream,

    /// Of one session: its id, or the beginning of it
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    session: Option<String>,

    /// Of one client, by the name that it gives itself
    #[arg(long, value_name = "NAME")]
    client: Option<String>,

    /// Since then: 10m, 2h, 3d, 2027-01-31, 2027-01-31T12:00:00Z (UTC)
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<u64>,

    /// This level and what is worse
    #[arg(long, value_name = "LEVEL", value_enum, ignore_case = true)]
    level: Option<Level>,

    /// Of the lines that are there, only the last so many
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<usize>,

    /// Print the lines as they are in the files
    #[arg(long)]
    pub(super) json: bool,
}

/// The streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stream {
    Main,
    Error,
    Access,
    Sql,
    Audit,
}

/// The levels, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Level {
    Error,
    #[value(alias = "warning")]
    Warn,
    Info,
    Debug,
    Trace,
}

impl Stream {
    /// The folder of its files, and what their names begin with.
    fn place(self, paths: &Paths) -> (PathBuf, &'static str) {
        let of = |name: StreamName| (paths.log_dir.clone(), name.prefix());
        match self {
            Self::Main => of(StreamName::Main),
            Self::Error => of(StreamName::Error),
            Self::Access => of(StreamName::Access),
            Self::Sql => of(StreamName::Sql),
            Self::Audit => (paths.state_dir.join("audit"), "audit."),
        }
    }

    /// The setting that turns it on, if it is off.
    fn off(self, config: &Config) -> Option<&'static str> {
        let observing = &config.observing;
        match self {
            Self::Access if !observing.logs.access => Some("logs.access = true"),
            Self::Sql if !observing.logs.sql => Some("logs.log_sql = true"),
            Self::Audit if !observing.audit.enabled => Some("audit.enabled = true"),
            _ => None,
        }
    }
}

/// Prints the lines, and those that come with `--follow`.
pub(super) fn logs(args: &LogsArgs) -> Result<ExitCode> {
    let environment = ProcessEnvironment;
    let paths = Paths::discover(&environment)?;
    let (folder, prefix) = args.stream.place(&paths);
    let mut follower = Follower::new(&folder, prefix);
    let mut printer = Printer::new(args);
    for _ in 0..PAST_LOOKS_MAX {
        let looked = follower.look(&mut printer);
        if !looked.with_context(|| format!("cannot show the log in {}", folder.display()))? {
            break;
        }
    }
    printer.end_of_past()?;
    if !follower.has_found_any() {
        // A configuration that is wrong is said elsewhere.
        let config = Config::load(&paths, &environment).ok();
        say(&nothing_there(&folder, args, config.and_then(|config| args.stream.off(&config))));
    }
    if args.follow {
        follow(&mut follower, &mut printer)?;
    }
    Ok(ExitCode::from(exit::OK))
}

/// Prints lines as they come, until the reader of a pipe has closed it.
fn follow(follower: &mut Follower, printer: &mut Printer) -> io::Result<()> {
    let mut came_at = Instant::now();
    loop {
        let pause = if came_at.elapsed() < IDLE_AFTER { LOOK_PAUSE } else { IDLE_LOOK_PAUSE };
        if is_reader_gone_within(pause) {
            return Ok(());
        }
        if follower.look(printer)? {
            came_at = Instant::now();
        }
        printer.flush()?;
    }
}

fn nothing_there(folder: &Path, args: &LogsArgs, off: Option<&str>) -> String {
    let waits = if args.follow { "; waiting for it" } else { "" };
    let stream = args.stream.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    match off {
        Some(setting) => {
            format!("the stream `{stream}` is off; set `{setting}` and run `snowgate restart`{waits}")
        }
        None => format!("there is no log of the stream `{stream}` in {} yet{waits}", folder.display()),
    }
}

/// Beside the lines.
fn say(message: &str) {
    // A closed stderr keeps no line from being printed.
    let _ = writeln!(io::stderr(), "snowgate logs: {message}");
}

/// Prints what passes the filter.
struct Printer {
    filter: Filter,
    look: Look,
    output: BufWriter<StdoutLock<'static>>,
    /// The last lines of those that are there, while they are read.
    last: Option<(usize, VecDeque<String>)>,
    missed: u64,
}

impl Printer {
    fn new(args: &LogsArgs) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            filter: Filter::new(args),
            look: Look::new(args.json, is_terminal),
            output: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            last: args.lines.map(|lines| (lines, VecDeque::new())),
            missed: 0,
        }
    }

    /// What was there is read.
    fn end_of_past(&mut self) -> io::Result<()> {
        let (_, lines) = self.last.take().unwrap_or_default();
        lines.iter().try_for_each(|line| self.output.write_all(line.as_bytes()))?;
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Reader for Printer {
    fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line = String::from_utf8_lossy(line);
            if !self.filter.passes(&line) {
                continue;
            }
            let shown = self.look.of(&line);
            match &mut self.last {
                None => self.output.write_all(shown.as_bytes())?,
                Some((0, _)) => {}
                Some((lines_max, last)) => {
                    if last.len() == *lines_max {
                        last.pop_front();
                    }
                    last.push_back(shown);
                }
            }
        }
        Ok(())
    }

    fn missed(&mut self, files: u64) {
        self.missed += files;
        say(&format!(
            "{files} log files were removed before they could be read ({} by now): lines are missing here. More of them are kept \
             with larger `logs.file_bytes_max` and `logs.files_max`",
            self.missed
        ));
    }

    fn unreadable(&mut self, file: &Path, error: &io::Error) {
        say(&format!("cannot read {}: {error}", file.display()));
    }
}
