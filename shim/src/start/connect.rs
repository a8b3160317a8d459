//! One attempt: connect to the socket and exchange hellos.

use std::io::{self, Read, Write};
use std::time::Instant;

use super::patience::Patience;
use super::{StartError, io_error};
use crate::endpoint::Endpoint;
use crate::hello::{ClientHello, HELLO_BYTES_MAX, ServerHello, Welcome};
use crate::os::{self, Stream};

/// A connection after its hellos.
#[derive(Debug)]
pub struct Connected {
    /// The stream; reading and writing through `&Stream` from two threads is fine.
    pub stream: Stream,
    /// The gateway's half of the hello.
    pub welcome: Welcome,
    /// Bytes that came after the hello: the first frames.
    pub rest: Vec<u8>,
}

/// The result of one attempt that did not fail.
#[derive(Debug)]
pub enum Attempt {
    /// A connection.
    Connected(Box<Connected>),
    /// No gateway is listening: the only reason to start one.
    Absent,
    /// The listener is shutting down: try again.
    Dying,
}

/// What a failed system call before the hello means.
fn classify(error: &io::Error) -> Option<Attempt> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Some(Attempt::Absent),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected
        | io::ErrorKind::Interrupted => Some(Attempt::Dying),
        _ => None,
    }
}

/// Tries once to connect and to exchange hellos, until `deadline`.
///
/// # Errors
/// Anything but absence and a dying listener.
pub fn connect(endpoint: &Endpoint, hello: &ClientHello, deadline: Instant) -> Result<Attempt, StartError> {
    attempt(endpoint, hello, &mut Patience::until(deadline))
}

/// As [`connect`], for as long as `patience` lasts; a gateway that says that it is busy renews it.
pub(super) fn attempt(
    endpoint: &Endpoint,
    hello: &ClientHello,
    patience: &mut Patience,
) -> Result<Attempt, StartError> {
    endpoint.prepare_dir()?;
    // Also where there is none: a sandbox that denies sockets would deny the next gateway's, too.
    endpoint.socket_exists()?;
    let stream = match os::connect(&endpoint.socket, patience.left()) {
        Ok(stream) => stream,
        Err(error) if is_timeout(&error) => {
            return Err(deadline(endpoint, "a gateway that is frozen or very busy to take the connection"));
        }
        Err(error) => return classify(&error).ok_or_else(|| io_error("connect to", &endpoint.socket, error)),
    };
    let user = os::peer_user(&stream);
    if user != Some(os::user()) {
        return Err(StartError::ForeignPeer { socket: endpoint.socket.clone(), user });
    }
    match exchange_hellos(&stream, hello, patience) {
        Ok((ServerHello::Welcome(welcome), rest)) => {
            Ok(Attempt::Connected(Box::new(Connected { stream, welcome, rest })))
        }
        Ok((ServerHello::Refused(refusal), _)) if !refusal.retry => Err(StartError::Refused(refusal)),
        Ok(_) => Ok(Attempt::Dying),
        Err(error) if is_timeout(&error) => Err(deadline(endpoint, "the gateway's hello")),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(StartError::NotGateway { socket: endpoint.socket.clone(), why: error.to_string() })
        }
        Err(error) => classify(&error).ok_or_else(|| io_error("talk to", &endpoint.socket, error)),
    }
}

fn deadline(endpoint: &Endpoint, step: &'static str) -> StartError {
    StartError::Deadline { socket: endpoint.socket.clone(), step }
}

/// The kinds of error of a socket's time-out.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn exchange_hellos(
    mut stream: &Stream,
    hello: &ClientHello,
    patience: &mut Patience,
) -> io::Result<(ServerHello, Vec<u8>)> {
    stream.write_all(&hello.to_line())?;
    let mut reply = Vec::new();
    loop {
        let Some(end) = reply.iter().position(|&byte| byte == b'\n') else {
            if reply.len() > HELLO_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its hello is too long"));
            }
            let left = patience.left();
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            stream.set_read_timeout(Some(left))?;
            let mut bytes = [0; HELLO_BYTES_MAX];
            match stream.read(&mut bytes)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => reply.extend_from_slice(&bytes[..read]),
            }
            continue;
        };
        let rest = reply.split_off(end + 1);
        match ServerHello::from_line(&reply[..end]) {
            None => return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is not a hello")),
            Some(ServerHello::Queued) => patience.renew(),
            Some(hello) => {
                stream.set_read_timeout(None)?;
                return Ok((hello, rest));
            }
        }
        reply = rest;
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::time::Duration;

    use std::os::unix::net::UnixListener;

    use super::super::{Past, connect_or_start};
    use super::*;
    use crate::hello::Role;

    fn endpoint() -> (tempfile::TempDir, Endpoint) {
        let home = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::resolve(None, Some(home.path())).unwrap();
        endpoint.prepare_dir().unwrap();
        (home, endpoint)
    }

    fn attempt(endpoint: &Endpoint) -> Result<Attempt, StartError> {
        connect(endpoint, &ClientHello::new(Role::Client), Instant::now() + Duration::from_secs(5))
    }

    /// Listens, and answers the first connection with `reply`.
    fn listen(endpoint: &Endpoint, reply: &'static [u8]) -> std::thread::JoinHandle<()> {
        let listener = UnixListener::bind(&endpoint.socket).unwrap();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            (&stream).write_all(reply).unwrap();
        })
    }

    #[test]
    fn without_a_socket_the_gateway_is_absent() {
        let (_home, endpoint) = endpoint();
        assert!(matches!(attempt(&endpoint), Ok(Attempt::Absent)));
    }

    #[test]
    fn with_a_stale_socket_the_gateway_is_absent() {
        let (_home, endpoint) = endpoint();
        drop(UnixListener::bind(&endpoint.socket).unwrap());
        assert!(endpoint.socket_exists().unwrap());
        assert!(matches!(attempt(&endpoint), Ok(Attempt::Absent)));
    }

    #[test]
    fn a_listener_that_hangs_up_counts_as_dying() {
        let (_home, endpoint) = endpoint();
        let listener = listen(&endpoint, b"");
        assert!(matches!(attempt(&endpoint), Ok(Attempt::Dying)));
        listener.join().unwrap();
    }

    #[test]
    fn a_listener_that_is_not_a_gateway_is_an_error() {
        let (_home, endpoint) = endpoint();
        let listener = listen(&endpoint, b"SSH-2.0-OpenSSH_9.9\r\n");
        let error = attempt(&endpoint).unwrap_err();
        assert!(error.to_string().contains("is not a Snowgate gateway"), "{error}");
        listener.join().unwrap();
    }

    #[test]
    fn a_shim_that_is_told_to_wait_waits_for_the_answer_behind() {
        let (_home, endpoint) = endpoint();
        let listener = listen(&endpoint, b"{\"queued\":true}\n{\"queued\":true}\n{\"refused\":\"full\"}\n");
        let error = attempt(&endpoint).unwrap_err();
        assert_eq!(error.to_string(), "the gateway refused the connection: full");
        listener.join().unwrap();
    }

    #[test]
    fn a_gateway_that_dies_with_the_shim_in_its_queue_counts_as_dying() {
        let (_home, endpoint) = endpoint();
        let listener = listen(&endpoint, b"{\"queued\":true}\n");
        assert!(matches!(attempt(&endpoint), Ok(Attempt::Dying)));
        listener.join().unwrap();
    }

    #[test]
    fn a_refusal_is_reported_word_for_word() {
        let (_home, endpoint) = endpoint();
        let listener = listen(&endpoint, b"{\"refused\":\"too old\",\"next_step\":\"upgrade\"}\n");
        let error = attempt(&endpoint).unwrap_err();
        assert_eq!(error.to_string(), "the gateway refused the connection: too old");
        assert_eq!(error.next_step().as_deref(), Some("upgrade"));
        listener.join().unwrap();
    }

    #[test]
    fn without_a_launcher_an_absent_gateway_is_an_error() {
        let (_home, endpoint) = endpoint();
        let error = connect_or_start(&endpoint, &ClientHello::new(Role::Control), None, &mut Past::default())
            .unwrap_err();
        assert!(matches!(error, StartError::Absent(_)));
    }
}
