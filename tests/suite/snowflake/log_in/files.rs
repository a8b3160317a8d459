//! Settings that were made for Snowflake's own tools and for other servers.

use snowgate_tests::error_text;

use super::*;

/// The exit code of a wrong configuration.
const WRONG_CONFIG: i32 = 78;

/// The variables that say where `warehouse` is.
fn place(warehouse: &Warehouse) -> [(String, String); 3] {
    let port = warehouse.address().port().to_string();
    [
        ("SNOWFLAKE_HOST", "127.0.0.1".to_owned()),
        ("SNOWFLAKE_PORT", port),
        ("SNOWFLAKE_PROTOCOL", "http".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

#[test]
fn the_variables_of_other_servers_are_enough() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let (place, key) = (place(&warehouse), user::encrypted_private_key().display().to_string());
    let theirs = [
        ("SNOWFLAKE_ACCOUNT", "org-test"),
        ("SNOWFLAKE_USER", user::USER),
        ("SNOWFLAKE_AUTH_TYPE", "private_key"),
        ("SNOWFLAKE_PRIVATE_KEY_PATH", &key),
        ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", user::PASSPHRASE),
        ("SNOWFLAKE_WAREHOUSE", "BIG_WH"),
        ("SNOWFLAKE_DATABASE", "STAGING"),
        ("SNOWFLAKE_SCHEMA", "PUBLIC"),
        ("SNOWFLAKE_ROLE", "LOADER"),
    ];
    let variables: Vec<_> =
        place.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(theirs).collect();
    let mut client = client_with(&home, &variables);
    works(&mut client);
    let context = "SELECT current_role() AS R, current_warehouse() AS W, current_database() AS D";
    let text = client.query(context);
    says(tool_text(&text), &["LOADER", "BIG_WH", "STAGING"]);
    warehouse.seen(|seen| {
        assert_eq!(seen.log_ins[0].account, "ORG-TEST");
        assert_eq!(seen.log_ins[0].authenticator, "SNOWFLAKE_JWT");
    });
}

/// The text of a `connections.toml` with two connections.
fn connections(warehouse: &Warehouse) -> String {
    let port = warehouse.address().port();
    let common = format!("account = 'org-test'\nhost = '127.0.0.1'\nport = {port}\nprotocol = 'http'\n");
    let (name, password, token) = (user::USER, user::PASSWORD, user::ACCESS_TOKEN);
    format!(
        "[default]\n{common}user = '{name}'\npassword = '{password}'\n[other]\n{common}user = '{name}'\n\
         authenticator = 'PROGRAMMATIC_ACCESS_TOKEN'\ntoken = '{token}'\n"
    )
}

const KIND: (&str, &str) = ("SNOWGATE_BACKEND_KIND", "snowflake");

#[test]
fn connections_toml_is_read_default_and_named() {
    for (more, way) in [
        (None, "SNOWFLAKE"),
        (Some(("SNOWFLAKE_DEFAULT_CONNECTION_NAME", "other")), "PROGRAMMATIC_ACCESS_TOKEN"),
        (Some(("SNOWGATE_SNOWFLAKE_CONNECTION", "other")), "PROGRAMMATIC_ACCESS_TOKEN"),
    ] {
        let warehouse = Warehouse::start();
        let home = Home::bare();
        write_private(&home, "theirs/connections.toml", &connections(&warehouse));
        let folder = home.path().join("theirs").display().to_string();
        let variables: Vec<_> = [KIND, ("SNOWFLAKE_HOME", folder.as_str())].into_iter().chain(more).collect();
        works(&mut client_with(&home, &variables));
        assert_eq!(log_ins(&warehouse), [(way.to_owned(), None)]);
    }
}

#[test]
fn a_connection_is_named_in_our_file_and_in_config_toml() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let theirs = connections(&warehouse).replace("[default]", "[connections.default]");
    let theirs = theirs.replace("[other]", "[connections.other]");
    write_private(&home, "theirs/config.toml", &theirs);
    fs::write(home.config_file(), "[backend]\nkind = 'snowflake'\n[snowflake]\nconnection = 'other'\n")
        .expect("writing the config file");
    let folder = home.path().join("theirs").display().to_string();
    works(&mut client_with(&home, &[("SNOWFLAKE_HOME", folder.as_str())]));
    assert_eq!(log_ins(&warehouse)[0].0, "PROGRAMMATIC_ACCESS_TOKEN");
}

#[test]
fn a_connections_toml_that_others_can_read_is_refused_with_the_way_to_mend_it() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let file = write_private(&home, "theirs/connections.toml", &connections(&warehouse));
    set_mode(&file, 0o644);
    let folder = home.path().join("theirs").display().to_string();
    let variables = [KIND, ("SNOWFLAKE_HOME", folder.as_str())];
    let named = file.display().to_string();
    let mend = format!("chmod 0600 {named}");
    let mut client = launch(&home, &variables);
    let refused = client.request("tools/list", &json!({}));
    says(
        error_text(&refused, -32603),
        &[&named, "is readable by other users (mode 644)", "snowgate config check"],
    );
    client.stderr_says(&mend);
    let check = || home.gateway().envs(variables).args(["config", "check"]).output().expect("a command");
    let checked = check();
    assert_eq!(checked.status.code(), Some(WRONG_CONFIG), "{checked:?}");
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    says(&said, &[&named, "is readable by other users (mode 644)", &mend]);
    assert!(!said.contains(user::PASSWORD) && !client.stderr().contains(user::PASSWORD));
    assert!(log_ins(&warehouse).is_empty());
    set_mode(&file, 0o600);
    assert_eq!(check().status.code(), Some(0));
    client.initialize();
    works(&mut client);
}
