//! fakesnow, and the official connector against it.

use std::net::TcpStream;
use std::process::Command;

use snowgate_tests::clients::{self, Fakesnow, available};
use snowgate_tests::patience;

#[test]
fn it_runs_sql_for_the_official_connector_and_is_gone_when_dropped() {
    let server = available(Fakesnow::start());
    let address = server.address();
    let mut program = Command::new(server.python());
    program.args(["-B", "-W", "ignore"]).arg(clients::folder().join("fakesnow/connector.py"));
    let finished = clients::run(program.arg(address.to_string()), 2 * patience()).expect("Python starts");
    assert!(finished.success(), "{}\n{}", finished.output, server.log());
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn several_run_at_once() {
    let servers = [available(Fakesnow::start()), available(Fakesnow::start())];
    assert_ne!(servers[0].address(), servers[1].address());
    for server in servers {
        drop(TcpStream::connect(server.address()).expect("a connection"));
    }
}
