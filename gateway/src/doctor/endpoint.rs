//! The socket's folder, the socket, the lock, and the process behind them.

use std::path::{Path, PathBuf};

use snowgate_link::endpoint::{Endpoint, EndpointError};
use snowgate_link::start::StartError;

use super::check::{Area, Check};
use super::finding::{Examined, Finding, Fix};
use super::situation::{Asked, Situation};

/// What is known of the endpoint.
pub(super) struct EndpointFacts<'a> {
    endpoint: &'a Endpoint,
    /// What is wrong with the folder, if it is there.
    folder: Option<EndpointError>,
    /// Whether a socket is there, or what is instead.
    socket: Result<bool, EndpointError>,
    asked: &'a Asked,
    lock_holder: Option<u32>,
    /// The folder of temporary sockets of processes that have ended.
    leftovers: Vec<PathBuf>,
}

/// Looks.
pub(super) fn gather<'a>(situation: &'a Situation<'_>) -> EndpointFacts<'a> {
    let endpoint = &situation.endpoint;
    // Where there is a folder, this only checks it.
    let folder = endpoint.dir().symlink_metadata().ok().and_then(|_| endpoint.prepare_dir().err());
    EndpointFacts {
        endpoint,
        folder,
        socket: endpoint.socket_exists(),
        asked: &situation.asked,
        lock_holder: situation.lock_holder,
        leftovers: leftovers(endpoint),
    }
}

/// Sockets that gateways made, and were killed before they moved them into place: `g.PID`.
fn leftovers(endpoint: &Endpoint) -> Vec<PathBuf> {
    if endpoint.is_named() {
        return Vec::new();
    }
    let is_left = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        let pid = name.and_then(|name| name.strip_prefix("g.")?.parse::<u32>().ok());
        pid.is_some_and(|pid| crate::state::ShimProcess::running(pid).is_none())
    };
    let entries = std::fs::read_dir(endpoint.dir()).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_left).collect()
}

/// What is wrong with it.
pub(super) fn examine(facts: &EndpointFacts<'_>) -> Examined {
    let said = facts.endpoint.socket.display().to_string();
    let examined = Examined::new(Area::Endpoint, said);
    if let Some(error) = &facts.folder {
        return examined.with([of_folder(facts.endpoint, error)]);
    }
    if let Err(error) = &facts.socket {
        return examined.with([of_socket(error)]);
    }
    let mut findings: Vec<Finding> = match facts.asked {
        Asked::Failed(error @ (StartError::NotGateway { .. } | StartError::ForeignPeer { .. })) => {
            vec![foreign(&error.to_string()).mended_by_any(error.next_step())]
        }
        Asked::Failed(StartError::Endpoint(error)) => vec![of_socket(error)],
        Asked::Absent if matches!(facts.socket, Ok(true)) && facts.lock_holder.is_none() => {
            vec![stale(&facts.endpoint.socket)]
        }
        _ => Vec::new(),
    };
    findings.extend(facts.leftovers.iter().map(|path| stale(path)));
    findings.extend(in_tmp(facts.endpoint.dir()).filter(|_| !facts.endpoint.is_named()));
    examined.with(findings)
}

fn of_folder(endpoint: &Endpoint, error: &EndpointError) -> Finding {
    let finding = Finding::critical(Check::RunFolder, format!("the socket's folder cannot be used: {error}"))
        .because(match error {
            EndpointError::Open { .. } => "others could listen in the gateway's place, or reach it",
            EndpointError::Foreign { .. } => "its owner could listen in the gateway's place",
            EndpointError::NotDirectory(..) => "something else is where the folder belongs",
            _ => "the system does not let you look at it or make it",
        })
        .mended_by(error.next_step());
    match error {
        EndpointError::Open { path, named: false, .. } => {
            finding.fixed_by(Fix::SetMode { path: path.clone(), mode: 0o700 })
        }
        _ if endpoint.is_named() => finding,
        EndpointError::NotDirectory(path, _) => {
            finding.mended_by(format!("move {} away, or set SNOWGATE_SOCKET to another path", path.display()))
        }
        _ => finding,
    }
}

fn of_socket(error: &EndpointError) -> Finding {
    foreign(&error.to_string()).mended_by(error.next_step())
}

fn foreign(what: &str) -> Finding {
    Finding::critical(Check::SocketForeign, what)
        .because("it was not made by a gateway, so it is neither used nor replaced")
}

fn stale(path: &Path) -> Finding {
    Finding::note(Check::StaleFile, format!("{} is a socket of a gateway that has ended", path.display()))
        .because("that gateway was killed; the next one replaces it")
        .mended_by("snowgate doctor --fix")
        .fixed_by(Fix::RemoveSocket(path.to_owned()))
}

/// Where this user has no run folder of the system, the socket's folder is `/tmp/snowgate-UID`.
fn in_tmp(folder: &Path) -> Option<Finding> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_fallback = folder.parent() == Some(Path::new("/tmp")) && name.starts_with("snowgate-");
    is_fallback.then(|| {
        Finding::note(Check::RunFolderInTmp, format!("the socket is in {}", folder.display()))
            .because("this user has no folder /run/user/UID: there is no log-in session here")
            .mended_by(
                "nothing, if clients reach the gateway; else loginctl enable-linger, then snowgate stop",
            )
    })
}

/// What is wrong where a gateway holds the lock, and does not answer.
pub(super) fn hanging(asked: &Asked, lock_holder: Option<u32>) -> Option<Finding> {
    let why = match asked {
        Asked::Failed(
            error @ (StartError::Deadline { .. } | StartError::Io { .. } | StartError::Refused(_)),
        ) => error.to_string(),
        Asked::Absent if lock_holder.is_some() => {
            "a gateway holds the lock and does not listen: it starts, shuts down or hangs".to_owned()
        }
        _ => return None,
    };
    let who = lock_holder.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    Some(
        Finding::critical(Check::GatewayHangs, format!("the gateway{who} does not answer"))
            .because(why)
            .mended_by("snowgate stop (it also ends one that hangs; the next request starts another)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Diagnosis;

    fn facts<'a>(endpoint: &'a Endpoint, asked: &'a Asked) -> EndpointFacts<'a> {
        EndpointFacts {
            endpoint,
            folder: None,
            socket: Ok(false),
            asked,
            lock_holder: None,
            leftovers: Vec::new(),
        }
    }

    fn checks(facts: &EndpointFacts<'_>) -> Vec<(Check, bool)> {
        let found = Diagnosis::of(vec![examine(facts)]).findings;
        found.iter().map(|finding| (finding.check, finding.fix.is_some())).collect()
    }

    #[test]
    fn folder_socket_and_what_listens_are_told_apart() {
        let home = crate::os::test_support::absolute("/home/ada");
        let endpoint = Endpoint::resolve(None, Some(Path::new(&home))).unwrap();
        let absent = Asked::Absent;
        let plain = || facts(&endpoint, &absent);
        assert_eq!(checks(&plain()), []);
        let open = EndpointError::Open { path: "/x".into(), mode: 0o755, named: false };
        assert_eq!(checks(&EndpointFacts { folder: Some(open), ..plain() }), [(Check::RunFolder, true)]);
        let named = EndpointError::Open { path: "/x".into(), mode: 0o777, named: true };
        assert_eq!(checks(&EndpointFacts { folder: Some(named), ..plain() }), [(Check::RunFolder, false)]);
        let file = Err(EndpointError::NotSocket("/x".into(), "a file"));
        assert_eq!(checks(&EndpointFacts { socket: file, ..plain() }), [(Check::SocketForeign, false)]);
        assert_eq!(checks(&EndpointFacts { socket: Ok(true), ..plain() }), [(Check::StaleFile, true)]);
        // It may be starting.
        assert_eq!(checks(&EndpointFacts { socket: Ok(true), lock_holder: Some(1), ..plain() }), []);
        let other = Asked::Failed(StartError::NotGateway { socket: "/x".into(), why: "y".into() });
        assert_eq!(checks(&facts(&endpoint, &other)), [(Check::SocketForeign, false)]);
    }

    #[test]
    fn a_gateway_that_does_not_answer_is_no_foreign_program() {
        let hangs = Asked::Failed(StartError::Deadline { socket: "/x".into(), step: "the gateway's hello" });
        let finding = hanging(&hangs, Some(7)).unwrap();
        assert!(finding.what.contains("pid 7") && finding.next_step.unwrap().starts_with("snowgate stop"));
        assert!(hanging(&Asked::Absent, None).is_none());
        assert!(hanging(&Asked::Absent, Some(7)).is_some());
    }

    #[test]
    fn a_socket_in_tmp_is_a_note() {
        let found = |path: &str| in_tmp(Path::new(path)).is_some();
        assert!(found("/tmp/snowgate-7") && !found("/tmp/home/run") && !found("/run/user/7/snowgate"));
    }
}
