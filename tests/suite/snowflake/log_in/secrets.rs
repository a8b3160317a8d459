//! No secret comes out: not in logs at the finest level, not in state, not in anything that is said.

use std::path::Path;

use warehouse::{Builder, Endpoint, Gate, SecondFactor, User, visit};

use super::*;

/// Everything that libraries can log, too.
const LOG: (&str, &str) = (
    "SNOWGATE_LOG",
    "trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,tokio=trace,tower=trace,rmcp=trace,mio=trace,\
     deadpool=trace,want=trace,h2=trace,rusqlite=trace",
);

/// A result in chunks, encrypted as far as clients can tell.
const CHUNKS: &str =
    "SELECT * FROM TABLE(GENERATOR(rowcount => 300, chunks => 3, inline => 10, key => 'both'))";

/// The token file is the one place for tokens that replace a person.
const TOKEN_FILE: &str = "snowflake-tokens.json";

/// What was said by anybody.
#[derive(Default)]
struct Said(String);

impl Said {
    fn note(&mut self, text: impl AsRef<str>) {
        self.0.push_str(text.as_ref());
        self.0.push('\n');
    }

    /// What a gateway says when it is asked.
    fn commands(&mut self, home: &Home, variables: Variables<'_>) {
        for arguments in [
            &["status"][..],
            &["status", "--json"],
            &["sessions", "--json"],
            &["config", "show"],
            &["config", "show", "--json"],
            &["config", "check"],
            &["logs"],
            &["logs", "--stream", "error"],
            &["logs", "--stream", "access", "--json"],
            &["logs", "--stream", "sql"],
        ] {
            let output = home.gateway().envs(variables.iter().copied()).args(arguments).output();
            let output = output.expect("a command");
            assert!(output.status.success(), "{arguments:?}: {output:?}");
            self.note(String::from_utf8_lossy(&output.stdout));
            self.note(String::from_utf8_lossy(&output.stderr));
        }
        // As `ps` shows them.
        for process in home.processes() {
            assert!(!process.command.is_empty(), "{process:?}");
            self.note(process.command);
        }
    }

    /// Queries, errors, a renewal, a session that is lost, and a gateway that is killed.
    fn work(&mut self, warehouse: &Warehouse, home: &Home, client: &mut Client) {
        works(client);
        for sql in [CHUNKS, "SELECT nonsense(", "SELECT * FROM NOWHERE", "USE ROLE X", "SELECT polls(2) AS N"]
        {
            self.note(client.query(sql).to_string());
        }
        warehouse.expire_tokens();
        works(client);
        assert!(warehouse.seen(|seen| seen.count(Endpoint::Renew)) > 0);
        warehouse.end_sessions();
        works(client);
        home.kill_gateway();
        works(client);
        self.note(client.query(CHUNKS).to_string());
    }

    fn client(&mut self, client: &Client) {
        self.note(client.stderr());
        client.unclaimed().iter().for_each(|message| self.note(message.to_string()));
    }
}

/// Every file below `folder` but the token file and those that the test wrote itself, with what it holds.
fn files_below(folder: &Path, own: &[PathBuf]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let kind = entry.file_type().expect("a file's type");
        if kind.is_dir() {
            found.extend(files_below(&path, own));
        } else if kind.is_file() && !own.contains(&path) && !path.ends_with(TOKEN_FILE) {
            let bytes = fs::read(&path).expect("a readable file");
            found.push((path, bytes));
        }
    }
    found
}

/// The secrets of the test's user and those that the warehouse granted, in every form in which they may
/// appear.
fn all_secrets(warehouse: &Warehouse, more: &[&str]) -> Vec<String> {
    let fixed = [user::PASSWORD, user::OAUTH_TOKEN, user::ACCESS_TOKEN, user::PASSPHRASE, user::STORAGE_KEY];
    let mut secrets: Vec<String> = fixed.iter().chain(more).map(|secret| (*secret).to_owned()).collect();
    for key in [user::private_key(), user::encrypted_private_key()] {
        let text = fs::read_to_string(key).expect("a key");
        secrets.extend(text.lines().filter(|line| !line.starts_with("-----")).take(3).map(str::to_owned));
    }
    let granted = warehouse.granted();
    assert!(!granted.is_empty());
    secrets.extend(granted);
    secrets
}

/// Searches everything that the home and the people of the test have.
#[track_caller]
fn nothing_leaked(warehouse: &Warehouse, home: &Home, said: &Said, own: &[PathBuf], more: &[&str]) {
    let secrets = all_secrets(warehouse, more);
    let files = files_below(home.path(), own);
    assert!(
        files
            .iter()
            .any(|(path, bytes)| path.starts_with(home.path().join("state/logs")) && !bytes.is_empty())
    );
    assert!(files.iter().any(|(path, _)| path.ends_with("state.db")));
    // It searches where there is something to be found.
    assert!(said.0.contains(user::USER) && home.log().contains("logged in"));
    for secret in &secrets {
        let is_in = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!is_in(said.0.as_bytes()), "{secret} was said");
        for (path, bytes) in &files {
            assert!(!is_in(bytes), "{secret} is in {}", path.display());
        }
    }
}

/// The log really is as fine as it can be: libraries have written to it.
#[track_caller]
fn is_finest(home: &Home) {
    let log = home.log();
    assert!(log.contains("\"level\":\"TRACE\"") && log.contains("\"target\":\"hyper"), "{}", log.len());
}

/// Works with one way to log in, and searches.
#[track_caller]
fn leaks_nothing(lines: &str, variables: Variables<'_>, tester: Option<User>, more: &[&str]) {
    let builder = Warehouse::builder();
    let warehouse = tester.into_iter().fold(builder, Builder::user).start();
    let home = home_of(&warehouse, lines);
    let variables: Vec<_> = variables.iter().copied().chain([LOG]).collect();
    let mut said = Said::default();
    let mut client = client_with(&home, &variables);
    said.work(&warehouse, &home, &mut client);
    said.commands(&home, &variables);
    said.client(&client);
    is_finest(&home);
    nothing_leaked(&warehouse, &home, &said, &[home.config_file()], more);
}

const PASSWORD: (&str, &str) = ("SNOWFLAKE_PASSWORD", user::PASSWORD);

#[test]
fn of_a_key_pair() {
    let lines = line("private_key_file", user::encrypted_private_key().display());
    leaks_nothing(&lines, &[("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", user::PASSPHRASE)], None, &[]);
    let key = fs::read_to_string(user::private_key()).expect("a key");
    leaks_nothing("", &[("SNOWFLAKE_PRIVATE_KEY", &key)], None, &[]);
}

#[test]
fn of_tokens() {
    leaks_nothing("authenticator = 'oauth'\n", &[("SNOWFLAKE_TOKEN", user::OAUTH_TOKEN)], None, &[]);
    let way = "authenticator = 'programmatic_access_token'\n";
    leaks_nothing(way, &[("SNOWFLAKE_TOKEN", user::ACCESS_TOKEN)], None, &[]);
}

#[test]
fn of_a_password_with_passcode_and_phone() {
    leaks_nothing("", &[PASSWORD], None, &[]);
    let passcode = "80917263";
    let by_code = User::new(user::USER).password(user::PASSWORD);
    let by_code = by_code.second_factor(SecondFactor::Passcode(passcode.into()));
    leaks_nothing("", &[PASSWORD, ("SNOWFLAKE_PASSCODE", passcode)], Some(by_code), &[passcode]);
    let gate = Gate::new();
    gate.open();
    let by_phone = User::new(user::USER).password(user::PASSWORD).second_factor(SecondFactor::Push(gate));
    leaks_nothing("authenticator = 'username_password_mfa'\n", &[PASSWORD], Some(by_phone), &[]);
}

#[test]
fn of_a_browser() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "authenticator = 'externalbrowser'\n");
    let mut said = Said::default();
    let mut client = client_with(&home, &[LOG]);
    let error = ask(&mut client).expect_err("an address");
    said.note(&error);
    said.commands(&home, &[LOG]);
    visit(error.split_whitespace().find(|word| word.starts_with("http")).expect("an address"));
    said.work(&warehouse, &home, &mut client);
    warehouse.change_user(user::USER, User::revoke_remembered);
    warehouse.end_sessions();
    said.note(ask(&mut client).expect_err("another address"));
    said.commands(&home, &[LOG]);
    said.client(&client);
    is_finest(&home);
    let sent = warehouse.granted();
    assert!(
        sent.iter().any(|token| token.starts_with("id-"))
            && sent.iter().any(|token| token.starts_with("saml-"))
    );
    nothing_leaked(&warehouse, &home, &said, &[home.config_file()], &[]);
}

#[test]
fn of_oauth_clients_and_workloads() {
    let warehouse = Warehouse::start();
    let secret = ("SNOWFLAKE_OAUTH_CLIENT_SECRET", user::OAUTH_CLIENT_SECRET);
    let ways = ["oauth_client_credentials", "oauth_authorization_code"];
    for way in ways {
        let lines = oauth_client::lines(&warehouse, way)
            + &line("oauth_authorization_url", format!("{}/oauth/authorize", warehouse.url()));
        let home = home_of(&warehouse, &lines);
        let variables = [secret, LOG];
        let mut said = Said::default();
        let mut client = client_with(&home, &variables);
        if way == "oauth_authorization_code" {
            let error = ask(&mut client).expect_err("an address");
            said.note(&error);
            said.commands(&home, &variables);
            visit(error.split_whitespace().find(|word| word.starts_with("http")).expect("an address"));
        }
        said.work(&warehouse, &home, &mut client);
        warehouse.expire_access_tokens();
        warehouse.end_sessions();
        works(&mut client);
        said.commands(&home, &variables);
        said.client(&client);
        is_finest(&home);
        nothing_leaked(&warehouse, &home, &said, &[home.config_file()], &[user::OAUTH_CLIENT_SECRET]);
    }
    let token = "sg-test-workload-4be1";
    let home = Home::bare();
    let file = write_private(&home, "own/token", token);
    let lines = format!(
        "authenticator = 'workload_identity'\nworkload_identity_provider = 'OIDC'\ntoken_command = ['cat', {:?}]\n",
        file.display().to_string()
    );
    let warehouse = Warehouse::builder().user(User::new(user::USER).workload_token("OIDC", token)).start();
    home.configure_account(&warehouse, &lines, "");
    let variables = [LOG];
    let mut said = Said::default();
    let mut client = client_with(&home, &variables);
    said.work(&warehouse, &home, &mut client);
    said.commands(&home, &variables);
    said.client(&client);
    nothing_leaked(&warehouse, &home, &said, &[home.config_file(), file], &[token]);
}

#[test]
fn of_log_ins_that_fail() {
    let wrong = "sg-test-wrong-secret-1c5d";
    let encrypted = line("private_key_file", user::encrypted_private_key().display());
    for (lines, variable) in [
        ("", "SNOWFLAKE_PASSWORD"),
        ("authenticator = 'oauth'\n", "SNOWFLAKE_TOKEN"),
        ("authenticator = 'programmatic_access_token'\n", "SNOWFLAKE_TOKEN"),
        (encrypted.as_str(), "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"),
        ("", "SNOWFLAKE_PRIVATE_KEY"),
    ] {
        let warehouse = Warehouse::start();
        let home = home_of(&warehouse, lines);
        let variables = [(variable, wrong), LOG];
        let mut said = Said::default();
        let mut client = client_with(&home, &variables);
        said.note(ask(&mut client).expect_err("an error"));
        said.note(ask(&mut client).expect_err("an error"));
        said.commands(&home, &variables);
        said.client(&client);
        let files = files_below(home.path(), &[home.config_file()]);
        assert!(!said.0.contains(wrong), "{lines}{variable}");
        for (path, bytes) in files {
            let is_in = bytes.windows(wrong.len()).any(|window| window == wrong.as_bytes());
            assert!(!is_in, "{lines}{variable}: {}", path.display());
        }
    }
}

#[test]
fn of_connections_toml_and_of_a_proxy() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let port = warehouse.address().port();
    let theirs = format!(
        "[default]\naccount = 'org-test'\nhost = '127.0.0.1'\nport = {port}\nprotocol = 'http'\nuser = '{}'\n\
         password = '{}'\n",
        user::USER,
        user::PASSWORD
    );
    let file = write_private(&home, "theirs/connections.toml", &theirs);
    let folder = home.path().join("theirs").display().to_string();
    let secret = "sg-test-proxy-secret-77aa";
    let variables = [
        ("SNOWGATE_BACKEND_KIND", "snowflake"),
        ("SNOWFLAKE_HOME", folder.as_str()),
        ("https_proxy", &format!("http://someone:{secret}@127.0.0.1:9")),
        LOG,
    ];
    let mut said = Said::default();
    let mut client = client_with(&home, &variables);
    said.work(&warehouse, &home, &mut client);
    said.commands(&home, &variables);
    said.client(&client);
    nothing_leaked(&warehouse, &home, &said, &[file], &[secret]);
}
