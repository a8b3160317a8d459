//! Nothing that must stay secret reaches a log or a formatter.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use super::column;
use crate::stand_in::{Reply, StandIn, answers};
use crate::{Credentials, LogIn, RequestId, SecondFactor, Secret, Statement};

/// What must not be shown, each found in an exchange below.
const SECRETS: [&str; 9] = [
    "password-secret",
    "passcode-secret",
    "session-secret",
    "master-secret",
    "renewed-secret",
    "signature-secret",
    "storage-secret",
    "statement_secret",
    "tag-secret",
];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn assert_hidden(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}

/// An exchange with every kind of secret, and failures of every kind.
async fn talk(log: &Log) {
    let stand_in = StandIn::start(|seen, times| match (seen.path.as_str(), times) {
        ("/session/v1/login-request", _) => answers::granted("session-secret", "master-secret"),
        ("/session/token-request", _) => answers::renewed("renewed-secret"),
        ("/chunk", 0) => Reply::HangUp,
        ("/chunk", _) => Reply::status(403),
        (_, 0) => answers::expired(),
        (_, 1) => Reply::status(503),
        (_, 2) => Reply::HangUp,
        _ => {
            let url = format!("http://{}/chunk?sig=signature-secret", seen.headers["host"]);
            answers::chunked("01-a", &["1"], &[(url, 3)])
        }
    })
    .await;
    let factor = SecondFactor::Passcode(Secret::new("passcode-secret"));
    let credentials = Credentials::Password { password: Secret::new("password-secret"), factor };
    let wanted = LogIn::new("me", credentials);
    let granted = stand_in.client().log_in(&wanted).await.unwrap();
    let statement = Statement::new("select statement_secret").tag("tag-secret");
    let progress = granted.session.submit(RequestId::new(), &statement).await.unwrap();
    let mut shown = format!("{wanted:?} {granted:?} {statement:?} {progress:?} {:?}", stand_in.client());
    let crate::Progress::Done(mut answer) = progress else { panic!("still running") };
    let error = column(&mut answer.rows).await.unwrap_err();
    shown += &format!("{answer:?} {error:?} {error}");
    assert_hidden(&shown);
    assert!(String::from_utf8(log.0.lock().unwrap().clone()).unwrap().contains("trying again"));
}

#[tokio::test]
async fn secrets_stay_secret_at_every_level() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // For the whole process: other tests' secrets are secret too. What libraries say through `log` comes
    // along.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing_log::LogTracer::init().unwrap();
    talk(&log).await;
    assert_hidden(&String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
}
