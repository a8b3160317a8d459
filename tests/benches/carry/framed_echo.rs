//! The least a gateway can do: says welcome to every shim and answers each line with itself, a thread a
//! connection. So what a shim costs is measured without what a gateway costs.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use snowgate_link::credit::Window;
use snowgate_link::frame::Decoder;
use snowgate_link::hello::{ClientHello, PROTO, Resume, ServerHello, Welcome};
use snowgate_link::{BUILD, GatewayLink, Incoming};

use crate::common::roles;

/// The name of this role.
pub(crate) const ROLE: &str = "role-framed-echo";

const READ_BYTES: usize = 32 * 1024;

/// Answers every line with itself, in frames.
pub(crate) fn serve(socket: &Path) -> Result<()> {
    let listener =
        UnixListener::bind(socket).with_context(|| format!("listening on {}", socket.display()))?;
    roles::say_ready()?;
    for stream in listener.incoming() {
        let stream = stream.context("accepting")?;
        // Ends with the connection; how is the benchmark's to notice.
        std::thread::spawn(move || converse(&stream));
    }
    Ok(())
}

/// What a gateway says that has never seen the shim.
pub(crate) fn welcome() -> Welcome {
    Welcome {
        proto: PROTO.max,
        build: BUILD.to_owned(),
        pid: std::process::id(),
        session: None,
        resume: Resume::New,
        window: Window::default(),
    }
}

fn converse(mut stream: &UnixStream) -> Result<()> {
    let mut reader = BufReader::with_capacity(READ_BYTES, stream);
    let mut hello = Vec::new();
    reader.read_until(b'\n', &mut hello)?;
    let hello = ClientHello::from_line(hello.trim_ascii_end()).context("no hello")?;
    stream.write_all(&ServerHello::Welcome(welcome()).to_line())?;
    let mut link = GatewayLink::new(Window::default(), hello.window);
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    decoder.push(reader.buffer());
    let mut bytes = vec![0; READ_BYTES];
    loop {
        answer(&mut decoder, &mut link, &mut out)?;
        stream.write_all(&out)?;
        out.clear();
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            read => decoder.push(&bytes[..read]),
        }
    }
}

/// Answers the lines that are whole.
fn answer(decoder: &mut Decoder, link: &mut GatewayLink, out: &mut Vec<u8>) -> Result<()> {
    while let Some(frame) = decoder.frame()? {
        if let Incoming::Line { seq, payload, .. } = link.received(&frame)? {
            ensure!(link.allows(payload.len()), "a client with one request at a time has used up its window");
            link.line(payload, seq, out);
            link.processed(payload.len(), out);
        }
    }
    Ok(())
}
