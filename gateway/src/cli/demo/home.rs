//! The demo's temporary home: two small databases and the sample data, all removed at the end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rusqlite::Connection;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os;

use crate::link::{Command, ask};

/// How long the demo's gateway may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

const SALES: &str = "
    create table deals (id integer primary key, customer text, nation integer, stage text, amount decimal(12, 2));
    insert into deals select value, 'customer ' || value, value * 7 % 25,
        case value % 3 when 0 then 'won' when 1 then 'open' else 'lost' end, value * 137.5 from (
        with recursive counter(value) as (select 1 union all select value + 1 from counter where value < 200)
        select value from counter);";

const SUPPORT: &str = "
    create table tickets (id integer primary key, subject text, state text);
    insert into tickets values (1, 'cannot log in', 'closed'), (2, 'slow dashboard', 'open'),
        (3, 'wrong totals', 'open'), (4, 'export fails', 'waiting');";

/// A home that is removed together with its gateway.
pub(super) struct DemoHome {
    path: PathBuf,
    endpoint: Endpoint,
    removed: bool,
}

impl DemoHome {
    /// Makes the home and its databases.
    pub(super) fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("snowgate-demo-{}", std::process::id()));
        if path.exists() {
            bail!("{} already exists; remove it", path.display());
        }
        os::make_private_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let endpoint = Endpoint::resolve(None, Some(&path))?;
        let home = Self { path, endpoint, removed: false };
        let databases = home.path.join("data/databases");
        std::fs::create_dir_all(&databases).context("cannot create the demo's databases")?;
        for (name, script) in [("SALES.db", SALES), ("SUPPORT.db", SUPPORT)] {
            Connection::open(databases.join(name))
                .and_then(|database| database.execute_batch(script))
                .with_context(|| format!("cannot create {name}"))?;
        }
        Ok(home)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the demo's gateway listens.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Stops the gateway and removes everything.
    pub(super) fn remove(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.removed, true) {
            return Ok(());
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        if ask(&self.endpoint, Command::Stop)?.is_some() {
            let lock = os::open_private(&self.endpoint.gateway_lock, false)?;
            while lock.try_lock().is_err() {
                if Instant::now() > deadline {
                    bail!("the demo's gateway did not stop; its files are still in {}", self.path.display());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        std::fs::remove_dir_all(&self.path).with_context(|| format!("cannot remove {}", self.path.display()))
    }
}

impl Drop for DemoHome {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            let _ = writeln!(std::io::stderr(), "snowgate: {error:#}");
        }
    }
}
