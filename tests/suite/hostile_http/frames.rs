//! HTTP/2 by hand (RFC 9113): frames that no library would send.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use snowgate_tests::patience;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A connection by prior knowledge.
pub(crate) struct Http2 {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Http2 {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_write_timeout(Some(patience())).expect("a time-out");
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a time-out");
        let mut connection = Self { stream, read: Vec::new() };
        connection.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("the preface");
        assert!(connection.try_frame(SETTINGS, 0, 0, &[]));
        connection
    }

    fn try_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).is_ok() && !self.is_closed()
    }

    /// Whether the other side has closed the connection: what it sends is read, so that it is not held up.
    fn is_closed(&mut self) -> bool {
        self.stream.set_nonblocking(true).expect("no waiting");
        let mut bytes = [0; 16 * 1024];
        let closed = loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => break true,
                Ok(read) => self.read.extend(&bytes[..read]),
                Err(error) => break error.kind() != std::io::ErrorKind::WouldBlock,
            }
        };
        self.stream.set_nonblocking(false).expect("waiting");
        self.read.drain(..self.read.len().saturating_sub(64 * 1024));
        closed
    }

    /// GET without an index: `:method GET`, `:scheme http`, `:path`, `:authority localhost`.
    pub(crate) fn try_headers(
        &mut self,
        stream: u32,
        ends_stream: bool,
        ends_headers: bool,
        path: &str,
    ) -> bool {
        let length = |text: &str| u8::try_from(text.len()).expect("a short text");
        let mut block = vec![0x82, 0x86, 0x04, length(path)];
        block.extend(path.as_bytes());
        block.extend([0x01, length("localhost")]);
        block.extend(b"localhost");
        let flags = u8::from(ends_stream) * END_STREAM + u8::from(ends_headers) * END_HEADERS;
        self.try_frame(HEADERS, flags, stream, &block)
    }

    pub(crate) fn headers(&mut self, stream: u32, ends_stream: bool, ends_headers: bool, path: &str) {
        assert!(self.try_headers(stream, ends_stream, ends_headers, path));
    }

    pub(crate) fn try_continuation(&mut self, stream: u32) -> bool {
        // A header without an index: `x: yyy...`.
        let mut block = vec![0, 1, b'x', 100];
        block.extend([b'y'; 100]);
        self.try_frame(CONTINUATION, 0, stream, &block)
    }

    pub(crate) fn try_reset(&mut self, stream: u32) -> bool {
        self.try_frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
    }

    pub(crate) fn try_ping(&mut self) -> bool {
        self.try_frame(PING, 0, 0, &[0; 8])
    }

    /// Whether the body of an answer has come.
    pub(crate) fn read_until_answer(&mut self) -> bool {
        assert!(!self.is_closed(), "the connection was closed");
        let (mut at, read) = (0, &self.read);
        while at + 9 <= read.len() {
            let length = u32::from_be_bytes([0, read[at], read[at + 1], read[at + 2]]) as usize;
            if read[at + 3] == DATA && read.len() >= at + 9 + length && length > 0 {
                return true;
            }
            at += 9 + length;
        }
        false
    }
}
