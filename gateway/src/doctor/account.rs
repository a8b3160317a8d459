//! A connection to a Snowflake account: credentials, the way there, the log-in, and what the session is.

use std::path::PathBuf;

use snowgate_link::os::look;

use super::check::{Area, Check};
use super::finding::{Examined, Finding, Fix};
use super::network::{WayFacts, now_s, walk};
use super::way::{at, clock, of_way, status};
use crate::backend::BackendError;
use crate::backend::Wall;
use crate::backend::snowflake::{
    AccountCheckUp, LogInFault, LogInKind, LoggedInCheckUp, SnowflakeSettings, check_up, log_in_once,
};
use crate::config::is_public;
use crate::observe::ConnectionView;
use crate::os::{System, real_path};

/// What became of a log-in.
#[derive(Debug)]
pub(super) enum Tried {
    /// It was not asked for, or must not be tried: why.
    Not(String),
    /// It worked.
    Done(LoggedInCheckUp),
    /// It did not.
    Failed(LogInFault),
}

/// What is known of an account.
pub(super) struct AccountFacts {
    checked: Result<AccountCheckUp, BackendError>,
    /// Secret files that others can read, and their modes.
    open_files: Vec<(PathBuf, u32)>,
    way: Option<WayFacts>,
    tried: Tried,
    /// What the running gateway says of the connection.
    running: Option<ConnectionView>,
    /// What the running gateway found the session to be.
    wall: Option<String>,
    now_s: i64,
}

/// Which log-ins are tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Permission {
    /// Log-ins at all.
    pub(super) logs_in: bool,
    /// A password, although one of this user was refused a moment ago.
    pub(super) was_refused: bool,
}

/// Looks. The way there takes a few seconds where it is blocked, a log-in 25 s at most.
pub(super) async fn gather(
    settings: &SnowflakeSettings,
    walls: &[Wall],
    permission: Permission,
    running: Option<ConnectionView>,
    wall: Option<String>,
) -> AccountFacts {
    let checked = check_up(settings);
    let files = checked.as_ref().map(|found| found.secret_files.clone()).unwrap_or_default();
    // Behind links: it is the file itself that others could read.
    let mode = |path: &PathBuf| Some(look(&real_path(path).ok()?).ok()??.mode & 0o777);
    let open_files =
        files.into_iter().filter_map(|path| Some((mode(&path)?, path))).filter(|(mode, _)| mode & 0o077 != 0);
    let open_files = open_files.filter(|(_, path)| !(path.is_file() && is_public(path)));
    let open_files = open_files.map(|(mode, path)| (path, mode)).collect();
    let way = match &checked {
        Ok(found) => Some(walk(&found.server, found.proxy.as_ref()).await),
        Err(_) => None,
    };
    let tried = match why_not(&checked, way.as_ref(), permission, running.as_ref()) {
        Some(why) => Tried::Not(why),
        None => match log_in_once(settings, walls).await {
            Ok(done) => Tried::Done(done),
            Err(fault) => Tried::Failed(fault),
        },
    };
    AccountFacts { checked, open_files, way, tried, running, wall, now_s: now_s() }
}

/// Why no log-in is tried; `None`: it is.
fn why_not(
    checked: &Result<AccountCheckUp, BackendError>,
    way: Option<&WayFacts>,
    permission: Permission,
    running: Option<&ConnectionView>,
) -> Option<String> {
    let Ok(checked) = checked else { return Some("its settings cannot be used".to_owned()) };
    if !permission.logs_in {
        return Some("not tried; snowgate doctor --login tries it".to_owned());
    }
    if checked.credentials.is_some() || way.is_none_or(|way| way.fault.is_some()) {
        return Some("not tried, because it cannot work".to_owned());
    }
    match checked.kind {
        LogInKind::User => Some("not tried, because it asks you: snowgate login".to_owned()),
        LogInKind::Password if running.is_some_and(|running| running.problem.is_some()) => {
            Some("not tried, because the running gateway has a problem with it: snowgate login tries again".to_owned())
        }
        LogInKind::Password if permission.was_refused => Some(
            "not tried, because a password of this user was refused a moment ago, and five wrong ones lock the user: \
             correct it, then snowgate doctor --login --retry-password"
                .to_owned(),
        ),
        _ => None,
    }
}

impl AccountFacts {
    /// Whether a password was refused just now.
    pub(super) fn has_refused_password(&self) -> bool {
        matches!(&self.tried, Tried::Failed(fault) if fault.is_about_password)
    }

    /// Whether a log-in worked.
    pub(super) fn has_logged_in(&self) -> bool {
        matches!(self.tried, Tried::Done(_))
    }
}

/// What is wrong with it.
pub(super) fn examine(
    name: &str,
    settings: &SnowflakeSettings,
    walls: &[Wall],
    facts: &AccountFacts,
) -> Examined {
    let account = settings.account.as_str();
    let mut findings = Vec::new();
    match &facts.checked {
        Err(error) => {
            findings.push(of_error(Check::ConfigError, "the settings of the account cannot be used", error));
        }
        Ok(checked) => findings.extend(credentials(checked, facts.now_s)),
    }
    findings.extend(facts.open_files.iter().map(|(path, mode)| open_file(path, *mode)));
    if let Some(way) = &facts.way {
        let kind = facts.checked.as_ref().map_or(LogInKind::Token, |checked| checked.kind);
        findings.extend(way.fault.as_ref().map(|(fault, by_proxy)| of_way(way, fault, *by_proxy)));
        findings.extend(clock(way, kind));
        findings.extend(status(way));
    }
    findings.extend(of_log_in(facts));
    findings.extend(wall(walls, facts));
    findings.extend(running(facts));
    let said = format!("Snowflake account {account}: {}", log_in_said(facts));
    Examined::new(Area::Connection, said).about(name).with_details(details(facts)).with(findings)
}

fn of_error(check: Check, what: &str, error: &BackendError) -> Finding {
    let code = error.code.as_ref().map(|code| format!(" (code {code})")).unwrap_or_default();
    let cause = format!("{}{code}", error.message);
    Finding::critical(check, what).because(cause).mended_by_any(error.next_step.clone())
}

fn credentials(checked: &AccountCheckUp, now_s: i64) -> Option<Finding> {
    let (check, what) = match checked.kind {
        LogInKind::KeyPair => (Check::PrivateKey, "the private key cannot be used"),
        _ => (Check::TokenFile, "the token cannot be used"),
    };
    if let Some(error) = &checked.credentials {
        // The error itself does not say where secrets are: clients are told it, too.
        let what = match checked.secret_files.first() {
            Some(file) => format!("{what}: {}", file.display()),
            None => what.to_owned(),
        };
        return Some(of_error(check, &what, error));
    }
    let expired = checked.token_expires.filter(|expires| *expires <= now_s)?;
    Some(
        Finding::critical(Check::TokenFile, "the token has expired")
            .because(format!("it was good until {}", crate::http::day(expired)))
            .mended_by("get a new token; a token file is read again by the next call"),
    )
}

fn open_file(path: &std::path::Path, mode: u32) -> Finding {
    let shown = path.display();
    Finding::warning(Check::SecretOpen, format!("other users can use {shown}, which holds a secret"))
        .because(System::OWN.said_of_access(mode))
        .mended_by(System::OWN.command_to_close(path))
        .fixed_by(Fix::SetMode { path: path.to_owned(), mode: 0o600 })
}

fn of_log_in(facts: &AccountFacts) -> Vec<Finding> {
    match &facts.tried {
        Tried::Not(_) => Vec::new(),
        Tried::Failed(fault) => {
            let (check, what) = match fault.is_about_role {
                true => (Check::Context, "the role of the configuration cannot be used"),
                false => (Check::LogIn, "the log-in does not work"),
            };
            vec![of_error(check, what, &fault.error)]
        }
        Tried::Done(done) => {
            let missing = done.missing.iter().map(|(what, name)| {
                Finding::critical(Check::Context, format!("the {what} {name} is not there"))
                    .because("it does not exist, or the role of the log-in may not use it")
                    .mended_by(format!(
                        "correct `{what}` under [snowflake], or have it granted: GRANT USAGE ON {} ... TO ROLE ...",
                        what.to_uppercase()
                    ))
            });
            missing.collect()
        }
    }
}

/// Whether what profiles require holds.
fn wall(walls: &[Wall], facts: &AccountFacts) -> Option<Finding> {
    match &facts.tried {
        Tried::Done(done) => {
            let error = done.wall_problem.as_ref()?;
            let found = done
                .wall
                .clone()
                .unwrap_or_else(|| "the account does not say what the session is".to_owned());
            let what = format!("the session is not what a profile requires: {found}");
            Some(of_error(Check::AgentWall, &what, error))
        }
        _ if walls.is_empty() => None,
        _ => facts
            .wall
            .as_ref()
            .filter(|wall| wall.contains("agent session: no") && walls.iter().any(|wall| wall.agent_session))
            .map(|wall| {
                Finding::critical(
                    Check::AgentWall,
                    "the running gateway's session is not an agent's, as a profile requires",
                )
                .because(wall.clone())
                .mended_by("log in as a user of TYPE = SERVICE_AGENT: docs/security.md has the SQL")
            }),
    }
}

fn running(facts: &AccountFacts) -> Option<Finding> {
    let problem = facts.running.as_ref()?.problem.as_ref()?;
    Some(
        Finding::critical(Check::LogIn, problem.clone())
            .because("the gateway that runs says so")
            .mended_by("snowgate login; snowgate breaker"),
    )
}

fn log_in_said(facts: &AccountFacts) -> String {
    let is_in_use =
        facts.running.as_ref().is_some_and(|running| running.problem.is_none() && running.open > 0);
    match &facts.tried {
        Tried::Done(done) => format!("logged in ({})", done.context),
        Tried::Failed(_) => "the log-in failed".to_owned(),
        Tried::Not(_) if is_in_use => "the running gateway is logged in".to_owned(),
        Tried::Not(why) => format!("log-in {why}"),
    }
}

fn details(facts: &AccountFacts) -> Vec<String> {
    let mut details = Vec::new();
    if let Some(way) = &facts.way {
        let by = way
            .proxy
            .as_ref()
            .map_or_else(|| "no proxy".to_owned(), |proxy| format!("by proxy {}", at(proxy)));
        details.push(format!("{}, {by}", at(&way.server)));
        details.extend(way.status.map(|status| format!("GET / is answered with HTTP {status}")));
        details.extend(way.clock_ahead_s.map(|ahead| format!("clock: {ahead} s ahead of the server's")));
        let revoked = match System::OWN {
            System::Linux => "whether a certificate was revoked (OCSP, CRL) is not asked",
            System::MacOs | System::Windows => "whether a certificate was revoked is left to the system",
        };
        details.extend(way.server.is_secure.then(|| format!("TLS as the system trusts; {revoked}")));
    }
    if let Tried::Done(done) = &facts.tried {
        details.extend(done.wall.clone());
    }
    details.extend(facts.wall.clone());
    details
}

#[cfg(test)]
mod tests {
    use super::super::network::{Fault, Hop, Untrusted};
    use super::*;
    use crate::backend::ErrorKind;
    use crate::observe::Severity;

    fn way() -> WayFacts {
        let server = Hop { host: "acct.example".into(), port: 443, is_secure: true };
        WayFacts { server, proxy: None, fault: None, status: Some(200), clock_ahead_s: Some(1) }
    }

    fn checked(kind: LogInKind) -> AccountCheckUp {
        AccountCheckUp {
            server: url::Url::parse("https://acct.example/").unwrap(),
            proxy: None,
            kind,
            credentials: None,
            token_expires: None,
            secret_files: Vec::new(),
        }
    }

    #[test]
    fn each_step_of_the_way_has_a_finding_of_its_own() {
        let proxy = |status| Fault::Proxy { status, why: "it answers HTTP 403".to_owned() };
        let certificate =
            |kind| Fault::Certificate { kind, why: "w".to_owned(), issuer: Some("Company Root".to_owned()) };
        let text = String::new;
        for (fault, check, word) in [
            (Fault::NoRoots(text()), Check::Trust, "ca-certificates"),
            (Fault::Name(text()), Check::Name, "getent hosts acct.example"),
            (Fault::Reach(text()), Check::Reach, "VPN"),
            (proxy(Some(407)), Check::ProxyRefused, "USER:PASSWORD"),
            (proxy(Some(403)), Check::ProxyRefused, "NO_PROXY"),
            (certificate(Untrusted::Issuer), Check::Certificate, "update-ca-certificates"),
            (certificate(Untrusted::Expired), Check::Certificate, "clock"),
            (certificate(Untrusted::OtherName), Check::Certificate, "`host`"),
            (Fault::Tls(text()), Check::Certificate, "protocol"),
            (Fault::Answer(text()), Check::Answer, "status.snowflake.com"),
        ] {
            let finding = of_way(&way(), &fault, false);
            assert_eq!(finding.check, check, "{fault:?}");
            assert!(finding.next_step.as_deref().unwrap().contains(word), "{finding:?}");
        }
        let named = of_way(&way(), &certificate(Untrusted::Issuer), false);
        assert!(named.what.contains("issued by \"Company Root\""), "{named:?}");
    }

    #[test]
    fn a_clock_that_is_off_harms_a_key_pair_first() {
        let off = |ahead, kind| {
            let way = WayFacts { clock_ahead_s: Some(ahead), ..way() };
            clock(&way, kind).map(|finding| finding.severity)
        };
        assert_eq!(off(30, LogInKind::KeyPair), None);
        assert_eq!(off(-60, LogInKind::KeyPair), Some(Severity::Critical));
        assert_eq!(off(60, LogInKind::Password), None);
        assert_eq!(off(3_600, LogInKind::Password), Some(Severity::Warning));
    }

    #[test]
    fn a_password_is_not_sent_where_one_was_refused_and_nothing_where_it_cannot_work() {
        let asked = Permission { logs_in: true, was_refused: false };
        let refused = Permission { was_refused: true, ..asked };
        let why = |kind, permission| why_not(&Ok(checked(kind)), Some(&way()), permission, None);
        assert_eq!(why(LogInKind::Password, asked), None);
        assert!(why(LogInKind::Password, refused).unwrap().contains("--retry-password"));
        assert_eq!(why(LogInKind::KeyPair, refused), None);
        assert!(why(LogInKind::User, asked).unwrap().contains("snowgate login"));
        assert!(why(LogInKind::KeyPair, Permission { logs_in: false, ..asked }).unwrap().contains("--login"));
        let blocked = WayFacts { fault: Some((Fault::Name(String::new()), false)), ..way() };
        assert!(why_not(&Ok(checked(LogInKind::KeyPair)), Some(&blocked), asked, None).is_some());
    }

    #[test]
    fn an_expired_token_and_a_key_that_cannot_be_used_are_found_before_anything_is_sent() {
        let expired = AccountCheckUp { token_expires: Some(10), ..checked(LogInKind::Token) };
        assert_eq!(credentials(&expired, 11).unwrap().check, Check::TokenFile);
        assert_eq!(credentials(&expired, 9), None);
        let error = BackendError::new(ErrorKind::Unavailable, "no key").with_next_step("make one");
        let keyless = AccountCheckUp { credentials: Some(error), ..checked(LogInKind::KeyPair) };
        let finding = credentials(&keyless, 0).unwrap();
        assert_eq!((finding.check, finding.next_step.as_deref()), (Check::PrivateKey, Some("make one")));
    }
}
