//! The least a server can do: a thread for each connection that writes back what it reads.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context, Result};

const READ_BYTES: usize = 32 * 1024;

pub(super) fn serve(socket: &Path) -> Result<()> {
    let listener =
        UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))?;
    super::say_ready()?;
    for stream in listener.incoming() {
        let stream = stream.context("accepting")?;
        std::thread::spawn(move || echo(stream));
    }
    Ok(())
}

/// Ends with the connection.
fn echo(mut stream: UnixStream) {
    let mut bytes = vec![0; READ_BYTES];
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        if stream.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}
