//! Private keys as users have them: whatever the official connector reads logs in, and of the rest it is said
//! what it is.

use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

/// The key of the user of `warehouse`, as PEM.
fn pem() -> String {
    fs::read_to_string(user::private_key()).expect("the key")
}

/// What OpenSSL makes of the user's key; `None`: there is no OpenSSL, or it cannot do that.
fn openssl(args: &[&str]) -> Option<Vec<u8>> {
    let key = user::private_key().display().to_string();
    let run = Command::new("openssl")
        .args(args)
        .args(["-in", &key])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    run.ok().filter(|run| run.status.success()).map(|run| run.stdout)
}

const PASSPHRASE: (&str, &str) = ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "sesame");

/// A home that logs in with `variables` for the key.
fn home(warehouse: &Warehouse) -> Home {
    home_of(warehouse, "authenticator = \"snowflake_jwt\"")
}

#[track_caller]
fn logs_in(what: &str, variables: Variables<'_>) {
    let warehouse = Warehouse::start();
    let home = home(&warehouse);
    let mut client = client_with(&home, variables);
    let text = ask(&mut client).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(text.contains(user::USER), "{what}: {text}");
    assert_eq!(log_ins(&warehouse)[0], ("SNOWFLAKE_JWT".to_owned(), None), "{what}");
}

#[test]
fn a_key_in_a_variable_may_have_lost_its_lines() {
    let pem = pem();
    let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for (what, text) in [
        ("written-out line ends", pem.replace('\n', "\\n")),
        ("one line", pem.replace('\n', " ")),
        ("base64 of DER", bare),
        ("text before it", format!("Bag Attributes\r\n    x: y\r\n{}", pem.replace('\n', "\r\n"))),
    ] {
        logs_in(what, &[("SNOWFLAKE_PRIVATE_KEY", &text)]);
    }
}

#[test]
fn a_key_file_of_an_old_openssl_is_read() {
    let encrypted = ["-passout", "pass:sesame"];
    let forms: [&[&str]; 5] = [
        &["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"],
        &["rsa", "-traditional", "-aes256"],
        &["rsa", "-traditional", "-des3"],
        &["pkcs8", "-topk8", "-scrypt"],
        &["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"],
    ];
    let folder = Home::bare();
    for form in forms {
        let Some(key) = openssl(&[form, &encrypted].concat()) else { continue };
        let file = folder.path().join("key");
        fs::write(&file, key).expect("writing the key");
        let path = file.display().to_string();
        logs_in(&form.join(" "), &[("SNOWFLAKE_PRIVATE_KEY_PATH", &path), PASSPHRASE]);
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named_by_config_check_and_by_the_log_in() {
    let warehouse = Warehouse::start();
    let home = home(&warehouse);
    let camellia = openssl(&["pkcs8", "-topk8", "-v2", "camellia-256-cbc", "-passout", "pass:sesame"]);
    let encrypted = fs::read(user::encrypted_private_key()).expect("the key");
    let cases = [
        (Some(encrypted), "the passphrase is wrong"),
        (camellia, "encrypted with CAMELLIA-256-CBC, which is not supported; write it anew: openssl pkcs8"),
        (openssl(&["rsa", "-pubout"]), "it is a public key, not a private key"),
        (Some(b"-----BEGIN PRIVATE KEY-----\nMIIE".to_vec()), "`-----END PRIVATE KEY-----` is missing"),
    ];
    for (key, what) in cases {
        let Some(key) = key else { continue };
        let file = home.path().join("key");
        write_key(&file, &key);
        let path = file.display().to_string();
        let variables = [("SNOWFLAKE_PRIVATE_KEY_PATH", path.as_str()), PASSPHRASE];
        let checked = home.gateway().envs(variables).args(["config", "check"]).output().expect("a command");
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        says(&said, &[what, &path]);
        assert!(!said.contains("sesame"), "{said}");
        let mut client = client_with(&home, &variables);
        fails(&mut client, &[what, "`private_key_file`"]);
    }
    assert!(log_ins(&warehouse).is_empty());
}

fn write_key(file: &Path, key: &[u8]) {
    fs::write(file, key).expect("writing the key");
    set_mode(file, 0o600);
}
