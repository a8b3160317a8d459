//! Modes of files.

use super::*;

#[test]
fn a_private_key_that_cannot_be_used() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let no_key = write_private(&home, "no_key.p8", "hello");
    for (file, words) in [
        (home.path().join("missing.p8"), &["missing.p8", "No such file", "`private_key_file`"][..]),
        (no_key, &["no private key was found"]),
        (user::encrypted_private_key(), &["no passphrase was given", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"]),
    ] {
        home.configure_account(
            &warehouse,
            &format!("private_key_file = {:?}\n", file.display().to_string()),
            "",
        );
        names(&doctor(&mut command(&home), &["--login"]), "private_key", words);
    }
    assert_eq!(log_ins(&warehouse), 0);
    let key = fs::read_to_string(user::private_key()).expect("a key");
    let file = write_private(&home, "key.p8", &key);
    set_mode(&file, 0o644);
    home.configure_account(&warehouse, &format!("private_key_file = {:?}\n", file.display().to_string()), "");
    let found = doctor(&mut command(&home), &[]);
    assert!(
        found.0["findings"].to_string().contains("\"secret_open\"") && found.1 == Some(0),
        "{:#}",
        found.0
    );
    is_healthy(&doctor(&mut command(&home), &["--fix"]));
}

#[test]
fn a_wrong_password_is_sent_once() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "", "");
    let found =
        |arguments: &[&str], password: &str| doctor(command(&home).env(PASSWORD, password), arguments);
    is_healthy(&found(&[], "wrong-password"));
    let refused = found(&["--login"], "wrong-password");
    names(&refused, "log_in", &["Incorrect username or password", "390100", "snowgate config show"]);
    assert!(!refused.0.to_string().contains("wrong-password"));
    let again = found(&["--login"], "wrong-password");
    assert!(again.0.to_string().contains("--retry-password"), "{:#}", again.0);
    assert_eq!(log_ins(&warehouse), 1);
    // It is sent again once, also where a fix has it look again.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(home.path().join("state"), open).expect("an open folder");
    let again = found(&["--login", "--retry-password", "--fix"], "wrong-password");
    assert_eq!(again.0["fixed"][0]["done"], true, "{:#}", again.0);
    assert_eq!(log_ins(&warehouse), 2);
    // It was corrected.
    is_healthy(&found(&["--login", "--retry-password"], user::PASSWORD));
    is_healthy(&found(&["--login"], user::PASSWORD));
    assert_eq!(log_ins(&warehouse), 4);
}

#[test]
fn a_configuration_without_an_account_and_a_connections_file_that_others_can_read() {
    let home = Home::bare();
    fs::write(home.config_file(), "[backend]\nkind = 'snowflake'\n").expect("writing");
    names(&doctor(&mut command(&home), &[]), "config_error", &["SNOWFLAKE_ACCOUNT"]);
    fs::create_dir_all(home.path().join("user/.snowflake")).expect("making a folder");
    let file = home.path().join("user/.snowflake/connections.toml");
    fs::write(&file, "[work]\naccount = 'org-test'\nuser = 'ADA'\npassword = 'x'\n").expect("writing");
    set_mode(&file, 0o644);
    names(
        &doctor(&mut command(&home), &[]),
        "config_error",
        &["connections.toml", "readable by other users", "chmod 0600"],
    );
}
