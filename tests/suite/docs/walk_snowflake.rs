//! Who follows docs/security.md has an agent's user whose profile reads just what it should. The stand-in is the account.

use std::fs;

use serde_json::json;
use snowgate_tests::{Home, tool_text};
use warehouse::{User, Warehouse};

use super::pages::{Block, pages};
use super::place::{Needs, Place};
use super::script::steps;

/// The block of docs/security.md that has these words.
fn block(words: &str) -> Block {
    let page = pages().into_iter().find(|page| page.path == "docs/security.md").expect("docs/security.md");
    page.blocks.into_iter().find(|block| block.text.contains(words)).expect("a block with these words")
}

/// What the commands for a key pair print and leave: the public key as PEM, in the place the private one.
fn make_keys(place: &Place) -> String {
    let ended = place.run(&steps(&block("openssl genpkey")));
    assert!(ended.codes.iter().all(|code| *code == 0), "{}", ended.output);
    let from = ended.output.find("-----BEGIN PUBLIC KEY").expect("a public key");
    ended.output[from..].to_owned()
}

#[test]
fn the_key_the_user_and_the_profile_of_the_security_page_fit_together() {
    let place = Place::new(Needs { is_bare: true, ..Needs::default() });
    let public_key = make_keys(&place);
    let mut user = User::new("SNOWGATE_AGENT").public_key(&public_key);
    user.make_agent(Some("SNOWFLAKE$DATA_READ"));
    let warehouse = Warehouse::builder().user(user).start();

    let home: &Home = place.home();
    let account = "account = \"myorg-myaccount\"\n";
    let config = block(account.trim()).text;
    let port = warehouse.address().port();
    let here = format!("{account}host = '127.0.0.1'\nport = {port}\nprotocol = 'http'\n");
    // The stand-in's own role and warehouse: it makes none.
    let config =
        config.replace(account, &here).replace("AGENT_READER", "ANALYST").replace("AGENT_WH", "COMPUTE_WH");
    fs::write(home.config_file(), config).expect("writing the config");
    fs::rename(place.folder("clone/snowgate.p8"), home.path().join("snowgate.p8")).expect("placing the key");

    let launch = home.launch().env("HOME", place.folder("user"));
    let mut client = launch.env("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "a passphrase").start();
    client.initialize();
    let answer = client.query("SELECT 1 AS N");
    assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
    for (sql, rule) in [
        ("DELETE FROM SALES.PUBLIC.ORDERS", "statements"),
        ("SELECT * FROM STAGING.PUBLIC.T", "allowed_databases"),
        ("SELECT * FROM SALES.HR.SALARIES", "denied_schemas"),
    ] {
        let answer = client.query(sql);
        assert!(tool_text(&answer).contains(rule), "{sql}: {answer}");
    }
    let status = home.status().expect("a gateway");
    assert_eq!(status["backend_wall"], "agent session: yes, scope: SNOWFLAKE$DATA_READ");
}
