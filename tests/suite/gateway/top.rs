//! `snowgate top` on a terminal, as its user sees it: keys in, a screen out, and the terminal as it was afterwards.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use serde_json::json;
use snowgate_tests::{Home, open_terminal, patience, tool_text, until};

const HOUR_LONG: &str =
    "with recursive n(i) as (select 4711 union all select i + 1 from n) select count(*) from n where i < 0";

/// What a terminal would show of what is written to it, as far as `top` writes it.
struct Screen {
    cells: Vec<Vec<char>>,
    at: (usize, usize),
    /// An escape sequence that has begun.
    escape: Option<String>,
    all: String,
}

impl Screen {
    fn new() -> Self {
        Self { cells: vec![vec![' '; 300]; 100], at: (0, 0), escape: None, all: String::new() }
    }

    fn take(&mut self, c: char) {
        self.all.push(c);
        if let Some(escape) = &mut self.escape {
            escape.push(c);
            if escape.len() > 1 && c.is_ascii_alphabetic() {
                let sequence = std::mem::take(escape);
                self.escape = None;
                self.carry_out(&sequence);
            }
            return;
        }
        match c {
            '\u{1b}' => self.escape = Some(String::new()),
            c if !c.is_control() => {
                if let Some(cell) = self.cells.get_mut(self.at.0).and_then(|line| line.get_mut(self.at.1)) {
                    *cell = c;
                }
                self.at.1 += 1;
            }
            _ => {}
        }
    }

    fn carry_out(&mut self, sequence: &str) {
        if sequence == "[2J" {
            self.cells.iter_mut().for_each(|line| line.fill(' '));
        }
        if let Some((line, column)) = sequence
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix('H'))
            .and_then(|rest| rest.split_once(';'))
        {
            let number = |text: &str| text.parse::<usize>().map_or(0, |number| number.saturating_sub(1));
            self.at = (number(line), number(column));
        }
    }

    fn text(&self) -> String {
        self.cells.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned() + "\n").collect()
    }
}

/// `top` on a terminal of its own.
struct Terminal {
    keys: File,
    /// The program's side of the terminal: its modes are those that the program sets.
    side: File,
    child: Child,
    screen: Arc<Mutex<Screen>>,
    before: Termios,
}

impl Terminal {
    fn open(home: &Home, arguments: &[&str]) -> Self {
        let (keys, side) = open_terminal();
        let before = tcgetattr(&side).expect("its modes");
        let screen = Arc::new(Mutex::new(Screen::new()));
        let (mut output, shown) = (keys.try_clone().expect("a copy"), Arc::clone(&screen));
        thread::spawn(move || {
            let (mut bytes, mut pending) = ([0; 4096], Vec::new());
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                pending.extend_from_slice(&bytes[..read]);
                let valid = match std::str::from_utf8(&pending) {
                    Ok(text) => text.len(),
                    Err(error) => error.valid_up_to(),
                };
                let text: Vec<u8> = pending.drain(..valid).collect();
                let mut screen = shown.lock().expect("the screen");
                String::from_utf8_lossy(&text).chars().for_each(|c| screen.take(c));
            }
        });
        let copy = || Stdio::from(side.try_clone().expect("a copy"));
        let mut command = home.gateway();
        command.env("TERM", "xterm-256color").arg("top").args(arguments);
        resize(&side, 80, 24);
        let child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().expect("top starts");
        Self { keys, side, child, screen, before }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys");
    }

    fn text(&self) -> String {
        self.screen.lock().expect("the screen").text()
    }

    fn shows(&self, what: &str) {
        until(&format!("the screen shows {what:?}"), || self.text().contains(what));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    /// Waits for its end, by itself, with the terminal as it was.
    fn ends(mut self) {
        let mut code = None;
        until("top ends", || {
            code = self.child.try_wait().expect("its end");
            code.is_some()
        });
        assert_eq!(code.and_then(|code| code.code()), Some(0));
        let after = tcgetattr(&self.side).expect("its modes");
        assert_eq!(
            (after.local_modes, after.input_modes, after.output_modes),
            (self.before.local_modes, self.before.input_modes, self.before.output_modes)
        );
        until("the other screen is left and the cursor shown", || {
            let screen = self.screen.lock().expect("the screen");
            screen.all.contains("\u{1b}[?1049l") && screen.all.trim_end().ends_with("\u{1b}[?25h")
                || screen.all.rfind("\u{1b}[?25h") > screen.all.rfind("\u{1b}[?25l")
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn resize(side: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(side, size).expect("a size");
}

#[test]
fn a_call_is_stopped_by_keys_and_the_terminal_is_restored() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let id = client.send_call("execute_query", &json!({"query": HOUR_LONG}));
    let mut top = Terminal::open(&home, &["-d", "0.5"]);
    top.shows("running");
    top.shows("WITH RECURSIVE n(i)");
    assert!(!top.text().contains("4711"), "no literal is shown: {}", top.text());
    top.press("x");
    top.shows("Stop call");
    top.press("n");
    top.shows("nothing was stopped");
    top.press("xy");
    top.shows("stopped call");
    let answer = client.answer_within(patience(), &id);
    assert!(tool_text(&answer).contains("stopped by the user of this machine"), "{answer}");
    top.shows("1 Calls (0");
    resize(&top.side, 200, 50);
    top.signal(Signal::WINCH);
    top.shows("5 Pool and limits");
    top.press("q");
    top.ends();
}

#[test]
fn a_gateway_that_is_killed_is_waited_for_and_a_signal_restores_the_terminal() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let top = Terminal::open(&home, &["--delay", "0.5"]);
    let pid = home.kill_gateway();
    top.shows("no gateway is running");
    client.query("select 1");
    until("the next gateway is shown", || {
        let text = top.text();
        !text.contains("no gateway is running")
            && text.contains("pid ")
            && !text.contains(&format!("pid {pid} "))
    });
    top.signal(Signal::TERM);
    top.ends();
}

#[test]
fn where_there_is_no_screen_one_look_is_printed() {
    let home = Home::new();
    assert_eq!(home.run(&["top", "--once"]).code, Some(3));
    let mut client = home.client();
    client.initialize();
    client.query("select 4711");
    let once = home.run(&["top", "--once"]);
    assert_eq!((once.code, once.stderr.as_str()), (Some(0), ""));
    assert!(once.stdout.contains("4 Statements (1)") && once.stdout.contains("SELECT ?"), "{}", once.stdout);
    assert!(!once.stdout.contains('\u{1b}') && !once.stdout.contains("4711"), "{}", once.stdout);
    assert!(once.stdout.lines().all(|line| line.chars().count() <= 100), "{}", once.stdout);
    let piped = home.run(&["top"]);
    assert!(piped.stderr.contains("this is no terminal"), "{piped:?}");
    let json = home.run(&["top", "--json"]).json();
    assert_eq!(json["sessions"].as_array().map(Vec::len), Some(1), "{json}");
    for delay in ["0", "x", "nan", "1e9"] {
        assert_eq!(home.run(&["top", "-d", delay]).code, Some(64), "{delay}");
    }
    // A terminal that can only print lines.
    let mut command = home.gateway();
    let dumb = command.env("TERM", "dumb").arg("top").output().expect("top runs");
    assert!(dumb.status.success() && !dumb.stdout.contains(&0x1b), "{dumb:?}");
}
