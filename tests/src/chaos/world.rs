//! The home of a run and what is behind its gateways: set up, and read in the end, without Snowgate.

use std::fs;

use super::backend::Backend;
use super::databases::{self, DATABASES, DEFAULT_DATABASE, Database};
use super::fault::Kind;
use super::guards;
use super::plan::Plan;
use super::writes::Rows;
use crate::harness::Home;
use crate::harness::clients::{Counts, Fakesnow, available};

/// Connections that the gateways may open: fewer than clients, so that these get into each other's way.
pub(super) const CONNECTIONS_MAX: usize = 8;

/// The disk of the state folder: more than all log files together may take.
const STATE_BYTES: u64 = 256 << 20;

/// A query that is not waited for any more, because its gateway was killed and its client gave it up, ends
/// after this.
const STATEMENT_TIMEOUT_MS: u64 = 15_000;

/// Where a run takes place. In order: the gateways go before what is behind them.
pub(super) struct World {
    pub(super) home: Home,
    server: Option<Fakesnow>,
}

impl World {
    /// A world with the plan's backend: each database has an empty table `log`, and its own name in the table
    /// `whoami`. Also the faults that it cannot have, with the reason.
    ///
    /// # Panics
    /// The backend cannot be had, or refuses.
    pub(super) fn new(plan: &Plan) -> (Self, Vec<(Kind, String)>) {
        let guards = if plan.is_guarded { guards::known() } else { String::new() };
        let gateway = format!(
            "[gateway]\ndrain_timeout_ms = 300\n[pool]\nconnections_max = {CONNECTIONS_MAX}\n{guards}"
        );
        let mut world = Self { home: Home::bare(), server: None };
        match plan.backend {
            Backend::Sqlite => {
                world.home.configure(&format!("read_only = false\n{gateway}"));
                databases::create(&world.home);
            }
            Backend::Fakesnow => world.start_fakesnow(&gateway),
        }
        let impossible = world.impossible();
        (world, impossible)
    }

    fn start_fakesnow(&mut self, gateway: &str) {
        let server = available(Fakesnow::start());
        server.run(&DATABASES.into_iter().flat_map(tables_of).collect::<Vec<_>>());
        let limits = format!("[limits]\nstatement_timeout_ms = {STATEMENT_TIMEOUT_MS}\n");
        let text = format!("{}{gateway}{limits}", server.config(DEFAULT_DATABASE));
        fs::write(self.home.config_file(), text).expect("writing the config file");
        self.server = Some(server);
    }

    fn impossible(&mut self) -> Vec<(Kind, String)> {
        let mut impossible = Vec::new();
        if let Err(error) = self.home.mount_state(STATE_BYTES) {
            for kind in [Kind::FillDisk, Kind::KillOnFullDisk] {
                impossible.push((kind, format!("this user may not mount: {error}")));
            }
        }
        if cfg!(windows) {
            for kind in [Kind::Freeze, Kind::DeleteSocket] {
                impossible.push((kind, "Windows has neither signals nor a socket's file".to_owned()));
            }
        }
        if self.home.run(&["restart", "--help"]).code != Some(0) {
            impossible.push((Kind::Restart, "the program has no such command".to_owned()));
        }
        impossible
    }

    /// The rows of every table `log`. No gateway may run.
    ///
    /// # Panics
    /// The backend refuses.
    pub(super) fn rows(&self) -> Rows {
        let Some(server) = &self.server else { return databases::rows(&self.home) };
        let of = |database| format!("select '{database}', key from {database}.public.log");
        let found = server.run(&[DATABASES.map(of).join(" union all ")]);
        let mut rows = Rows::default();
        for row in found {
            let text = |at: usize| row[at].as_str().expect("a text");
            let database = DATABASES.into_iter().find(|database| *database == text(0)).expect("a database");
            rows.add(database, text(1).to_owned());
        }
        rows
    }

    /// What a server behind the gateways has counted.
    pub(super) fn counts(&self) -> Option<Counts> {
        self.server.as_ref().map(Fakesnow::counts)
    }
}

/// The statements that make a database.
fn tables_of(database: Database) -> [String; 4] {
    // No constraint on the key: a row that was written twice must show.
    [
        format!("create database {database}"),
        format!("create table {database}.public.log (key varchar)"),
        format!("create table {database}.public.whoami (name varchar)"),
        format!("insert into {database}.public.whoami values ('{database}')"),
    ]
}
