//! Attacks by many connections.

use std::io::Write;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, eventually};

use super::witnesses::Witnesses;

/// Five hundred clients of one name in one folder make their first call at the same time.
pub(crate) fn first_calls(home: &Home, _: &Witnesses) {
    let mut clients: Vec<Client> = (0..500).map(|_| home.client()).collect();
    clients.iter_mut().for_each(|client| {
        client.initialize();
    });
    let ids: Vec<Value> =
        clients.iter_mut().map(|client| client.send_call("session_info", &json!({}))).collect();
    for (client, id) in clients.iter_mut().zip(&ids) {
        client.answer(id);
    }
}

/// Waves of two hundred connections without a whole hello: nothing, half a line, a byte at a time.
pub(crate) fn without_hello(home: &Home, witnesses: &Witnesses) {
    const HELLO: &[u8] = br#"{"snowgate":{"min":1,"max":1},"role":"client","build":"#;
    for wave in 0..5 {
        let mut streams: Vec<UnixStream> = (0..200).map(|_| connect(home)).collect();
        for (at, stream) in streams.iter_mut().enumerate() {
            // Some are refused and gone.
            let _ = match (at + wave) % 3 {
                0 => stream.write_all(&HELLO[..HELLO.len() / 2]),
                1 => stream.write_all(&HELLO[..1]),
                _ => Ok(()),
            };
        }
        for byte in &HELLO[1..9] {
            for stream in streams.iter_mut().skip(1).step_by(3) {
                let _ = stream.write_all(&[*byte]);
            }
            witnesses.rounds(1);
        }
    }
}

/// Two hundred connections that end as soon as they are there, again and again.
pub(crate) fn come_and_go(home: &Home, _: &Witnesses) {
    for _ in 0..20 {
        let streams: Vec<UnixStream> = (0..200).map(|_| connect(home)).collect();
        drop(streams);
    }
}

/// Connects; the listener's queue may be full for a moment.
fn connect(home: &Home) -> UnixStream {
    eventually("a connection to the gateway", || UnixStream::connect(home.socket()).ok())
}
