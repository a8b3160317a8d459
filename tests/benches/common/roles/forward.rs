//! The least a shim can do: two threads that copy bytes and understand nothing.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result};

const READ_BYTES: usize = 32 * 1024;

pub(super) fn serve(socket: &Path) -> Result<()> {
    let to_server =
        UnixStream::connect(socket).with_context(|| format!("connecting to {}", socket.display()))?;
    let from_server = to_server.try_clone().context("duplicating the socket")?;
    // Not std's stdin and stdout, which would copy once more.
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned().context("duplicating stdin")?);
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned().context("duplicating stdout")?);
    std::thread::spawn(move || copy(from_server, stdout));
    copy(stdin, to_server);
    Ok(())
}

/// Copies until one side ends. Not `std::io::copy`, which would splice inside the kernel: a shim must see the
/// bytes.
fn copy(mut from: impl Read, mut to: impl Write) {
    let mut bytes = vec![0; READ_BYTES];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}
