//! Very many connections, each without a TIME_WAIT.

use super::*;

#[test]
fn a_hundred_thousand_connections_are_tried() {
    let gateway = gateway("");
    let refused = AtomicUsize::new(0);
    under_attack(&gateway, || {
        // What stays open takes up the bound.
        let held: Vec<TcpStream> = (0..CONNECTIONS_MAX)
            .map(|_| TcpStream::connect(gateway.address()).expect("a connection"))
            .collect();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25_000 {
                        // The system may be out of ports for a moment.
                        let Ok(stream) = TcpStream::connect(gateway.address()) else { continue };
                        refused.fetch_add(1, Ordering::Relaxed);
                        // No TIME_WAIT, which would be out of ports soon.
                        let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
                    }
                });
            }
        });
        drop(held);
    });
    assert!(refused.load(Ordering::Relaxed) > 50_000, "{refused:?}");
    let status = gateway.home.status().expect("a gateway");
    assert!(status["http"]["connections_refused"].as_u64().expect("a number") > 0, "{status}");
    until("the connections are given back", || {
        gateway.home.status().expect("a gateway")["http"]["connections"].as_u64() < Some(8)
    });
}
