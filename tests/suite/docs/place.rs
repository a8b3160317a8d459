//! Where the commands of a page run: a home and a clone of their own, our programs, and stubs of what is not ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, HttpGateway, binaries, eventually, free_port, tool_text, write_script};

use super::pages::repository;
use super::script::{Step, script};

/// Programs that are not ours, or that would change this machine. A stub notes its call and succeeds.
const STUBS: [&str; 43] = [
    "systemctl",
    "journalctl",
    "loginctl",
    "launchctl",
    "apt",
    "apt-get",
    "dpkg",
    "brew",
    "winget",
    "docker",
    "podman",
    "claude",
    "code",
    "cursor",
    "codex",
    "gemini",
    "opencode",
    "npx",
    "npm",
    "pm2",
    "rustup",
    "promtool",
    "caddy",
    "nginx",
    "pip",
    "pipx",
    "uvx",
    "xdg-open",
    "open",
    "ssh",
    "scp",
    "rsync",
    "perf",
    "valgrind",
    "snow",
    "snowsql",
    "cosign",
    "certbot",
    "useradd",
    "install-mcpb",
    "logger",
    "mail",
    "fastmcp",
];

/// Programs that the documents use and that a machine may not have; where it does, they run.
const USEFUL: [&str; 4] = ["jq", "openssl", "sqlite3", "tar"];

/// Seconds that a command gets which ends only by Ctrl-C.
const ENDLESS_SECONDS: u32 = 1;

/// Where commands run.
pub(crate) struct Place {
    /// A client that has called two tools, so that there is a session. Before the gateway: it ends first.
    client: Option<Client>,
    gateway: Option<HttpGateway>,
    home: Option<Home>,
    port: u16,
    session: String,
    key: String,
}

/// What of a block a place is made for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    /// No gateway, no files.
    pub(crate) is_bare: bool,
    /// The HTTP front asks for no key.
    pub(crate) has_no_keys: bool,
    /// A call runs, to be stopped.
    pub(crate) has_call: bool,
    /// Clients may change data.
    pub(crate) may_write: bool,
}

/// How a step ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit codes by step; fewer than steps where the script was ended.
    pub(crate) codes: Vec<i32>,
    /// What was written to stdout and stderr.
    pub(crate) output: String,
}

impl Place {
    /// Makes one.
    pub(crate) fn new(needs: Needs) -> Self {
        let port = free_port();
        let home = Home::bare();
        if needs.is_bare {
            let place = Self {
                gateway: None,
                client: None,
                home: Some(home),
                port,
                session: String::new(),
                key: String::new(),
            };
            place.furnish();
            return place;
        }
        for name in ["ONE", "TWO", "SALES", "HR"] {
            home.add_database(name);
        }
        let auth = if needs.has_no_keys { "auth = 'none'\n" } else { "" };
        let profiles = "[limits]\nqueries_per_day = 5000\n[profiles.analyst]\nstatements = ['read', 'context']\n[profiles.reports]\n[metrics]\n[queries]\n";
        let read_only = !needs.may_write;
        home.configure(&format!(
            "read_only = {read_only}\n{profiles}\n[http]\nenabled = true\nlisten = '127.0.0.1:{port}'\n{auth}"
        ));
        let gateway = HttpGateway::start(home, ([127, 0, 0, 1], port).into());
        let mut client = gateway.home.client();
        client.initialize();
        for sql in ["SELECT 1", "SELECT nothing"] {
            let call = client.call("execute_query", &json!({ "query": sql }));
            assert!(!tool_text(&call).is_empty(), "{call}");
        }
        if needs.has_call {
            client.send_endless_query();
        }
        let sessions = gateway.home.sessions_until("a session", |sessions| {
            let running = |session: &Value| session["running"].as_u64() > Some(0);
            !sessions.is_empty() && (!needs.has_call || sessions.iter().any(running))
        });
        let session = sessions[0]["id"].as_str().expect("an id").to_owned();
        let created = gateway.home.run(&["keys", "create", "--name", "fixture", "--role", "admin"]);
        let key = created.stdout.trim().to_owned();
        let place = Self { gateway: Some(gateway), client: Some(client), home: None, port, session, key };
        place.furnish();
        place
    }

    /// The home.
    pub(crate) fn home(&self) -> &Home {
        match (&self.gateway, &self.home) {
            (Some(gateway), _) => &gateway.home,
            (None, Some(home)) => home,
            (None, None) => panic!("a place has a home"),
        }
    }

    /// The gateway of a place that is not bare.
    pub(crate) fn gateway(&self) -> &HttpGateway {
        self.gateway.as_ref().expect("a place with a gateway")
    }

    /// The secret of a key that may do all.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Ends the client that is connected.
    pub(crate) fn lose_client(&mut self) {
        self.client = None;
    }

    /// A folder of the home.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.home().path().join(name)
    }

    /// A user's folders, our programs and the stubs.
    fn furnish(&self) {
        let home = self.home().path();
        let (user, bin, clone) = (self.folder("user"), self.folder("bin"), self.folder("clone"));
        for folder in [
            "user/.config",
            "user/.local/share",
            "user/.local/state",
            "user/.local/bin",
            "bin",
            "clone/target/release",
            "data",
            "state",
        ] {
            fs::create_dir_all(home.join(folder)).expect("making a folder");
        }
        // What pages say of `~` is so: the home's folders are where a user's are.
        for (link, folder) in
            [(".config/snowgate", ""), (".local/share/snowgate", "data"), (".local/state/snowgate", "state")]
        {
            std::os::unix::fs::symlink(home.join(folder), user.join(link)).expect("a link");
        }
        for entry in ["examples", "packaging", "README.md", "docs", "justfile", "Cargo.toml"] {
            let from = repository().join(entry);
            let copied = Command::new("cp").arg("-r").arg(from).arg(&clone).status().expect("cp starts");
            assert!(copied.success(), "copying {entry}");
        }
        // The settings of another server, for who comes from there.
        fs::write(
            clone.join(".env"),
            "SNOWFLAKE_ACCOUNT=org-a\nSNOWFLAKE_USER=ADA\nSNOWFLAKE_AUTH_TYPE=external_browser\n",
        )
        .expect("writing a file");
        self.write_programs(&bin);
        for (link, to) in [("snowgate", bin.join("snowgate")), ("snowgate-shim", binaries().shim.clone())] {
            std::os::unix::fs::symlink(to, clone.join("target/release").join(link)).expect("a link");
        }
    }

    fn write_programs(&self, bin: &Path) {
        let real = binaries().gateway.display();
        // A screen and a follower have no end of their own.
        let ours = format!(
            "#!/bin/bash\ncase \" $* \" in\n\
             *' --ready-stdout '*) ;;\n\
             ' top '*--once*|' top '*--json*) ;;\n\
             ' top '*) exec {real} \"$@\" --once ;;\n\
             *' -f '*|*' --follow '*|' serve '*) timeout -s INT {ENDLESS_SECONDS} {real} \"$@\"; code=$?\n\
             [ $code = 124 ] && exit 0; exit $code ;;\nesac\nexec {real} \"$@\"\n"
        );
        write_script(&ours, &bin.join("snowgate"));
        std::os::unix::fs::symlink(&binaries().shim, bin.join("snowgate-shim")).expect("a link");
        write_script("#!/bin/sh\necho \"${0##*/} $*\" >> \"$DOC_CALLS\"\n", &bin.join("stub"));
        for name in STUBS {
            std::os::unix::fs::symlink(bin.join("stub"), bin.join(name)).expect("a link");
        }
        for name in USEFUL.into_iter().filter(|name| !is_there(name)) {
            println!("{name} is not installed: the documents' commands with it are not run");
            write_script("#!/bin/sh\ncat > /dev/null\n", &bin.join(name));
        }
        write_script(
            "#!/bin/sh\nwhile [ \"${1#-}\" != \"$1\" ]; do shift; done\nexec \"$@\"\n",
            &bin.join("sudo"),
        );
        let git = "#!/bin/sh\necho \"git $*\" >> \"$DOC_CALLS\"\n[ \"$1\" = clone ] || exit 0\n\
                   name=${3:-$(basename \"$2\" .git)}\ncp -r \"$DOC_CLONE\" \"$name\"\n";
        write_script(git, &bin.join("git"));
        let just = "#!/bin/sh\nfor name in \"$@\"; do case $name in -*|*=*) ;; *)\n\
                    grep -q \"^$name[ :]\" \"$DOC_CLONE/justfile\" || { echo \"no recipe $name\"; exit 1; }\n\
                    echo \"just $*\" >> \"$DOC_CALLS\"; exit 0 ;; esac; done\n";
        write_script(just, &bin.join("just"));
        // It builds nothing, but what it is to build or test must exist.
        let cargo = "#!/bin/bash\necho \"cargo $*\" >> \"$DOC_CALLS\"\nbefore=\nfor word in \"$@\"; do case $before in\n\
                     --test|--bench|--example|-p|--package) cd \"$DOC_REPOSITORY\"\n\
                     grep -rqs --include Cargo.toml \"^name = \\\"$word\\\"\" shim gateway tests fuzz ||\n\
                     [ -n \"$(find shim gateway tests fuzz -name \"$word.rs\" -print -quit)\" ] ||\n\
                     { echo \"there is no $word\"; exit 101; } ;;\n\
                     --path) [ -f \"$DOC_REPOSITORY/$word/Cargo.toml\" ] || { echo \"no package in $word\"; exit 101; } ;;\n\
                     esac; before=$word; done\n";
        write_script(cargo, &bin.join("cargo"));
        // Other machines are not asked; ours must not refuse.
        let curl = "#!/bin/bash\nfor part in \"$@\"; do case $part in http*://127.0.0.1*|http*://localhost*)\n\
                    PATH=${PATH#*:} exec curl --fail-with-body -sS \"$@\" ;; esac; done\necho \"curl $*\" >> \"$DOC_CALLS\"\n";
        write_script(curl, &bin.join("curl"));
    }

    /// Fills in what a page leaves open.
    fn filled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let session = self.session.get(..8).unwrap_or("0a1b2c3d");
        for (from, to) in [
            ("127.0.0.1:8473", format!("127.0.0.1:{}", self.port)),
            ("localhost:8473", format!("localhost:{}", self.port)),
            ("breaker open NAME", "breaker open sqlite".to_owned()),
            ("breaker close NAME", "breaker close sqlite".to_owned()),
            ("breaker reset NAME", "breaker reset sqlite".to_owned()),
            ("SESSION:CALL", session.to_owned()),
            ("SESSION", session.to_owned()),
            ("0a1b2c3d:17", session.to_owned()),
            ("0a1b2c3d", session.to_owned()),
            ("quota reset Report", "quota reset test-client".to_owned()),
            ("quota reset CLIENT", "quota reset test-client".to_owned()),
            ("CLIENT", "claude-code".to_owned()),
            (
                "[http]\nenabled = true\n",
                format!("[http]\nenabled = true\nlisten = '127.0.0.1:{}'\n", self.port),
            ),
        ] {
            text = text.replace(from, &to);
        }
        text
    }

    /// Runs steps one after another, in one shell.
    pub(crate) fn run(&self, steps: &[Step]) -> Ended {
        let filled: Vec<Step> =
            steps.iter().map(|step| Step { text: self.filled(&step.text), ..step.clone() }).collect();
        let file = self.folder("script.sh");
        fs::write(&file, script(&filled)).expect("writing the script");
        let codes = self.folder("codes");
        let _ = fs::remove_file(&codes);
        let output = self.folder("output");
        let out = fs::File::create(&output).expect("a file for what is said");
        // Without a terminal: what asks for a passphrase reads its stdin.
        let mut command = Command::new("setsid");
        command
            .args(["--wait", "bash"])
            .arg(&file)
            .current_dir(self.folder("clone"))
            .env_clear()
            .stdin(Stdio::null());
        command.stdout(out.try_clone().expect("a second descriptor")).stderr(out);
        let path = format!("{}:{}", self.folder("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("HOME", self.folder("user")).env("SNOWGATE_HOME", self.home().path());
        command
            .env("DOC_CODES", &codes)
            .env("DOC_CALLS", self.folder("calls"))
            .env("DOC_REPOSITORY", repository())
            .env("DOC_CLONE", self.folder("clone"));
        command.env("KEY", &self.key).env("LOGS", self.folder("state/logs"));
        command
            .env("TMPDIR", self.folder("user"))
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("USER", "ada");
        let mut child = command.spawn().expect("bash starts");
        let pid = child.id();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually("the commands have ended", || child.try_wait().expect("waiting for the commands"))
        }));
        if ended.is_err() {
            // What it has started is of its session.
            let group =
                i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let codes = fs::read_to_string(codes).unwrap_or_default();
        let codes = codes.lines().filter_map(|line| line.split(' ').nth(1)?.parse().ok()).collect();
        Ended { codes, output: String::from_utf8_lossy(&fs::read(output).unwrap_or_default()).into_owned() }
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
