//! The shim's flags and their environment variables.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use snowgate_link::BUILD;
use snowgate_link::hello::PROTO;
use snowgate_link::os::GATEWAY_PROGRAM as NAME;

/// Exit code for wrong usage, from `sysexits.h`.
pub(crate) const EX_USAGE: u8 = 64;

/// The first argument that makes this program the intermediate of a start; for the shim's own use.
pub(crate) const LAUNCH: &str = "__start";

/// The same without the line about the gateway's process: for the task of Windows, and for shims of earlier builds.
const LAUNCH_QUIETLY: &str = "__launch";

const HELP: &str = "\
Connects an MCP client to its gateway; starts one if need be.

--profile NAME  Profile of the config [SNOWGATE_PROFILE]
--session NAME  Name its context [SNOWGATE_SESSION]
--socket PATH   Its socket [SNOWGATE_SOCKET]
--gateway PATH  Its program [SNOWGATE_GATEWAY]
--no-autostart  Start no gateway [SNOWGATE_NO_AUTOSTART=1]
--version, --help

SNOWGATE_HOME=DIR moves all into DIR.";

/// What the program was asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Be a client's shim.
    Forward(Options),
    /// Be the intermediate that starts the given gateway command.
    Launch {
        /// The command.
        program: Vec<OsString>,
        /// Whether to say which process the gateway is.
        says_pid: bool,
    },
    /// Print a text and exit.
    Print(String),
}

/// How to be a shim.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The profile to ask for.
    pub(crate) profile: Option<String>,
    /// The name of the session.
    pub(crate) session: Option<String>,
    /// The socket named by the user.
    pub(crate) socket: Option<PathBuf>,
    /// The home that moves everything.
    pub(crate) home: Option<PathBuf>,
    /// The gateway's program, if named.
    pub(crate) gateway: Option<PathBuf>,
    /// Whether to fail if no gateway is running.
    pub(crate) no_autostart: bool,
}

/// Reads the command line and the environment.
pub(crate) fn parse() -> Result<Command, String> {
    let mut words = std::env::args_os().skip(1);
    if let Some(word) = words.next().filter(|word| word == LAUNCH || word == LAUNCH_QUIETLY) {
        return Ok(Command::Launch { program: words.collect(), says_pid: word == LAUNCH });
    }
    parse_from(lexopt::Parser::from_env(), |name| std::env::var_os(name))
}

fn parse_from(
    mut parser: lexopt::Parser,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Command, String> {
    use lexopt::prelude::*;
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let name = |name: &str| variable(name).filter(|value| !value.is_empty()).map(text).transpose();
    let mut options = Options {
        profile: name("SNOWGATE_PROFILE")?,
        session: name("SNOWGATE_SESSION")?,
        socket: path("SNOWGATE_SOCKET"),
        home: path("SNOWGATE_HOME"),
        gateway: path("SNOWGATE_GATEWAY"),
        no_autostart: variable("SNOWGATE_NO_AUTOSTART").is_some_and(|value| is_on(&value)),
    };
    let failed = |error: lexopt::Error| error.to_string();
    while let Some(argument) = parser.next().map_err(failed)? {
        match argument {
            Long("profile") => options.profile = Some(text(parser.value().map_err(failed)?)?),
            Long("session") => options.session = Some(text(parser.value().map_err(failed)?)?),
            Long("socket") => options.socket = Some(parser.value().map_err(failed)?.into()),
            Long("gateway") => options.gateway = Some(parser.value().map_err(failed)?.into()),
            Long("no-autostart") => options.no_autostart = true,
            Long("version") => {
                return Ok(Command::Print(format!(
                    "snowgate-shim {BUILD} (link protocol {}..{})",
                    PROTO.min, PROTO.max
                )));
            }
            Long("help") | Short('h') => return Ok(Command::Print(HELP.to_owned())),
            other => return Err(failed(other.unexpected())),
        }
    }
    Ok(Command::Forward(options))
}

fn text(value: OsString) -> Result<String, String> {
    value.into_string().map_err(|value| format!("the name {} is not UTF-8", value.display()))
}

fn is_on(value: &OsStr) -> bool {
    !["", "0", "false", "no", "off"].iter().any(|off| value.eq_ignore_ascii_case(off))
}

/// The gateway's program: as named; or next to this program, as it was launched and then, if that was a link,
/// where the link leads (an installation keeps its programs together); or on PATH, but for folders there that are
/// not absolute: the client may have started in another's folder.
pub(crate) fn gateway_program(named: Option<&Path>, own: &Path) -> PathBuf {
    if let Some(named) = named {
        return std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
    }
    let beside = own.with_file_name(NAME);
    if beside.is_file() {
        return beside;
    }
    let real = own.canonicalize().unwrap_or_default().with_file_name(NAME);
    if real.is_file() {
        return real;
    }
    let on_path = std::env::var_os("PATH").and_then(|path| {
        let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        folders.map(|folder| folder.join(NAME)).find(|path| path.is_file())
    });
    on_path.unwrap_or(beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str], variables: &[(&str, &str)]) -> Result<Options, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        match parse_from(lexopt::Parser::from_args(words), variable)? {
            Command::Forward(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_flag_wins_over_its_variable() {
        let options = options(
            &["--profile=work", "--session", "n"],
            &[("SNOWGATE_PROFILE", "home"), ("SNOWGATE_SOCKET", "/s")],
        )
        .unwrap();
        assert_eq!((options.profile.as_deref(), options.session.as_deref()), (Some("work"), Some("n")));
        assert_eq!(options.socket.as_deref(), Some(Path::new("/s")));
    }

    #[test]
    fn empty_variables_count_as_unset() {
        let options = options(&[], &[("SNOWGATE_PROFILE", ""), ("SNOWGATE_NO_AUTOSTART", "0")]).unwrap();
        assert!(options.profile.is_none() && !options.no_autostart);
    }

    #[test]
    fn an_unknown_argument_is_named_in_the_error() {
        assert!(options(&["--porfile", "x"], &[]).unwrap_err().contains("--porfile"));
        assert!(options(&["stray"], &[]).unwrap_err().contains("stray"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_finds_the_gateway_beside_it_and_else_where_it_leads() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = dir.path().canonicalize().unwrap().join(name);
            std::fs::create_dir(&folder).unwrap();
            folder
        };
        let (opt, local, bin) = (folder("opt"), folder("local"), folder("bin"));
        std::fs::write(opt.join("snowgate-shim"), "").unwrap();
        let link = |from: &Path, to: &Path| {
            let link = from.join("snowgate-shim");
            std::os::unix::fs::symlink(to.join("snowgate-shim"), &link).unwrap();
            link
        };
        // A link to a link.
        let (_, shim) = (link(&local, &opt), link(&bin, &local));
        std::fs::write(opt.join("snowgate"), "").unwrap();
        assert_eq!(gateway_program(None, &shim), opt.join("snowgate"));
        std::fs::write(bin.join("snowgate"), "").unwrap();
        assert_eq!(gateway_program(None, &shim), bin.join("snowgate"));
        assert_eq!(gateway_program(Some(Path::new("/x/y")), &shim), Path::new("/x/y"));
    }
}
