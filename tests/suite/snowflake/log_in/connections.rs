//! What a connection of Snowflake's own tools contains: applied to every log-in, or named to the user.

use super::*;

/// A home with `connections.toml`, whose only connection, `work`, has `lines`; and the variables that name it.
fn connection(warehouse: &Warehouse, lines: &str) -> (Home, [(String, String); 2]) {
    let home = Home::bare();
    let (port, name, password) = (warehouse.address().port(), user::USER, user::PASSWORD);
    let text = format!(
        "[work]\naccount = 'org-test'\nhost = '127.0.0.1'\nport = {port}\nprotocol = 'http'\nuser = '{name}'\n\
         password = '{password}'\n{lines}\n"
    );
    write_private(&home, "theirs/connections.toml", &text);
    let folder = home.path().join("theirs").display().to_string();
    let variables = [("SNOWGATE_BACKEND_KIND", "snowflake".to_owned()), ("SNOWFLAKE_HOME", folder)];
    (home, variables.map(|(name, value)| (name.to_owned(), value)))
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn session_parameters_and_secondary_roles_hold_for_every_log_in() {
    let warehouse = Warehouse::start();
    let lines = "secondary_roles = 'ALL'\n[work.session_parameters]\nTIMEZONE = 'Asia/Tokyo'\nWEEK_START = 1\n\
                 QUERY_TAG = 'mine'\nautocommit = false";
    let (home, variables) = connection(&warehouse, lines);
    let mut client = client_with(&home, &borrowed(&variables));
    works(&mut client);
    let shown = client.query("SHOW PARAMETERS LIKE 'TIMEZONE'");
    says(tool_text(&shown), &["Asia/Tokyo"]);
    // The session is lost, and the next one has them, too.
    warehouse.end_sessions();
    works(&mut client);
    warehouse.seen(|seen| {
        assert!(seen.log_ins.len() >= 2, "{:?}", seen.log_ins);
        for log_in in &seen.log_ins {
            let set = |name: &str| log_in.parameters.get(name).cloned();
            assert_eq!(set("TIMEZONE"), Some(json!("Asia/Tokyo")));
            assert_eq!(set("WEEK_START"), Some(json!(1)));
            assert_eq!((set("AUTOCOMMIT"), set("QUERY_TAG")), (Some(json!(true)), None));
        }
        let asked = seen.requests.iter().filter(|request| request.path.contains("login-request"));
        assert!(asked.into_iter().all(|request| request.body["data"]["SECONDARY_ROLES"] == "ALL"));
    });
}

#[test]
fn a_key_without_effect_is_named_by_config_check_and_status_and_stops_nobody() {
    let warehouse = Warehouse::start();
    let lines = "login_timeout = 30\nwarehuose = 'BIG_WH'\nsession_parameters = {QUERY_TAG = 'mine'}";
    let (home, variables) = connection(&warehouse, lines);
    let variables = borrowed(&variables);
    let lines = [
        "work.login_timeout: has no effect: the gateway has time-outs of its own",
        "work.warehuose: is not known here and has no effect; did you mean `warehouse`?",
        "work.session_parameters.QUERY_TAG: has no effect: the parameter cannot be set, because",
    ];
    let run = |args: &[&str]| {
        home.gateway().envs(variables.iter().copied()).args(args).output().expect("a command")
    };
    let checked = run(&["config", "check"]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    says(&String::from_utf8_lossy(&checked.stderr), &lines);
    let mut client = client_with(&home, &variables);
    works(&mut client);
    says(&String::from_utf8_lossy(&run(&["status"]).stdout), &lines);
    let status: Value = serde_json::from_slice(&run(&["status", "--json"]).stdout).expect("JSON");
    let warnings = status["config_warnings"].as_array().expect("a list").clone();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(!status.to_string().contains(user::PASSWORD));
}

#[test]
fn variables_override_a_connection_and_camel_case_is_read() {
    let warehouse = Warehouse::start();
    let key = user::private_key().display().to_string();
    let lines = format!("authenticator = 'SNOWFLAKE_JWT'\nprivateKeyPath = '{key}'");
    let (home, variables) = connection(&warehouse, &lines);
    let more = [("SNOWFLAKE_CONNECTIONS_WORK_WAREHOUSE", "BIG_WH")];
    let all: Vec<_> = borrowed(&variables).into_iter().chain(more).collect();
    let mut client = client_with(&home, &all);
    says(tool_text(&client.query("SELECT current_warehouse() AS W")), &["BIG_WH"]);
    assert_eq!(log_ins(&warehouse)[0].0, "SNOWFLAKE_JWT");
}
