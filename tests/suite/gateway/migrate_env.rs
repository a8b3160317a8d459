//! `snowgate migrate-env`: a config from another server's `.env`, which `config check` accepts.

#[cfg(unix)]
mod unix;

use std::fs;
use std::path::PathBuf;

use snowgate_tests::Home;

const ENV: &str = "# old server\r\nexport SNOWFLAKE_ACCOUNT=\"https://app.snowflake.com/myorg/myacct\"\r\nSNOWFLAKE_USER=ADA\r\n\
                   SNOWFLAKE_PASSWORD='c4n4ry'\r\nSNOWFLAKE_WAREHOUSE=WH # small\r\nSNOWFLAKE_POOL_MAX_SIZE=4\r\nMAX_QUERY_LIMIT=500\r\n\
                   ALLOWED_SQL_COMMANDS=select,show,use\r\nMCP_SERVER_WORKERS=4\r\nLOG_DIR=${HOME}/logs\r\nOTHER=1\r\nnonsense\r\n";

fn env_file(home: &Home) -> String {
    let file = home.path().join("old.env");
    fs::write(&file, ENV).expect("writing a file");
    file.display().to_string()
}

#[test]
fn without_an_output_the_config_alone_is_on_stdout() {
    let home = Home::bare();
    let file = env_file(&home);
    let done = home.run(&["migrate-env", &file]);
    assert!(done.stdout.contains("[snowflake]") && !done.stdout.contains("Taken over"), "{done:?}");
    assert!(done.stderr.contains("Taken over:"), "{done:?}");
    let json = home.run(&["migrate-env", &file, "--json"]).json();
    assert_eq!(json["config"].as_str(), Some(done.stdout.as_str()));
    assert_eq!(json["variables"].as_array().map(Vec::len), Some(10), "{json}");
    assert_eq!(home.files(), [PathBuf::from("old.env")], "nothing is written");
}

#[test]
fn a_file_that_cannot_be_read_is_said() {
    let home = Home::bare();
    for odd in ["missing.env", "."] {
        let path = home.path().join(odd).display().to_string();
        let json = home.run(&["migrate-env", &path, "--json"]);
        assert_eq!((json.code, json.json()["error"]["kind"].as_str()), (Some(64), Some("usage")), "{json:?}");
    }
}
