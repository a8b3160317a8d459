//! Roles: what a profile or an API key may do at most, over the shim and over HTTP.

use serde_json::{Value, json};
use snowgate_tests::{Home, tool_text};

use super::keys::{Client, create, gateway};

/// The tools in the answer to `tools/list`.
fn names(answer: &Value) -> Vec<&str> {
    let tools = answer["result"]["tools"].as_array().expect("tools");
    tools.iter().filter_map(|tool| tool["name"].as_str()).collect()
}

#[track_caller]
fn refused(answer: &Value, words: &[&str]) {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let text = tool_text(answer);
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
}

#[test]
fn a_profile_s_role_bounds_the_clients_of_shims() {
    let home = Home::new();
    home.configure(
        "read_only = false\n[profiles.default]\naccess_role = 'read_only'\n[profiles.guests]\naccess_role = 'guest'\n\
         [profiles.writers]\naccess_role = 'power_user'\n",
);
    let mut client = home.client();
    client.initialize();
    refused(
        &client.query("create table t (a)"),
        &["`write`", "`read_only`", "the profile's role", "[roles.read_only]"],
    );
    assert_eq!(client.query("values (1)")["result"]["isError"], false);
    let mut writer = home.launch().arg("--profile").arg("writers").start();
    writer.initialize();
    assert_eq!(writer.query("create table t (a)")["result"]["isError"], false);
    refused(&client.query("insert into t values (1)"), &["`write`", "`read_only`"]);
    let mut guest = home.launch().arg("--profile").arg("guests").start();
    guest.initialize();
    let tools = guest.request("tools/list", &json!({}));
    assert!(!names(&tools).contains(&"execute_query") && names(&tools).contains(&"list_tables"), "{tools}");
    refused(&guest.query("values (1)"), &["execute_query", "`execute_queries`", "`guest`"]);
    assert_eq!(guest.call("list_tables", &json!({}))["result"]["isError"], false);
    let context = guest.call("set_context", &json!({"schema": "main"}));
    assert_eq!(context["result"]["isError"], false, "{context}");
    let quota = home.run(&["quota", "--json"]).json().to_string();
    assert!(quota.contains("roles.read_only.queries_per_hour"), "{quota}");
}

#[test]
fn a_key_s_role_bounds_what_its_profile_allows() {
    let gateway = gateway(
        "read_only = false\n[profiles.reading]\nstatements = ['read', 'context']\n\
         [roles.lister]\npermissions = ['read_databases', 'read_tables']\n",
    );
    let key =
        |name: &str, arguments: &[&str]| create(&gateway.home, &[&["--name", name], arguments].concat());
    let admin = Client::named(&gateway, &key("admin", &["--role", "admin"]), "editor");
    assert_eq!(admin.query("create table t (a)")["result"]["isError"], false);
    let analyst = Client::named(&gateway, &key("analyst", &["--role", "analyst"]), "editor");
    refused(
        &analyst.query("drop table t"),
        &["`write`", "the API key's role `analyst`", "use an API key with a role"],
    );
    assert_eq!(analyst.query("select * from t")["result"]["isError"], false);
    let narrowed =
        Client::named(&gateway, &key("narrow", &["--role", "admin", "--profile", "reading"]), "editor");
    refused(&narrowed.query("drop table t"), &["`reading`", "`statements`"]);
    let lister = Client::named(&gateway, &key("lister", &["--role", "lister"]), "editor");
    assert_eq!(
        names(&lister.request("tools/list", &json!({}))),
        [
            "list_databases",
            "list_schemas",
            "list_tables",
            "describe_table",
            "search_objects",
            "set_context",
            "session_info"
        ]
    );
    refused(
        &lister.call("query_view", &json!({"database": "A", "view_name": "v"})),
        &["`read_views`", "`lister`"],
    );
    let without = Client::named(&gateway, &key("plain", &[]), "editor");
    assert_eq!(without.query("drop table t")["result"]["isError"], false, "what its profile allows");
}

#[test]
fn the_quota_of_a_key_s_role_is_for_all_its_clients_together() {
    let gateway = gateway("[roles.guest]\nqueries_per_hour = 3\npermissions = ['execute_queries']\n");
    let key = create(&gateway.home, &["--name", "bi", "--role", "guest"]);
    let other = create(&gateway.home, &["--name", "other", "--role", "guest"]);
    let clients = ["one", "two", "three"].map(|name| Client::named(&gateway, &key, name));
    for client in &clients {
        assert_eq!(client.query("values (1)")["result"]["isError"], false);
    }
    refused(
        &clients[0].query("values (1)"),
        &["3 of 3 queries", "the API key `bi`", "roles.guest.queries_per_hour"],
    );
    let fresh = Client::named(&gateway, &key, "four");
    refused(&fresh.query("values (1)"), &["the API key `bi`"]);
    let stays = Client::named(&gateway, &other, "one");
    assert_eq!(stays.query("values (1)")["result"]["isError"], false);
    let shown = gateway.home.run(&["quota"]).stdout;
    assert!(shown.contains("API key bi") && shown.contains("3 of 3"), "{shown}");
    assert_eq!(gateway.home.run(&["quota", "reset", "bi"]).code, Some(0));
    assert_eq!(fresh.query("values (1)")["result"]["isError"], false);
}

#[test]
fn a_later_file_does_not_widen_a_role_that_an_earlier_one_has_or_gives() {
    let home = Home::new();
    let system = home.path().join("system.toml");
    std::fs::write(
        &system,
        "[roles.house]\npermissions = ['execute_queries']\nqueries_per_hour = 5\n\
         [profiles.default]\naccess_role = 'analyst'\n",
    )
    .expect("the system's file");
    home.configure(
        "[roles.house]\npermissions = ['execute_queries', 'write']\nqueries_per_hour = 3\nrows_per_day = 9\n\
         [roles.analyst]\npermissions = ['execute_queries', 'write']\nqueries_per_hour = 0\n\
         [roles.guest]\npermissions = ['execute_queries']\n",
    );
    let system = system.to_str().expect("a path");
    let shown = home.run(&["config", "show", "--json", "--system-config", system]).json();
    let role = |name: &str, key: &str| shown["settings"]["roles"][name][key]["value"].clone();
    assert_eq!(role("house", "permissions"), json!(["execute_queries"]));
    assert_eq!((role("house", "queries_per_hour"), role("house", "rows_per_day")), (json!(3), json!(9)));
    assert_eq!(role("analyst", "queries_per_hour"), json!(200));
    assert!(!role("analyst", "permissions").to_string().contains("write"));
    assert_eq!(
        role("guest", "permissions"),
        json!(["execute_queries"]),
        "a role that no earlier file uses is the user's"
    );
    assert_eq!(shown["not_taken"].as_array().map(Vec::len), Some(3), "{}", shown["not_taken"]);
}

#[test]
fn a_wrong_role_says_what_is_right() {
    let home = Home::new();
    for (toml, told) in [
        ("[profiles.p]\naccess_role = 'analist'\n", "did you mean \"analyst\""),
        ("[profiles.p]\naccess_role = 'mine'\n", "add [roles.mine]"),
        ("[roles.mine]\nqueries_per_hour = 3\n", "no `permissions`"),
        ("[roles.mine]\npermissions = ['select']\n", "expected one of \"read_databases\""),
        (
            "[roles.mine]\npermissions = ['read_tables']\nstatements = ['read']\n",
            "belongs in [profiles.NAME]",
        ),
        (
            "[roles.mine]\npermissions = ['read_tables']\nquery_per_hour = 1\n",
            "did you mean `queries_per_hour`",
        ),
    ] {
        home.configure(toml);
        let output = home.run(&["config", "check"]);
        assert!(output.code == Some(78) && output.stderr.contains(told), "{told}: {output:?}");
    }
}

#[test]
fn a_role_says_which_paths_a_key_may_ask() {
    let gateway = gateway("");
    let status = |role: Option<&str>, method: &str, path: &str| {
        let name = format!("{}-{}", role.unwrap_or("none"), path.replace('/', "-"));
        let role = role.map(|role| ["--role", role]);
        let arguments =
            [&["--name", name.as_str()][..], role.as_ref().map_or(&[], |role| &role[..])].concat();
        let key = create(&gateway.home, &arguments);
        let response = gateway.connect().request(method, path, &[("X-API-Key", &key)], b"");
        assert!(response.status != 403 || response.text().contains("permission"), "{response:?}");
        response.status
    };
    for (role, health, admin) in [
        (Some("admin"), 200, 404),
        (Some("analyst"), 200, 403),
        (Some("read_only"), 403, 403),
        (Some("guest"), 403, 403),
        (None, 200, 403),
    ] {
        assert_eq!(status(role, "GET", "/status"), health, "{role:?}");
        assert_eq!(status(role, "GET", "/ready"), health, "{role:?}");
        assert_eq!(status(role, "POST", "/admin/sessions/00000000-0000/kill"), admin, "{role:?}");
    }
    let open = snowgate_tests::http::HttpGateway::new();
    let refused = open.connect().request("POST", "/admin/drain", &[], b"");
    assert_eq!((refused.status, open.get("/status").status), (403, 200), "{refused:?}");
}

#[test]
fn what_a_key_comes_to_is_explained() {
    let home = Home::new();
    home.configure(
        "read_only = false\n[profiles.bi]\nmatch = [{ key = 'bi' }]\nstatements = ['read', 'write', 'ddl']\n",
    );
    create(&home, &["--name", "bi", "--role", "analyst"]);
    let explained = home.run(&["config", "explain", "--key", "bi", "--json"]).json();
    assert_eq!(
        (&explained["profile"], &explained["policy"]["statements"]["value"]),
        (&json!("bi"), &json!(["read"]))
    );
    let origin = explained["policy"]["statements"]["origin"].as_str().unwrap_or_default();
    assert!(origin.contains("the role `analyst`"), "{origin}");
}
