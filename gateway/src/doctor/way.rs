//! The way to an account: what is wrong with the name, the network, the proxy, the certificate, the clock and the first answer.

use super::check::Check;
use super::finding::Finding;
use super::network::{Fault, Hop, Untrusted, WayFacts};
use crate::backend::snowflake::LogInKind;

/// How far the clock may be off, in seconds: a key pair's token is good for 60, and certificates for longer.
const KEY_PAIR_CLOCK_MAX_S: i64 = 45;
const CLOCK_MAX_S: i64 = 300;

/// A host and its port.
pub(super) fn at(hop: &Hop) -> String {
    format!("{}:{}", hop.host, hop.port)
}

/// The finding of the step that failed.
pub(super) fn of_way(way: &WayFacts, fault: &Fault, by_proxy: bool) -> Finding {
    let hop = way.proxy.as_ref().filter(|_| by_proxy).unwrap_or(&way.server);
    let (host, place) = (&hop.host, at(hop));
    let setting = if by_proxy {
        "the proxy (`proxy` under [snowflake], HTTPS_PROXY)"
    } else {
        "`account` and `host` under [snowflake]"
    };
    match fault {
        Fault::NoRoots(why) => Finding::critical(Check::Trust, "no certificate can be trusted")
            .because(why.clone())
            .mended_by("install the package ca-certificates; SSL_CERT_FILE and SSL_CERT_DIR, if they are set, must lead to certificates"),
        Fault::Name(why) => Finding::critical(Check::Name, format!("the name {host} cannot be found"))
            .because(format!("the name server says: {why}"))
            .mended_by(format!("correct {setting}; getent hosts {host} must print an address; a VPN or another name server may be needed")),
        Fault::Reach(why) => {
            let who = if by_proxy { "the proxy" } else { "the host" };
            let more = if way.proxy.is_some() { "" } else { ", and whether this network needs a proxy (HTTPS_PROXY)" };
            Finding::critical(Check::Reach, format!("{who} {place} cannot be reached"))
                .because(why.clone())
                .mended_by(format!("check the network, VPN and firewall, {setting}{more}"))
        }
        Fault::Proxy { status, why } => proxy(way, *status, why),
        Fault::Certificate { kind, why, issuer } => certificate(host, *kind, why, issuer.as_deref()),
        Fault::Tls(why) => Finding::critical(Check::Certificate, format!("no encrypted connection to {place}"))
            .because(why.clone())
            .mended_by(format!("correct {setting} and `port` and `protocol`; a firewall may break encrypted connections")),
        Fault::Answer(why) => Finding::critical(Check::Answer, format!("{place} does not answer"))
            .because(why.clone())
            .mended_by(format!("try again in a moment (https://status.snowflake.com); correct {setting}, `port` and `protocol`")),
    }
}

fn proxy(way: &WayFacts, status: Option<u16>, why: &str) -> Finding {
    let proxy = way.proxy.as_ref().map(at).unwrap_or_default();
    let host = at(&way.server);
    let finding =
        Finding::critical(Check::ProxyRefused, format!("the proxy {proxy} does not connect to {host}"));
    let except = format!("or reach {} without it (NO_PROXY={})", way.server.host, way.server.host);
    match status {
        Some(407) => finding
            .because("it wants a user and a password (HTTP 407)")
            .mended_by(format!("put them into HTTPS_PROXY (http://USER:PASSWORD@{proxy}), {except}")),
        _ => finding.because(why.to_owned()).mended_by(format!(
            "have {host} allowed by the proxy (`proxy` under [snowflake], HTTPS_PROXY), {except}"
        )),
    }
}

fn certificate(host: &str, kind: Untrusted, why: &str, issuer: Option<&str>) -> Finding {
    let by = issuer.map(|issuer| format!(", issued by {issuer:?}")).unwrap_or_default();
    let (what, cause, step) = match kind {
        Untrusted::Issuer => (
            format!("the certificate of {host} is not trusted{by}"),
            "its issuer is not among those that this system trusts: mostly a proxy of the company that looks into \
             encrypted connections"
                .to_owned(),
            "install that issuer's root certificate in the system's store (Debian: /usr/local/share/ca-certificates, then \
             update-ca-certificates), or set SSL_CERT_FILE to a file with all roots"
                .to_owned(),
        ),
        Untrusted::Expired => (
            format!("the certificate of {host} has expired{by}"),
            why.to_owned(),
            "check this machine's clock (date -u); if it is right, tell those who run the server or the proxy".to_owned(),
        ),
        Untrusted::NotYetValid => (
            format!("the certificate of {host} is not valid yet{by}"),
            why.to_owned(),
            "set this machine's clock (date -u; timedatectl set-ntp true)".to_owned(),
        ),
        Untrusted::OtherName => (
            format!("the certificate that {host} shows is for another name{by}"),
            why.to_owned(),
            "correct `account` and `host` under [snowflake]: names with underscores have dashes there".to_owned(),
        ),
        Untrusted::Revoked | Untrusted::Other => (
            format!("the certificate of {host} cannot be used{by}"),
            why.to_owned(),
            "tell those who run the server or the proxy".to_owned(),
        ),
    };
    Finding::critical(Check::Certificate, what).because(cause).mended_by(step)
}

/// The finding of a clock that is off by too much for this kind of log-in.
pub(super) fn clock(way: &WayFacts, kind: LogInKind) -> Option<Finding> {
    let ahead = way.clock_ahead_s?;
    let (off, is_key_pair) = (ahead.abs(), kind == LogInKind::KeyPair);
    if off < KEY_PAIR_CLOCK_MAX_S || (off < CLOCK_MAX_S && !is_key_pair) {
        return None;
    }
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    let what = format!("this machine's clock is {off} s {direction} the one of {}", way.server.host);
    let finding = match is_key_pair {
        true => Finding::critical(Check::Clock, what)
            .because("a log-in with a private key is good for 60 s by the clock, so it is refused (JWT token is invalid)"),
        false => Finding::warning(Check::Clock, what).because("certificates and tokens seem expired, or not valid yet"),
    };
    Some(finding.mended_by("set it: timedatectl set-ntp true (in a container: the host's clock)"))
}

/// The finding of an answer that no account gives.
pub(super) fn status(way: &WayFacts) -> Option<Finding> {
    let status = way.status.filter(|_| way.fault.is_none())?;
    let place = at(&way.server);
    match status {
        403 => Some(
            Finding::warning(Check::Answer, format!("{place} answers HTTP 403"))
                .because(
                    "Snowflake answers so for accounts that do not exist, and a proxy for what it blocks",
                )
                .mended_by("check `account` under [snowflake] (Snowsight: Account details), and the proxy"),
        ),
        500.. => Some(
            Finding::warning(Check::Answer, format!("{place} answers HTTP {status}"))
                .because("the service, or a proxy, has a fault")
                .mended_by("try again in a moment; https://status.snowflake.com"),
        ),
        _ => None,
    }
}
