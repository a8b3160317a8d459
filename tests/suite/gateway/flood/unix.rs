//! A shim that is ended by a signal.

use super::*;

#[test]
fn a_client_that_floods_and_leaves_takes_its_shim_along() {
    let home = Home::new();
    let mut client = home.launch().deaf().start();
    let (taken, writer) = flood(&mut client, REQUESTS);
    until("some requests are taken", || taken.load(Ordering::Relaxed) > 1_000);
    // The writer ends when its pipe breaks: what a killed client looks like, stdin and stdout gone at once,
    // cannot be had while another thread writes, so the shim is told by a signal.
    client.signal(snowgate_tests::Signal::TERM);
    assert!(client.wait().success());
    assert!(writer.join().is_err(), "the rest was not taken");
    until("the session is closed", || home.sessions().is_empty());
}
