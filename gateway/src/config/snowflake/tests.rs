//! Accounts as users set them up: variables, our file, Snowflake's own files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use snowflake_wire::Secret;

use crate::backend::snowflake::{Authenticator, Key, SnowflakeSettings, Token};
use crate::config::{BackendKind, Config, ConfigErrors, Origin, Paths};
use crate::os::test_support::{absolute, without_folder};

pub(super) struct Home {
    pub(super) dir: tempfile::TempDir,
    paths: Paths,
    env: BTreeMap<String, String>,
}

impl Home {
    pub(super) fn new(variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut paths = Paths::below(dir.path());
        paths.home_dir = Some(dir.path().to_owned());
        let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { dir, paths, env }
    }

    pub(super) fn with_config(self, text: &str) -> Self {
        std::fs::write(&self.paths.config_file, text).unwrap();
        self
    }

    pub(super) fn with_system_config(mut self, text: &str) -> Self {
        let path = self.dir.path().join("system.toml");
        std::fs::write(&path, text).unwrap();
        self.paths = self.paths.with_system_file(Some(path));
        self
    }

    /// With a file of Snowflake's own.
    pub(super) fn with(self, name: &str, mode: u32, text: &str) -> Self {
        let file = self.file(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        crate::os::set_mode_at(&file, mode).unwrap();
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(".snowflake").join(name)
    }

    pub(super) fn load(&self) -> Result<Config, ConfigErrors> {
        Config::load(&self.paths, &self.env)
    }

    #[track_caller]
    pub(super) fn account(&self) -> SnowflakeSettings {
        self.load().unwrap_or_else(|errors| panic!("{errors}")).snowflake.expect("Snowflake is the backend")
    }

    #[track_caller]
    pub(super) fn error(&self) -> String {
        without_folder(&self.load().map(|_| ()).unwrap_err().to_string(), self.dir.path())
    }
}

/// As it is named in messages, without the home folder.
pub(super) const CONNECTIONS_FILE: &str =
    if cfg!(windows) { r".snowflake\connections.toml" } else { ".snowflake/connections.toml" };

const KEY_FILE: &str = if cfg!(windows) { r"C:\keys\rsa.p8" } else { "/keys/rsa.p8" };
const KEY: (&str, &str) = ("SNOWFLAKE_PRIVATE_KEY_PATH", KEY_FILE);

const CONNECTIONS: &str = "\
[default]
account = 'org-one'
user = 'me'
password = 'hidden-one'
role = 'R1'

[other]
account = 'org-two'
user = 'you'
authenticator = 'OAUTH'
token = 'hidden-two'
warehouse = ''
";

#[test]
fn the_variables_of_other_servers_are_enough() {
    let home = Home::new(&[
        ("SNOWFLAKE_ACCOUNT", "Org-Acct"),
        ("SNOWFLAKE_USER", "me"),
        ("SNOWFLAKE_AUTH_TYPE", "private_key"),
        KEY,
        ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "hidden"),
        ("SNOWFLAKE_WAREHOUSE", "W"),
        ("SNOWFLAKE_ROLE", "R"),
    ]);
    let config = home.load().unwrap();
    assert_eq!(config.backend, BackendKind::Snowflake);
    assert!(config.read_only());
    let account = home.account();
    assert_eq!((account.account.as_str(), account.user.as_str()), ("org-acct", "me"));
    assert_eq!((account.warehouse.as_deref(), account.role.as_deref()), (Some("W"), Some("R")));
    let key = Key::File(KEY_FILE.into());
    let passphrase = Some(Secret::new("hidden"));
    assert_eq!(account.authenticator, Authenticator::KeyPair { key, passphrase });
    let variable = "SNOWFLAKE_ACCOUNT".to_owned();
    assert_eq!(config.origins.origin("backend.kind"), Some(&Origin::Environment { variable }));
    assert!(!format!("{config:?} {} {}", config.to_toml(), config.to_json()).contains("hidden"));
}

#[test]
fn without_an_account_the_backend_is_sqlite() {
    let home = Home::new(&[("SNOWFLAKE_USER", "me"), ("SNOWFLAKE_PASSWORD", "p")]);
    let config = home.load().unwrap();
    assert_eq!((config.backend, config.snowflake), (BackendKind::Sqlite, None));
    let home = Home::new(&[("SNOWFLAKE_ACCOUNT", "a")]).with_config("[backend]\nkind = 'sqlite'\n");
    assert_eq!(home.load().unwrap().backend, BackendKind::Sqlite);
}

#[test]
fn our_variable_overrides_theirs_and_both_override_the_file() {
    let account = |variables: &[(&str, &str)]| {
        let common = [("SNOWFLAKE_USER", "me"), ("SNOWFLAKE_PASSWORD", "p")];
        let all: Vec<_> = variables.iter().copied().chain(common).collect();
        let text = "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'file'\n";
        Home::new(&all).with_config(text).account().account.as_str().to_owned()
    };
    assert_eq!(account(&[]), "file");
    assert_eq!(account(&[("SNOWFLAKE_ACCOUNT", "theirs")]), "theirs");
    let ours = ("SNOWGATE_SNOWFLAKE_ACCOUNT", "ours");
    assert_eq!(account(&[("SNOWFLAKE_ACCOUNT", "theirs"), ours]), "ours");
}

#[test]
fn once_the_systems_file_names_the_account_no_variable_sends_its_credentials_elsewhere() {
    let text = "[snowflake]\naccount = 'file'\nuser = 'me'\n";
    let home = Home::new(&[
        ("SNOWFLAKE_HOST", "evil.example.com"),
        ("SNOWFLAKE_PROTOCOL", "http"),
        ("SNOWFLAKE_PORT", "81"),
        ("SNOWFLAKE_USER", "other"),
        ("SNOWGATE_SNOWFLAKE_CONNECTION", "other"),
        KEY,
    ])
    .with("connections.toml", 0o600, CONNECTIONS)
    .with_system_config(text);
    let account = home.account();
    assert_eq!((account.host, account.port, account.user.as_str()), (None, None, "me"));
    assert_eq!(account.protocol, snowflake_wire::Protocol::Https);
    let warnings: Vec<String> = home.load().unwrap().warnings.iter().map(ToString::to_string).collect();
    for variable in ["HOST", "PROTOCOL", "PORT", "USER"] {
        let warned = warnings.iter().find(|text| text.starts_with(&format!("SNOWFLAKE_{variable}: ")));
        let warned = warned.unwrap_or_else(|| panic!("no {variable} in {warnings:#?}"));
        assert!(warned.contains("was not taken") && warned.contains("system.toml:"), "{warned}");
    }
}

#[test]
fn a_named_connection_fills_in_what_is_not_set() {
    let text = "[backend]\nkind = 'snowflake'\n[snowflake]\nconnection = 'other'\nrole = 'MINE'\n";
    let home = Home::new(&[]).with_config(text).with("connections.toml", 0o600, CONNECTIONS);
    let account = home.account();
    assert_eq!((account.account.as_str(), account.user.as_str()), ("org-two", "you"));
    assert_eq!((account.role.as_deref(), account.warehouse), (Some("MINE"), None));
    assert_eq!(account.authenticator, Authenticator::OAuth(Token::Given(Secret::new("hidden-two"))));
    let shown = home.load().unwrap().to_toml();
    assert!(shown.contains("account = \"org-two\"  # connection other of "), "{shown}");
    assert!(!shown.contains("hidden"), "{shown}");
}

#[test]
fn the_default_connection_is_found_in_every_file_and_variable() {
    let kind = ("SNOWGATE_BACKEND_KIND", "snowflake");
    let account = |home: Home| home.account().account.as_str().to_owned();
    let files = |home: Home| home.with("connections.toml", 0o600, CONNECTIONS);
    assert_eq!(account(files(Home::new(&[kind]))), "org-one");
    let named = ("SNOWFLAKE_DEFAULT_CONNECTION_NAME", "other");
    assert_eq!(account(files(Home::new(&[kind, named]))), "org-two");
    let settings = "default_connection_name = 'other'\n";
    assert_eq!(account(files(Home::new(&[kind])).with("config.toml", 0o600, settings)), "org-two");
    let tables =
        "default_connection_name = 'c'\n[connections.c]\naccount = 'org-three'\nuser = 'u'\npassword = 'p'\n";
    assert_eq!(account(Home::new(&[kind]).with("config.toml", 0o600, tables)), "org-three");
}

#[test]
fn a_password_does_not_go_to_another_account() {
    let home = Home::new(&[("SNOWFLAKE_ACCOUNT", "elsewhere"), ("SNOWFLAKE_USER", "me")]).with(
        "connections.toml",
        0o600,
        CONNECTIONS,
    );
    assert!(home.error().contains("no credentials were found"), "{}", home.error());
}

#[test]
fn files_that_others_can_read_are_refused() {
    let home =
        Home::new(&[("SNOWGATE_BACKEND_KIND", "snowflake")]).with("connections.toml", 0o644, CONNECTIONS);
    let error = home.error();
    let file = home.file("connections.toml");
    let others = crate::os::FileAccess::at(&file).unwrap().others;
    assert!(cfg!(windows) || others == "mode 644", "{others}");
    let expected = format!("{CONNECTIONS_FILE}: is readable by other users ({others})");
    assert!(error.starts_with(&expected), "{error}");
    let command = without_folder(&crate::os::command_to_forbid_others(&file), home.dir.path());
    assert!(error.contains(&command) && !error.contains("hidden"), "{error}");
}

#[test]
fn an_unknown_connection_is_reported_with_the_known_ones() {
    let named = |name| [("SNOWGATE_BACKEND_KIND", "snowflake"), ("SNOWGATE_SNOWFLAKE_CONNECTION", name)];
    let home = Home::new(&named("othr")).with("connections.toml", 0o600, CONNECTIONS);
    assert!(
        home.error().contains("has no connection \"othr\"\n  hint: did you mean \"other\"?"),
        "{}",
        home.error()
    );
    let home = Home::new(&named("x")).with("connections.toml", 0o600, CONNECTIONS);
    assert!(home.error().contains("available: default, other"), "{}", home.error());
    let home = Home::new(&named("x"));
    assert!(home.error().contains("there is no connections.toml"), "{}", home.error());
    let home = Home::new(&named("x")).with("connections.toml", 0o600, "[x]\npassword = 'hidden\n");
    let error = home.error();
    assert!(error.contains("invalid TOML") && !error.contains("hidden"), "{error}");
}

#[test]
fn a_missing_value_is_reported_with_the_way_to_set_it() {
    let with = |variables: &[(&str, &str)]| {
        let kind = ("SNOWGATE_BACKEND_KIND", "snowflake");
        let all: Vec<_> = variables.iter().copied().chain([kind]).collect();
        Home::new(&all).error()
    };
    let (account, user) = (("SNOWFLAKE_ACCOUNT", "a"), ("SNOWFLAKE_USER", "u"));
    assert!(with(&[user, ("SNOWFLAKE_PASSWORD", "p")]).contains("snowflake.account: is not set"));
    assert!(with(&[account, ("SNOWFLAKE_PASSWORD", "p")]).contains("snowflake.user: is not set"));
    assert!(with(&[account, user]).contains("set it to externalbrowser, or set a private key"));
    let token = ("SNOWFLAKE_TOKEN", "t");
    assert!(with(&[account, token]).contains("oauth or programmatic_access_token"));
    assert!(with(&[account, user, token, KEY]).contains("several credentials were found"));
    let jwt = ("SNOWFLAKE_AUTHENTICATOR", "SNOWFLAKE_JWT");
    assert!(with(&[account, user, jwt]).contains("is \"snowflake_jwt\", but no private key was found"));
    let okta = ("SNOWFLAKE_AUTHENTICATOR", "https://corp.okta.com");
    assert!(with(&[account, user, okta]).starts_with(
        "SNOWFLAKE_AUTHENTICATOR: snowflake.authenticator: the address of corp.okta.com is not supported"
    ));
    assert!(
        with(&[("SNOWFLAKE_ACCOUNT", "https://a"), user, ("SNOWFLAKE_PASSWORD", "p")])
            .contains("account identifier")
    );
    assert!(
        with(&[account, user, KEY, ("SNOWFLAKE_PORT", "0")])
            .starts_with("SNOWFLAKE_PORT: snowflake.port: expected a whole number")
    );
}

#[test]
fn a_secret_in_our_own_file_is_refused_with_a_hint() {
    let home = Home::new(&[]).with_config("[snowflake]\npassword = 'hidden'\n");
    let error = home.error();
    assert!(
        error.contains("snowflake.password: unknown key\n  hint: put secrets in environment variables"),
        "{error}"
    );
    assert!(!error.contains("hidden"), "{error}");
}

#[test]
fn of_a_file_and_a_text_the_one_of_higher_precedence_is_used() {
    let (key, token) = (absolute("/k"), absolute("/t"));
    let connections = format!(
        "[c]\naccount = 'a'\nuser = 'u'\nauthenticator = 'SNOWFLAKE_JWT'\nprivate_key_file = '{key}'\n\
         [t]\naccount = 'a'\nauthenticator = 'OAUTH'\ntoken = 'hidden'\n"
    );
    let with = |connection, more| {
        let kind = ("SNOWGATE_BACKEND_KIND", "snowflake");
        let home = Home::new(&[kind, ("SNOWGATE_SNOWFLAKE_CONNECTION", connection), more]);
        home.with("connections.toml", 0o600, &connections).account().authenticator
    };
    let given = Key::Given(Secret::new("text"));
    let passphrase = None;
    assert_eq!(
        with("c", ("SNOWFLAKE_PRIVATE_KEY", "text")),
        Authenticator::KeyPair { key: given, passphrase: passphrase.clone() }
    );
    let key = Key::File(key.into());
    assert_eq!(with("c", ("SNOWFLAKE_ROLE", "R")), Authenticator::KeyPair { key, passphrase });
    let file = Token::File((&token).into());
    assert_eq!(with("t", ("SNOWFLAKE_TOKEN_FILE_PATH", &token)), Authenticator::OAuth(file));
    let hidden = Token::Given(Secret::new("hidden"));
    assert_eq!(with("t", ("SNOWFLAKE_ROLE", "R")), Authenticator::OAuth(hidden));
}

#[test]
fn no_secret_is_shown() {
    for secrets in [
        &[("SNOWFLAKE_PASSWORD", "hidden"), ("SNOWFLAKE_PASSCODE", "hidden")][..],
        &[("SNOWFLAKE_PRIVATE_KEY", "hidden"), ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "hidden")],
        &[("SNOWFLAKE_TOKEN", "hidden"), ("SNOWFLAKE_AUTH_TYPE", "oauth")],
        &[("SNOWFLAKE_TOKEN", "hidden"), ("SNOWFLAKE_AUTH_TYPE", "pat")],
        &[
            ("SNOWFLAKE_AUTHENTICATOR", "OAUTH_CLIENT_CREDENTIALS"),
            ("SNOWFLAKE_OAUTH_CLIENT_ID", "id"),
            ("SNOWFLAKE_OAUTH_CLIENT_SECRET", "hidden"),
            ("SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL", "https://idp/token"),
        ],
        &[("SNOWFLAKE_PASSWORD", "hidden"), ("HTTPS_PROXY", "http://u:hidden@p:1")],
    ] {
        let account = [("SNOWFLAKE_ACCOUNT", "a"), ("SNOWFLAKE_USER", "u")];
        let home = Home::new(&account.iter().chain(secrets).copied().collect::<Vec<_>>());
        let config = home.load().unwrap();
        let shown = format!(
            "{config:?} {config:#?} {} {} {:?} {:#?}",
            config.to_toml(),
            config.to_json(),
            home.account(),
            home.account()
        );
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(shown.contains("[secret]"), "{shown}");
    }
}

#[test]
fn proxies_come_from_the_usual_variables() {
    let proxy = |variables: &[(&str, &str)]| {
        let common = [("SNOWFLAKE_ACCOUNT", "a"), ("SNOWFLAKE_USER", "u"), KEY];
        Home::new(&variables.iter().copied().chain(common).collect::<Vec<_>>())
    };
    assert!(proxy(&[]).account().proxy.is_none());
    assert!(proxy(&[("https_proxy", "http://p:1")]).account().proxy.is_some());
    assert!(proxy(&[("HTTPS_PROXY", "p:1")]).account().proxy.is_some());
    assert!(proxy(&[("HTTP_PROXY", "http://p:1")]).account().proxy.is_none());
    assert!(proxy(&[("SNOWFLAKE_PROTOCOL", "http"), ("http_proxy", "http://p:1")]).account().proxy.is_some());
    for variable in ["all_proxy", "ALL_PROXY"] {
        assert!(proxy(&[(variable, "http://p:1")]).account().proxy.is_some(), "{variable}");
        assert!(
            proxy(&[(variable, "socks5://p:1"), ("NO_PROXY", "*")]).account().proxy.is_none(),
            "{variable}"
        );
    }
    let both = proxy(&[("HTTPS_PROXY", "http://one:1"), ("ALL_PROXY", "http://two:1")]).account().proxy;
    assert_eq!(both, proxy(&[("HTTPS_PROXY", "http://one:1")]).account().proxy);
    let excepted = proxy(&[("HTTPS_PROXY", "p:1"), ("no_proxy", "a.b"), ("NO_PROXY", "*")]).account().proxy;
    assert_eq!(excepted, proxy(&[("HTTPS_PROXY", "p:1"), ("no_proxy", "a.b")]).account().proxy);
    let error = proxy(&[("ALL_PROXY", "socks5://user:hidden@p:1")]).error();
    assert!(error.starts_with("ALL_PROXY: ") && !error.contains("hidden"), "{error}");
    let error = proxy(&[("SNOWGATE_SNOWFLAKE_PROXY", "http://user:hidden@p:1")]).error();
    assert!(
        error.contains("put a proxy with a password in the variable") && !error.contains("hidden"),
        "{error}"
    );
}

const PEM_LINE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJSEKRITiOiJ4In0.c2lnbmF0dXJl";

#[test]
fn a_key_or_token_in_the_place_of_its_path_is_refused_and_shown_nowhere() {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{PEM_LINE}\n-----END PRIVATE KEY-----\n");
    let account = "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'a'\nuser = 'u'\n";
    for secret in [&pem, PEM_LINE, JWT] {
        for name in
            ["SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWGATE_SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_TOKEN_FILE_PATH"]
        {
            let errors = Home::new(&[(name, secret)]).with_config(account).load().unwrap_err().to_string();
            assert!(errors.contains(name) && errors.contains("file of mode 0600"), "{errors}");
            assert!(!errors.contains(PEM_LINE) && !errors.contains("eyJ"), "{errors}");
        }
        for key in ["private_key_file", "token_file_path"] {
            let connection = format!("[c]\naccount = 'a'\nuser = 'u'\n{key} = \'\'\'{secret}\'\'\'\n");
            let of_connection = "[backend]\nkind = 'snowflake'\n[snowflake]\nconnection = 'c'\n";
            for home in [
                Home::new(&[]).with_config(&format!("{account}{key} = \'\'\'{secret}\'\'\'\n")),
                // No TOML: each line of the error is about what was written.
                Home::new(&[]).with_config(&format!("{account}{key} = {secret}\n")),
                Home::new(&[]).with_config(&format!("{account}{key} = \"{secret}\n")),
                Home::new(&[]).with_config(of_connection).with("connections.toml", 0o600, &connection),
            ] {
                let errors = home.load().unwrap_err().to_string();
                assert!(!errors.contains(PEM_LINE) && !errors.contains("eyJ"), "{errors}");
            }
        }
    }
}

#[test]
fn of_a_command_that_prints_a_token_only_the_program_is_shown() {
    let text =
        "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'a'\nuser = 'u'\nauthenticator = 'oauth'\n";
    let home = Home::new(&[])
        .with_config(&format!("{text}token_command = ['curl', '-H', 'Authorization: Bearer hidden']\n"));
    let config = home.load().unwrap();
    let shown = format!("{} {}", config.to_toml(), config.to_json());
    assert!(shown.contains("curl") && !shown.contains("Bearer"), "{shown}");
    let wrong = home.with_config(&format!("{text}token_command = 'curl Bearer hidden'\n"));
    let errors = wrong.load().unwrap_err().to_string();
    assert!(errors.contains("token_command") && !errors.contains("Bearer"), "{errors}");
}
