//! The commands of a person or a script: `stop`, also of a gateway that hangs, and `--json`.

#[cfg(unix)]
mod unix;

use snowgate_tests::Home;

#[test]
fn a_stop_returns_when_the_process_is_gone() {
    let home = Home::new();
    for _ in 0..10 {
        let mut client = home.client();
        client.initialize();
        let pid = home.gateway_pid();
        client.leave();
        let output = home.run(&["stop"]);
        assert!(!home.is_running(pid), "{output:?}");
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains(&format!("stopped the gateway (pid {pid}")), "{output:?}");
    }
}
