//! A program that prints a token. It runs without a shell, within bounds of time and output, and nothing of what
//! it prints is shown or logged: on standard error there may be a part of the token, too.

use std::fmt;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use crate::backend::{BackendError, ErrorKind};
use crate::os::{self, ProcessGroup};
use snowflake_wire::Secret;

/// How long it may run. Less than a request waits for a log-in.
const RUN_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest output, in bytes.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;

/// The pause between two looks at whether it has ended, once it has closed its output.
const END_PAUSE: Duration = Duration::from_millis(5);

/// Why there is no token.
#[derive(Debug)]
enum Failed {
    NotStarted(io::Error),
    Unread(io::Error),
    Ended(ExitStatus),
    TimedOut(Duration),
    TooLong,
    NotText,
    Empty,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(error) => write!(f, "it cannot be started: {error}"),
            Self::Unread(error) => write!(f, "its output cannot be read: {error}"),
            Self::Ended(status) => write!(f, "it failed with {status}"),
            Self::TimedOut(limit) => write!(f, "it has not ended within {} s", limit.as_secs()),
            Self::TooLong => write!(f, "it printed more than {OUTPUT_BYTES_MAX} bytes"),
            Self::NotText => f.write_str("what it printed is no text"),
            Self::Empty => f.write_str("it printed nothing"),
        }
    }
}

/// What the program prints, without blanks around it. Blocks.
///
/// # Errors
/// It cannot be started, fails, takes too long, or prints nothing or too much.
pub(super) fn run(words: &[String]) -> Result<Secret, BackendError> {
    run_within(words, RUN_TIMEOUT).map_err(|why| {
        let program = words.first().map(String::as_str).unwrap_or_default();
        let message = format!("the program {program:?} that prints the token failed: {why}");
        BackendError::new(ErrorKind::Unavailable, message).with_next_step(
            "run it in a terminal, and check `token_command` under [snowflake]; it must print the token alone to \
             standard output",
        )
    })
}

fn run_within(words: &[String], limit: Duration) -> Result<Secret, Failed> {
    let Some((program, arguments)) = words.split_first() else { return Err(Failed::Empty) };
    let mut command = Command::new(program);
    // Other credentials are not its business.
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"SNOWFLAKE_"))
    {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // If it has not ended when this is dropped, it is killed with all that it has started.
    let mut running =
        ProcessGroup::spawn(os::unblock_signals_in(&mut command)).map_err(Failed::NotStarted)?;
    let deadline = Instant::now() + limit;
    let output = read_in_thread(&mut running.leader).recv_timeout(limit);
    let output = match output {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(Failed::Unread(error)),
        Err(RecvTimeoutError::Timeout) => return Err(Failed::TimedOut(limit)),
        Err(RecvTimeoutError::Disconnected) => return Err(Failed::Unread(io::ErrorKind::BrokenPipe.into())),
    };
    if output.len() as u64 > OUTPUT_BYTES_MAX {
        return Err(Failed::TooLong);
    }
    let status = loop {
        if let Some(status) = running.leader.try_wait().map_err(Failed::Unread)? {
            break status;
        }
        if Instant::now() >= deadline {
            return Err(Failed::TimedOut(limit));
        }
        std::thread::sleep(END_PAUSE);
    };
    running.let_go();
    if !status.success() {
        return Err(Failed::Ended(status));
    }
    let whole = Secret::new(String::from_utf8(output).map_err(|_| Failed::NotText)?);
    let text = whole.expose().trim();
    if text.is_empty() { Err(Failed::Empty) } else { Ok(Secret::new(text)) }
}

/// Reads the output in a thread, which ends when the program and what it has started have closed it.
fn read_in_thread(child: &mut Child) -> Receiver<io::Result<Vec<u8>>> {
    let (done, result) = sync_channel(1);
    let output = child.stdout.take();
    std::thread::spawn(move || {
        let mut bytes = Vec::with_capacity(16 * 1024);
        let read = output.map_or(Ok(0), |output| output.take(OUTPUT_BYTES_MAX + 1).read_to_end(&mut bytes));
        // Nobody waits for it any more after the time is over.
        let _ = done.send(read.map(|_| bytes));
    });
    result
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).into()
    }

    fn failure(script: &str) -> String {
        run(&shell(script)).unwrap_err().message
    }

    #[test]
    fn what_it_prints_is_the_token() {
        assert_eq!(run(&shell("echo; echo '  a.b.c '")).unwrap().expose(), "a.b.c");
        let words = ["printf", "%s", "$HOME; `x`"].map(str::to_owned);
        assert_eq!(run(&words).unwrap().expose(), "$HOME; `x`", "no shell reads the words");
    }

    #[test]
    fn each_failure_is_named_and_nothing_that_was_printed_is() {
        for (script, why) in [
            ("echo hidden; echo hidden >&2; exit 3", "exit status: 3"),
            ("kill -9 $$", "signal: 9"),
            ("true", "printed nothing"),
            ("head -c 70000 /dev/zero", "more than 65536 bytes"),
            ("printf '\\377'", "no text"),
        ] {
            let message = failure(script);
            assert!(message.contains(why) && !message.contains("hidden"), "{message}");
        }
        let missing = run(&["/nonexistent/program".to_owned()]).unwrap_err();
        assert!(missing.message.contains("cannot be started"), "{missing}");
        assert!(missing.next_step.unwrap().contains("token_command"));
    }

    #[test]
    fn one_that_does_not_end_is_killed_with_what_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > '{}'; wait", file.display());
        let error = run_within(&shell(&script), Duration::from_millis(500)).unwrap_err();
        assert!(matches!(error, Failed::TimedOut(_)), "{error}");
        let pid = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        let gone = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            os::process_start(pid).unwrap().is_none()
        });
        assert!(gone, "process {pid} still runs");
    }
}
