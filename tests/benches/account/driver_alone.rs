//! The wire client that the gateway has inside, and nothing around it: one session, one statement after the
//! other.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use snowflake_wire::{
    Account, Client, Credentials, Identity, LogIn, Protocol, RequestId, SecondFactor, Secret, Session,
    Settings, Statement,
};
use tokio::runtime::{Builder, Runtime};

use crate::common::stats::{Sample, percentile};

/// No statement takes longer.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A session, and the one thread that it runs on: no driver can do with less.
pub(crate) struct DriverAlone {
    runtime: Runtime,
    session: Session,
}

impl DriverAlone {
    /// Logs in.
    pub(crate) fn log_in(server: SocketAddr) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
        let account = Account::parse("org-test").context("an account's name")?;
        let mut settings = Settings::new(account, Identity::new("SnowgateBench", "1.0"));
        settings.host = Some(server.ip().to_string());
        settings.port = Some(server.port());
        settings.protocol = Protocol::Http;
        let client = Client::new(&settings).context("making a client")?;
        let password = Secret::new("any");
        let mut wanted = LogIn::new("me", Credentials::Password { password, factor: SecondFactor::Push });
        wanted.database = Some("ONE".to_owned());
        wanted.schema = Some("PUBLIC".to_owned());
        let session = runtime.block_on(client.log_in(&wanted)).context("logging in")?.session;
        Ok(Self { runtime, session })
    }

    /// Runs statements for `duration`, the next when the last one's rows are there.
    pub(crate) fn drive(&self, duration: Duration) -> Result<Sample> {
        let mut latencies = Vec::with_capacity(1 << 12);
        let end = Instant::now() + duration;
        while Instant::now() < end {
            let sent = Instant::now();
            self.runtime.block_on(self.select_1())?;
            latencies.push(sent.elapsed());
        }
        latencies.sort_unstable();
        let calls = latencies.len();
        Ok(Sample {
            p50: percentile(&latencies, 50),
            p99: percentile(&latencies, 99),
            per_second: f64::from(u32::try_from(calls)?) / duration.as_secs_f64(),
            calls,
        })
    }

    async fn select_1(&self) -> Result<()> {
        let progress = self.session.submit(RequestId::new(), &Statement::new("select 1")).await?;
        let mut answer = self.session.finish(progress, WAIT_MAX).await?;
        let mut rows = 0;
        while answer.rows.next().await?.is_some() {
            rows += 1;
        }
        ensure!(rows == 1, "{rows} rows");
        Ok(())
    }
}
