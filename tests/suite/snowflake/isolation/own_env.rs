//! Clients of one gateway whose own environments name other accounts.

use super::*;

/// A client whose environment names the account behind `warehouse`.
fn client_of(home: &Home, warehouse: &Warehouse) -> Client {
    let mut launch = home.launch();
    for (name, value) in [
        ("SNOWGATE_BACKEND_KIND", "snowflake".to_owned()),
        ("SNOWFLAKE_ACCOUNT", "org-test".to_owned()),
        ("SNOWFLAKE_USER", secrets::USER.to_owned()),
        ("SNOWFLAKE_PRIVATE_KEY_PATH", secrets::private_key().display().to_string()),
        ("SNOWGATE_SNOWFLAKE_HOST", "127.0.0.1".to_owned()),
        ("SNOWGATE_SNOWFLAKE_PORT", warehouse.address().port().to_string()),
        ("SNOWGATE_SNOWFLAKE_PROTOCOL", "http".to_owned()),
    ] {
        launch = launch.env(name, value);
    }
    let mut client = launch.start();
    client.initialize();
    client
}

#[test]
fn two_accounts_and_a_folder_are_served_side_by_side_also_by_the_next_gateways() {
    let (one, two) = (Warehouse::start(), Warehouse::start());
    let home = Home::bare();
    home.add_database("LOCAL");
    let mut plain = home.client();
    plain.initialize();
    let (mut first, mut second) = (client_of(&home, &one), client_of(&home, &two));
    for round in 0..3 {
        let local = plain.call("list_databases", &json!({}));
        assert!(tool_text(&local).contains("LOCAL"), "round {round}: {local}");
        for (client, own, other) in [(&mut first, &one, &two), (&mut second, &two, &one)] {
            let ran = |warehouse: &Warehouse| warehouse.seen(|seen| seen.queries.len());
            let (own_before, other_before) = (ran(own), ran(other));
            assert_eq!(query(client, "SELECT 7 AS N"), "N\n7\n(1 row)", "round {round}");
            assert!(
                ran(own) > own_before && ran(other) == other_before,
                "round {round}: it ran in its own account"
            );
        }
        let shown = home.run(&["status", "--json"]).stdout;
        assert!(shown.contains("SNOWGATE_SNOWFLAKE_PORT"), "{shown}");
        match round {
            // Whoever calls first starts the next one: once the folder's client, once an account's.
            0 => drop(home.kill_gateway()),
            1 => {
                home.kill_gateway();
                assert_eq!(query(&mut second, "SELECT 7 AS N"), "N\n7\n(1 row)");
            }
            _ => {}
        }
    }
}
