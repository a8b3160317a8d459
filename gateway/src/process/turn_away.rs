//! Clients that wait at the service manager's socket for a gateway that cannot start: each is told why. Without that they
//! would wait until their patience ends, and say nothing but that.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

use snowgate_link::hello::{CLIENT_HELLO_BYTES_MAX, Refusal, ServerHello};
use snowgate_link::os::Stream;

use crate::os::{PassedSocket, waiting_at};

/// How long all of it may take: another start is to follow.
const ALL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one client may take to send its hello, and to take the answer.
const CLIENT_TIMEOUT: Duration = Duration::from_millis(100);

/// Tells those who wait at `socket` that no gateway could start, and why.
pub(super) fn turn_away(socket: PassedSocket, message: &str, next_step: Option<String>) {
    let hello = ServerHello::Refused(Refusal {
        message: format!("the gateway cannot start: {message}"),
        next_step,
        retry: false,
    });
    let (line, deadline) = (hello.to_line(), Instant::now() + ALL_TIMEOUT);
    for stream in waiting_at(socket).take_while(|_| Instant::now() < deadline) {
        // It may have gone.
        let _ = tell(&stream, &line);
    }
}

fn tell(mut stream: &Stream, line: &[u8]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    // What is closed with something unread in it may take the answer along.
    BufReader::new(stream).take(CLIENT_HELLO_BYTES_MAX as u64).read_until(b'\n', &mut Vec::new())?;
    stream.write_all(line)
}
