//! The HTTP front: its certificate and its port.

use std::net::{SocketAddr, TcpListener};

use super::check::{Area, Check};
use super::finding::{Examined, Finding};
use crate::config::{HttpConfig, HttpListen};
use crate::http::{certificate_expires, day};

/// How long before its end a certificate is said to expire, in seconds.
const EXPIRES_SOON_S: i64 = 14 * 86_400;

/// What is known of the front.
pub(super) struct HttpFacts {
    /// Why the certificate cannot be used and what to do, or when it expires; `None`: there is none.
    certificate: Option<Result<i64, (String, String)>>,
    /// Why the port cannot be listened on; looked at only where no gateway runs.
    port: Option<String>,
    /// In seconds since 1970.
    now: i64,
}

/// Looks.
pub(super) fn gather(config: &HttpConfig, is_running: bool) -> HttpFacts {
    let certificate = config.tls.as_ref().map(|files| {
        certificate_expires(files).map_err(|error| {
            let next_step = error.next_step();
            (format!("{:#}", anyhow::Error::new(error)), next_step)
        })
    });
    let port = match &config.listen {
        HttpListen::Tcp(address) if !is_running => taken(*address),
        _ => None,
    };
    let now = i64::try_from(crate::keys::now_ms() / 1_000).unwrap_or(i64::MAX);
    HttpFacts { certificate, port, now }
}

fn taken(address: SocketAddr) -> Option<String> {
    TcpListener::bind(address).err().map(|error| error.to_string())
}

/// What is wrong with it.
pub(super) fn examine(config: &HttpConfig, facts: &HttpFacts) -> Examined {
    let mut findings = Vec::new();
    match &facts.certificate {
        Some(Err((why, next_step))) => findings.push(
            Finding::critical(Check::HttpCertificate, "the certificate of the HTTP front cannot be used")
                .because(why.clone())
                .mended_by(next_step.clone()),
        ),
        Some(Ok(expires)) if expires - facts.now < EXPIRES_SOON_S => findings.push(
            Finding::warning(Check::HttpCertificate, "the certificate of the HTTP front expires soon")
                .because(format!("it is valid until {}", day(*expires)))
                .mended_by("renew it; the gateway uses new files at once"),
        ),
        _ => {}
    }
    if let Some(why) = &facts.port {
        findings.push(
            Finding::critical(Check::HttpPort, format!("the HTTP front cannot listen on {}", config.listen))
                .because(why.clone())
                .mended_by(format!(
                    "set another `listen` under [http], or end the program that has it (ss -ltnp 'sport = :{}')",
                    config.listen.to_string().rsplit(':').next().unwrap_or_default()
                )),
        );
    }
    Examined::new(Area::Http, format!("{}, {}", config.listen, config.auth.name())).with(findings)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, Paths};
    use crate::doctor::finding::Diagnosis;
    use crate::observe::Severity;

    #[test]
    fn certificate_and_port_are_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap().to_string();
        let env = [("SNOWGATE_HTTP_ENABLED", "true"), ("SNOWGATE_HTTP_LISTEN", &listen)];
        let env: BTreeMap<String, String> =
            env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = Config::load(&Paths::below(home.path()), &env).unwrap().http.unwrap();
        let found = |facts: &HttpFacts| {
            let found = Diagnosis::of(vec![examine(&config, facts)]).findings;
            found.into_iter().map(|finding| (finding.severity, finding.check)).collect::<Vec<_>>()
        };
        assert_eq!(found(&gather(&config, false)), [(Severity::Critical, Check::HttpPort)]);
        assert_eq!(found(&gather(&config, true)), []);
        let with = |certificate| HttpFacts { certificate: Some(certificate), port: None, now: 0 };
        assert_eq!(found(&with(Ok(365 * 86_400))), []);
        assert_eq!(found(&with(Ok(86_400))), [(Severity::Warning, Check::HttpCertificate)]);
        let wrong = Err(("x".to_owned(), "y".to_owned()));
        assert_eq!(found(&with(wrong)), [(Severity::Critical, Check::HttpCertificate)]);
    }
}
