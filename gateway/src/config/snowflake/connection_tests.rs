//! What a connection of Snowflake's own tools may contain: applied, or named.

use std::collections::BTreeMap;

use snowflake_wire::{ParameterValue, Secret};

use super::tests::{CONNECTIONS_FILE, Home};
use crate::backend::snowflake::{Authenticator, Key, SnowflakeSettings, Token};
use crate::os::test_support::{absolute, without_folder};

const KIND: (&str, &str) = ("SNOWGATE_BACKEND_KIND", "snowflake");

/// A home whose `connections.toml` has the connection `c` with `lines`.
fn connection(lines: &str, variables: &[(&str, &str)]) -> Home {
    let text = format!("[c]\naccount = 'xy12345'\nuser = 'me'\n{lines}\n");
    files(&text, variables)
}

fn files(text: &str, variables: &[(&str, &str)]) -> Home {
    let all: Vec<_> = variables.iter().copied().chain([KIND]).collect();
    Home::new(&all).with("connections.toml", 0o600, text)
}

#[track_caller]
fn account(lines: &str) -> SnowflakeSettings {
    connection(&format!("password = 'hidden'\n{lines}"), &[]).account()
}

/// The warnings of a connection with `lines`, without the folder's name.
#[track_caller]
fn warnings(lines: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let home = connection(&format!("password = 'hidden'\n{lines}"), variables);
    let config = home.load().unwrap_or_else(|errors| panic!("{errors}"));
    config.warnings.iter().map(|warning| without_folder(&warning.to_string(), home.dir.path())).collect()
}

#[test]
fn the_region_is_part_of_the_account_as_the_official_connector_has_it() {
    for (lines, identifier) in [
        ("region = 'eu-central-1'", "xy12345.eu-central-1"),
        ("Region = 'west-europe.azure'", "xy12345.west-europe.azure"),
        ("region = 'us-west-2'", "xy12345"),
        ("region = ''", "xy12345"),
    ] {
        assert_eq!(account(lines).account.as_str(), identifier, "{lines}");
    }
    let by_variable =
        [("SNOWFLAKE_ACCOUNT", "ab"), ("SNOWFLAKE_REGION", "eu-west-1"), ("SNOWFLAKE_USER", "u")];
    let home = Home::new(&[&by_variable[..], &[("SNOWFLAKE_PASSWORD", "p")]].concat());
    assert_eq!(home.account().account.as_str(), "ab.eu-west-1");
    let odd = connection("password = 'hidden'\nregion = 'https://evil.example'", &[]).error();
    assert!(odd.contains("is not a region; it looks like `eu-central-1`"), "{odd}");
    let both = warnings("region = 'us-east-1'", &[("SNOWFLAKE_CONNECTIONS_C_ACCOUNT", "xy12345.eu-west-1")]);
    assert!(both[0].contains("is used in place of \"eu-west-1\""), "{both:?}");
    let host = account("region = 'us-east-1'\nhost = 'h.example.com'");
    assert_eq!(host.host.as_deref(), Some("h.example.com"));
    let warned = warnings("region = 'us-east-1'\nhost = 'h.example.com'", &[]);
    assert!(warned[0].contains("has no effect: `host` says where the account is"), "{warned:?}");
}

#[test]
fn a_region_of_a_variable_does_not_move_the_account_of_the_systems_file() {
    let key = absolute("/k");
    let home = Home::new(&[("SNOWFLAKE_REGION", "evil"), ("SNOWFLAKE_PRIVATE_KEY_PATH", &key)])
        .with_system_config("[snowflake]\naccount = 'xy'\nuser = 'me'\n");
    assert_eq!(home.account().account.as_str(), "xy");
    let connection = "[snowflake]\nconnection = 'c'\n";
    let variables = [("SNOWFLAKE_CONNECTIONS_C_HOST", "evil.example"), KIND];
    let text = "[c]\naccount = 'xy'\nuser = 'me'\npassword = 'hidden'\n";
    let home = Home::new(&variables).with("connections.toml", 0o600, text).with_system_config(connection);
    assert_eq!(home.account().host, None);
    let warned: Vec<_> = home.load().unwrap().warnings.iter().map(ToString::to_string).collect();
    assert!(warned.iter().any(|text| text.starts_with("SNOWFLAKE_CONNECTIONS_C_HOST: ")), "{warned:?}");
}

#[test]
fn session_parameters_are_taken_but_not_those_that_the_gateway_relies_on() {
    let lines = "timezone = 'Asia/Tokyo'\n[c.session_parameters]\nWEEK_START = 1\nuse_cached_result = false\n\
                 QUERY_TAG = 'mine'\nCLIENT_SESSION_KEEP_ALIVE = true\nDATE_OUTPUT_FORMAT = 'YYYY'\nautocommit = false";
    let expected = BTreeMap::from([
        ("TIMEZONE".to_owned(), ParameterValue::from("Asia/Tokyo")),
        ("USE_CACHED_RESULT".to_owned(), false.into()),
        ("WEEK_START".to_owned(), 1.into()),
    ]);
    assert_eq!(account(lines).session_parameters, expected);
    let warned = warnings(lines, &[]);
    for name in ["QUERY_TAG", "CLIENT_SESSION_KEEP_ALIVE", "DATE_OUTPUT_FORMAT", "autocommit"] {
        let start = format!(
            "{CONNECTIONS_FILE}: c.session_parameters.{name}: has no effect: the parameter cannot be set"
        );
        assert!(warned.iter().any(|text| text.starts_with(&start)), "{name}: {warned:#?}");
    }
    assert_eq!(warned.len(), 4, "{warned:#?}");
    let shown = connection(&format!("password = 'hidden'\n{lines}"), &[]).load().unwrap();
    assert!(
        shown
            .to_toml()
            .contains("[snowflake.session_parameters]\nTIMEZONE = \"Asia/Tokyo\"  # connection c of")
    );
    assert_eq!(shown.to_json()["settings"]["snowflake"]["session_parameters"]["WEEK_START"]["value"], 1);
}

#[test]
fn our_own_file_has_session_parameters_too_which_come_first() {
    let text = "[snowflake]\nconnection = 'c'\n[snowflake.session_parameters]\ntimezone = 'UTC'\n";
    let lines = "password = 'p'\nsession_parameters = {TIMEZONE = 'Asia/Tokyo', WEEK_START = 1}";
    let parameters = connection(lines, &[]).with_config(text).account().session_parameters;
    assert_eq!(parameters["TIMEZONE"], "UTC".into());
    assert_eq!(parameters["WEEK_START"], 1.into());
    let error = |line: &str| {
        let text = format!("[backend]\nkind = 'snowflake'\n[snowflake.session_parameters]\n{line}\n");
        Home::new(&[]).with_config(&text).error()
    };
    let refused = error("AUTOCOMMIT = false");
    assert!(
        refused.contains("snowflake.session_parameters.AUTOCOMMIT: cannot be set: sessions are shared"),
        "{refused}"
    );
    assert!(error("X = [1]").contains("expected a text, a number, true or false, got an array"));
    let many: String = (0..65).map(|n| format!("P{n} = 1\n")).collect();
    assert!(error(&many).contains("there are more than 64 session parameters"));
}

#[test]
fn secondary_roles_and_a_passcode_in_the_password_are_taken() {
    assert_eq!(account("secondary_roles = 'ALL'").secondary_roles.as_deref(), Some("ALL"));
    assert_eq!(account("secondaryRoles = 'none'").secondary_roles.as_deref(), Some("NONE"));
    assert_eq!(account("").secondary_roles, None);
    let error = connection("password = 'p'\nsecondary_roles = 'SOME'", &[]).error();
    assert!(error.contains("c.secondary_roles: expected one of \"all\", \"none\", got \"some\""), "{error}");
    let password = Authenticator::PasscodeInPassword(Secret::new("hidden"));
    for lines in ["passcode_in_password = true", "passcodeInPassword = 'true'"] {
        assert_eq!(account(lines).authenticator, password);
    }
    assert_eq!(
        account("passcode_in_password = false").authenticator,
        Authenticator::Password(Secret::new("hidden"))
    );
}

#[test]
fn the_spellings_of_every_tool_are_known() {
    let key = |lines: &str| connection(lines, &[]).account().authenticator;
    let (file, token_file) = (Key::File(absolute("/k.p8").into()), absolute("/t"));
    let passphrase = Some(Secret::new("hidden"));
    for lines in [
        "private_key_file = '/k.p8'\nprivate_key_file_pwd = 'hidden'",
        "private_key_path = '/k.p8'\nprivate_key_passphrase = 'hidden'",
        "privateKeyPath = '/k.p8'\nprivateKeyPass = 'hidden'",
        "PRIVATE_KEY_FILE = '/k.p8'\nprivateKeyPwd = 'hidden'",
    ] {
        let expected = Authenticator::KeyPair { key: file.clone(), passphrase: passphrase.clone() };
        assert_eq!(key(&lines.replace("/k.p8", &absolute("/k.p8"))), expected, "{lines}");
    }
    let given = Authenticator::KeyPair { key: Key::Given(Secret::new("MIIE")), passphrase: None };
    for lines in ["private_key = 'MIIE'", "privateKey = 'MIIE'", "private_key_raw = 'MIIE'"] {
        assert_eq!(key(lines), given, "{lines}");
    }
    let token = Authenticator::OAuth(Token::File((&token_file).into()));
    assert_eq!(key(&format!("authenticator = 'oauth'\ntokenFilePath = '{token_file}'")), token);
}

#[test]
fn a_key_without_effect_is_named_and_stops_nobody() {
    let warned = warnings(
        "login_timeout = 30\nclient_session_keep_alive = true\ninsecureMode = false\nautocommit = true\n\
         warehuose = 'W'\ncolour = 'hidden'\nextra = {x = 'hidden'}",
        &[],
    );
    for (key, what) in [
        ("login_timeout", "has no effect: the gateway has time-outs of its own"),
        ("client_session_keep_alive", "has no effect: the gateway keeps its sessions alive itself"),
        ("insecureMode", "has no effect: certificates are always checked"),
        ("autocommit", "has no effect: sessions are shared"),
        ("warehuose", "is not known here and has no effect; did you mean `warehouse`?"),
        ("colour", "is not known here and has no effect"),
        ("extra", "is not known here and has no effect"),
    ] {
        let line = format!("{CONNECTIONS_FILE}: c.{key}: {what}");
        assert!(warned.iter().any(|text| text.starts_with(&line)), "no {line} in {warned:#?}");
    }
    assert!(warned.len() == 7 && !warned.concat().contains("hidden"), "{warned:#?}");
    let many: String = (0..500).map(|n| format!("odd{n}x = 1\n")).collect();
    let warned = warnings(&many, &[]);
    assert!(warned.len() == 20 && warned[19].ends_with("(and 480 more of this kind)"), "{warned:#?}");
}

#[test]
fn a_variable_of_snowflakes_tools_that_has_no_effect_is_named() {
    let variables = [
        ("SNOWFLAKE_LOGIN_TIMEOUT", "5"),
        ("SNOWFLAKE_WAREHOSE", "hidden"),
        ("SNOWFLAKE_CONNECTIONS_OTHER_USER", "x"),
        ("SNOWFLAKE_ROLE", "R"),
    ];
    let warned = warnings("", &variables);
    assert_eq!(warned.len(), 2, "{warned:#?}");
    assert!(warned[0].starts_with("SNOWFLAKE_LOGIN_TIMEOUT: has no effect: the gateway has time-outs"));
    assert!(warned[1].ends_with("did you mean SNOWFLAKE_WAREHOUSE?"), "{warned:#?}");
}

#[test]
fn variables_set_keys_of_a_connection_and_make_one() {
    let variables = [
        ("SNOWFLAKE_CONNECTIONS_DEV_USER", "you"),
        ("SNOWFLAKE_CONNECTIONS_DEV_EU_USER", "they"),
        ("SNOWFLAKE_CONNECTIONS_DEV_PASSWORD", "hidden-two"),
        ("SNOWFLAKE_DEFAULT_CONNECTION_NAME", "dev"),
    ];
    let text = "[dev]\naccount = 'a'\nuser = 'me'\npassword = 'p'\n[dev_eu]\naccount = 'b'\n";
    let home = files(text, &variables);
    let account = home.account();
    assert_eq!((account.account.as_str(), account.user.as_str()), ("a", "you"));
    assert_eq!(account.authenticator, Authenticator::Password(Secret::new("hidden-two")));
    let only = [
        KIND,
        ("SNOWGATE_SNOWFLAKE_CONNECTION", "my-dev"),
        ("SNOWFLAKE_CONNECTIONS_MY_DEV_ACCOUNT", "c"),
        ("SNOWFLAKE_CONNECTIONS_MY_DEV_USER", "u"),
        ("SNOWFLAKE_CONNECTIONS_MY_DEV_PASSWORD", "hidden"),
    ];
    assert_eq!(Home::new(&only).account().account.as_str(), "c");
    let odd = [("SNOWFLAKE_CONNECTIONS_C_PORT", "hidden-x")];
    let error = connection("password = 'p'", &odd).error();
    assert!(error.starts_with("SNOWFLAKE_CONNECTIONS_C_PORT: c.port: expected a whole number"), "{error}");
}

#[test]
fn the_default_is_the_one_called_default_or_the_only_one() {
    let rest = "user = 'me'\npassword = 'p'\n";
    let text = |name: &str, account: &str| format!("[{name}]\naccount = '{account}'\n{rest}");
    let found = |text: &str| files(text, &[]).account().account.as_str().to_owned();
    assert_eq!(found(&text("mine", "a")), "a");
    assert_eq!(found(&text("connections.default", "a")), "a");
    assert_eq!(found(&format!("{}{}", text("connections.x", "a"), text("connections.default", "b"))), "b");
    assert_eq!(found(&format!("{}{}", text("x", "a"), text("default", "b"))), "b");
    // A connection that is itself called so.
    assert_eq!(found(&text("connections", "a")), "a");
    let several = files(&format!("{}{}", text("x", "a"), text("y", "b")), &[]).error();
    assert!(
        several.contains("has several connections, and none of them is called \"default\"")
            && several.contains("available: x, y"),
        "{several}"
    );
}

#[test]
fn a_connections_proxy_is_used_and_its_password_is_not_shown() {
    let lines = "proxy_host = 'proxy.corp'\nproxy_port = 3128\nproxy_user = 'u'\nproxy_password = 'hid/qqq'\n\
                 no_proxy = '.corp'";
    let account = account(lines);
    let shown = format!("{account:?}");
    assert!(shown.contains("proxy.corp") && !shown.contains("qqq"), "{shown}");
    let error = connection("password = 'p'\nproxy_host = 'a b'", &[]).error();
    assert!(error.contains("c.proxy_host: the proxy's host and port do not make an address"), "{error}");
}
