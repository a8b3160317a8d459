//! The ways that a statement is measured through, set up once.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use snowgate_tests::Home;
use snowgate_tests::clients::Fakesnow;

use crate::common::connection::{Connection, Request};
use crate::common::cpu::Stations;
use crate::common::driver::drive;
use crate::common::sample;
use crate::common::stats::Sample;
use crate::driver_alone::DriverAlone;

/// What a statement goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// (a) the driver alone, in this process.
    Driver,
    /// (b) shim and gateway, and the same driver in it.
    Snowgate,
    /// (c) the official connector, in a process of its own.
    Connector,
}

impl Subject {
    pub(crate) const ALL: [Self; 3] = [Self::Driver, Self::Snowgate, Self::Connector];

    /// What the table calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Driver => "(a) the driver alone",
            Self::Snowgate => "(b) shim, gateway and the driver",
            Self::Connector => "(c) the official Python connector",
        }
    }
}

/// Everything that runs. In order: clients go before what they lead to.
pub(crate) struct Subjects {
    driver: DriverAlone,
    shim: [Connection; 1],
    connector: [Connection; 1],
    select: Request,
    gateway: u32,
    _home: Home,
    _server: Fakesnow,
}

impl Subjects {
    /// Starts everything, each with a session of its own.
    pub(crate) fn start() -> Result<Self> {
        let server = Fakesnow::start().context("starting fakesnow")?;
        // It is up to Snowgate that nothing but the statement goes over the wire: the log-in goes where the
        // session is.
        server.run(&["create database ONE".to_owned()]);
        let driver = DriverAlone::log_in(server.address())?;
        let home = Home::bare();
        std::fs::write(home.config_file(), server.config("ONE")).context("writing the config file")?;
        let mut shim = sample::client(&home)?;
        let select = sample::select_1();
        shim.ask(&select).context("the first statement")?;
        let mut program = Command::new(server.python());
        program
            .args(["-B", "-W", "ignore"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/account/connector.py"));
        let mut connector = Connection::spawn(program.arg(server.address().to_string()))?;
        connector.ask(&select).context("the connector's first statement")?;
        let gateway = home.gateway_pid();
        let (shim, connector) = ([shim], [connector]);
        Ok(Self { driver, shim, connector, select, gateway, _home: home, _server: server })
    }

    /// Runs statements through a subject for `duration`.
    pub(crate) fn drive(&mut self, subject: Subject, duration: Duration) -> Result<Sample> {
        match subject {
            Subject::Driver => self.driver.drive(duration),
            Subject::Snowgate => drive(&mut self.shim, &self.select, duration),
            Subject::Connector => drive(&mut self.connector, &self.select, duration),
        }
    }

    /// The processes that Snowgate is.
    pub(crate) fn stations(&self) -> Result<Stations> {
        Ok(Stations { between: vec![self.shim[0].pid()?], server: self.gateway })
    }
}
