//! SIGHUP.

use snowgate_tests::{Signal, send_signal, until};

use super::*;

#[test]
fn sighup_reads_it_again_and_the_log_says_what_came_of_it() {
    let home = Home::new();
    let mut client = connected(&home);
    home.configure("[limits]\nrows_max = 3\n[gateway]\nlog_level = \"debug\"\n");
    send_signal(home.gateway_pid(), Signal::HUP);
    home.log_until("the config was read again", 1);
    assert_eq!(rows_max(&mut client), 3);
    // Of which there is a line at that level alone.
    connected(&home).signal(Signal::KILL);
    until("the level has changed", || home.log().contains("\"level\":\"DEBUG\""));
    home.configure("[limits]\nrows_max = \"many\"\n");
    send_signal(home.gateway_pid(), Signal::HUP);
    home.log_until("the config has errors; the one before goes on", 1);
    assert_eq!(rows_max(&mut client), 3);
}
