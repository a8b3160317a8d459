//! No secret comes out of `doctor` and `report`, wherever it is.

use super::*;

/// A value for each place that has a secret.
const CANARIES: [(&str, &str); 7] = [
    ("SNOWFLAKE_PASSWORD", "canary-password-1"),
    ("SNOWFLAKE_TOKEN", "canary-token-2"),
    ("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "canary-passphrase-3"),
    ("SNOWFLAKE_PASSCODE", "canary-passcode-4"),
    ("SNOWFLAKE_OAUTH_CLIENT_SECRET", "canary-client-secret-5"),
    ("SNOWFLAKE_CONNECTIONS_WORK_PASSWORD", "canary-connection-6"),
    ("HTTP_PROXY", "http://me:canary-proxy-7@127.0.0.1:9"),
];

#[test]
fn no_secret_is_shown_or_packed() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "", "[alerts]\nwebhook = 'https://hooks.invalid/canary-webhook-8'\n");
    let with_all = |mut command: Command| {
        CANARIES.iter().for_each(|(name, value)| _ = command.env(name, value));
        command
    };
    // A gateway that has them, and says what is wrong.
    let launch = CANARIES.iter().fold(home.launch(), |launch, (name, value)| launch.env(name, value));
    let mut client = launch.start();
    client.initialize();
    client.query("SELECT 'canary-statement-9' AS X");
    let file = home.path().join("report.tar.gz");
    let file = file.to_str().expect("UTF-8");
    let mut said = String::new();
    for arguments in [
        &["doctor", "--login", "--all"][..],
        &["doctor", "--json"],
        &["report", "--output", file],
        &["report", "--list"],
    ] {
        let output = with_all(command(&home)).args(arguments).output().expect("it starts");
        said += &String::from_utf8_lossy(&output.stdout);
        said += &String::from_utf8_lossy(&output.stderr);
    }
    let unpacked = Command::new("tar").args(["-xzOf", file]).output().expect("tar starts");
    assert!(unpacked.status.success());
    said += &String::from_utf8_lossy(&unpacked.stdout);
    assert!(said.contains("snowgate") && said.contains("SNOWFLAKE_PASSWORD"), "names are there: {said}");
    assert_eq!(said.lines().find(|line| line.contains("canary")), None, "a secret came out");
}
