//! Bundles and symbolic links.

use super::*;

#[test]
fn no_other_file_is_written_over_and_no_secret_is_packed() {
    let home = Home::new();
    let at = |name: &str| home.path().join(name).to_str().expect("UTF-8").to_owned();
    let (config, link, bundle) = (at("shared.toml"), at("link.mcpb"), at("made.mcpb"));
    fs::write(&config, ANALYST).expect("a file");
    std::os::unix::fs::symlink(&config, &link).expect("a link");
    let folder = at("folder");
    fs::create_dir(&folder).expect("a folder");
    let other = at("other.zip");
    fs::write(&other, [&b"PK\x03\x04"[..], &[0; 22], b"\x0c\0\0\0precious.txt and more"].concat())
        .expect("a file");
    for output in [&config, &link, &folder, &other] {
        let refused = home.run(&["bundle", "--config", &config, "-o", output, "--json"]);
        assert_eq!(refused.code, Some(64), "{refused:?}");
        assert!(
            refused.stdout.contains("is no bundle") && refused.stdout.contains("--output"),
            "{refused:?}"
        );
    }
    assert_eq!(fs::read_to_string(&config).expect("the file"), ANALYST);
    for _ in 0..2 {
        home.run(&["bundle", "--config", &config, "-o", &bundle, "--json"]).json();
    }
    let command = "token_command = ['curl', '-H', 'Authorization: s3cr3t']";
    let account = format!("account = 'org-a'\nauthenticator = 'oauth'\n{command}");
    for (lines, key) in [
        ("[alerts]\nwebhook = 'https://hooks.example.com/s3cr3t'".to_owned(), "alerts.webhook"),
        (format!("[snowflake]\n{account}"), "token_command"),
        (format!("[connections.other]\nkind = 'snowflake'\n{account}"), "token_command"),
    ] {
        fs::write(&config, format!("{lines}\n{ANALYST}")).expect("a file");
        let refused = home.run(&["bundle", "--config", &config, "-o", &bundle, "--json"]);
        assert_eq!(refused.code, Some(64), "{lines}: {refused:?}");
        assert!(refused.stdout.contains(key) && !refused.stdout.contains("s3cr3t"), "{refused:?}");
    }
}
