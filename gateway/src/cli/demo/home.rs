//! The demo's temporary home: two small databases and the sample data, all removed at the end, however the
//! demo ends.
//!
//! A second process, the *guard*, removes it. It holds the end of a pipe that closes when the demo is gone,
//! killed or not, and is in a session of its own, so that Ctrl-C does not reach it. What is left where both
//! were killed is removed by the next demo ([`sweep_dead`]).

use std::fs::File;
use std::io::{Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use snowgate_link::endpoint::Endpoint;
use snowgate_link::os;

use super::sweep::{sweep, sweep_dead};
use crate::os::{block_signals, keep_while_removed, unblock_signals_in, wait_for_signal};

/// How the folders of demos begin; their process ids follow.
pub(super) const PREFIX: &str = "snowgate-demo-";

/// A file in the home that is locked for as long as the demo lives.
pub(super) const LOCK: &str = "demo.lock";

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
    remover: Arc<Remover>,
}

impl DemoHome {
    /// Makes the home and its databases. Call it before any other thread is started: from here on, signals
    /// end the demo only once its home is removed.
    pub(super) fn create() -> Result<Self> {
        block_signals().context("cannot listen for signals")?;
        sweep_dead();
        let path = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        let endpoint = Endpoint::resolve(None, Some(&path))?;
        // Before the folder: there is no moment at which nobody would remove it.
        let guard = start_guard(&path)?;
        let remover =
            Arc::new(Remover { path: path.clone(), guard: Mutex::new(Some(guard)), lock: Mutex::default() });
        let on_signal = Arc::clone(&remover);
        std::thread::spawn(move || end_on_signal(&on_signal));
        os::make_private_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let lock = os::open_private(&path.join(LOCK), false).context("cannot create the demo's lock")?;
        os::try_lock(&lock).context("cannot lock the demo's home")?;
        *remover.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        let home = Self { path, endpoint, remover };
        home.create_databases()?;
        Ok(home)
    }

    fn create_databases(&self) -> Result<()> {
        let databases = self.path.join("data/databases");
        std::fs::create_dir_all(&databases).context("cannot create the demo's databases")?;
        for (name, script) in [("SALES.db", SALES), ("SUPPORT.db", SUPPORT)] {
            Connection::open(databases.join(name))
                .and_then(|database| database.execute_batch(script))
                .with_context(|| format!("cannot create {name}"))?;
        }
        Ok(())
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
        self.remover.remove()
    }
}

impl Drop for DemoHome {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            let _ = writeln!(std::io::stderr(), "snowgate: {error:#}");
        }
    }
}

/// Removes the home, once.
struct Remover {
    path: PathBuf,
    /// Held while the home is removed: whoever wants it too waits, a demo that a signal ends for ever.
    guard: Mutex<Option<Child>>,
    /// The file that says that the demo lives, from when there is a home.
    lock: Mutex<Option<File>>,
}

impl Remover {
    fn remove(&self) -> Result<()> {
        self.remove_under(&mut self.guard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn remove_under(&self, guard: &mut Option<Child>) -> Result<()> {
        let Some(mut guard) = guard.take() else { return Ok(()) };
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _kept = lock.and_then(keep_while_removed);
        // Its end of the pipe closes.
        drop(guard.stdin.take());
        let _ = guard.wait();
        // It may have been killed.
        sweep(&self.path)
    }
}

/// Waits for a signal that ends the demo; then removes the home.
fn end_on_signal(remover: &Remover) {
    let Ok(signal) = wait_for_signal() else { return };
    // Never let go: the demo's own thread, whose clients end now, must not be quicker with its own end.
    let mut guard = remover.guard.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = remover.remove_under(&mut guard) {
        let _ = writeln!(std::io::stderr(), "snowgate: {error:#}");
    }
    // As a shell reports a program that a signal has ended.
    std::process::exit(128 + signal.number());
}

/// Starts the guard of `home` and waits until it is one.
fn start_guard(home: &Path) -> Result<Child> {
    let own = std::env::current_exe().context("cannot find this program's own path")?;
    let mut command = Command::new(own);
    command.args(["demo", "--guard"]).arg(home).env_remove("SNOWGATE_HOME");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut guard =
        os::spawn_apart(unblock_signals_in(&mut command)).context("cannot start the demo's guard")?;
    let mut ready = [0];
    let read = guard.stdout.take().map(|mut pipe| pipe.read_exact(&mut ready));
    ensure!(matches!(read, Some(Ok(()))), "the demo's guard ended at once");
    Ok(guard)
}

/// Waits until the demo is gone whose home this is, and removes it.
pub(super) fn guard(home: &Path) -> Result<ExitCode> {
    os::start_session();
    stdout().write_all(b"\n").and_then(|()| stdout().flush()).context("cannot write to stdout")?;
    let mut nothing = Vec::new();
    stdin().read_to_end(&mut nothing).context("cannot wait for the demo's end")?;
    sweep(home)?;
    Ok(ExitCode::SUCCESS)
}
