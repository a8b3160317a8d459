//! What becomes of `.env` files.

use super::super::table::{OTHERS, ROWS};
use super::*;

fn plan_of(text: &str) -> Plan {
    let paths = Paths::below(Path::new("/nonexistent/home"));
    plan(&EnvFile::parse(text), Path::new("/srv/old"), &paths)
}

fn outcome(plan: &Plan, variable: &str) -> Outcome {
    plan.variables.iter().find(|finding| finding.variable == variable).unwrap().outcome
}

const BASE: &str = "SNOWFLAKE_ACCOUNT=org-acct.snowflakecomputing.com\nSNOWFLAKE_USER=ADA\n\
                    SNOWFLAKE_PRIVATE_KEY_PATH=/keys/ada.p8\n";

/// A value that the variable's form takes.
fn sample(row: &Row) -> &'static str {
    let Becomes::Setting(key, form) = row.becomes else { return "1" };
    if row.name == "WS_MAX_MESSAGE_SIZE" {
        return "65536";
    }
    match form {
        Form::Account => "org-acct",
        Form::Authenticator => "private_key",
        Form::Path | Form::KeyOrPath => "/keys/ada.p8",
        Form::Bytes => "100MB",
        Form::Boolean | Form::Not => "true",
        Form::LogLevel => "INFO",
        Form::LogFormat => "text",
        Form::Commands => "select,show,use",
        Form::Origins => "https://app.example.com",
        Form::LoopbackPort => "8000",
        Form::Proxy => "http://proxy.example:3128",
        Form::Text => "NAME",
        Form::Times(_) if key == "http.request_bytes_max" => "1",
        Form::Times(_) => "10",
    }
}

#[test]
fn each_variable_alone_makes_a_config_that_is_right_also_without_its_comments() {
    let paths = Paths::below(Path::new("/nonexistent/home"));
    for row in ROWS.iter().chain(OTHERS) {
        let sets = |row: &Row| match row.becomes {
            Becomes::Setting(key, _) => Some(key),
            _ => None,
        };
        // Of two that set one key, one is not taken.
        let is_alike = |line: &str| {
            let other = line.split('=').next().and_then(find);
            other.is_some_and(|other| other.name == row.name || sets(other) == sets(row))
        };
        let own = BASE.lines().filter(|line| !is_alike(line));
        let mut lines: Vec<String> = own.map(str::to_owned).collect();
        lines.push(format!("{}={}", row.name, sample(row)));
        if row.name.starts_with("TLS_") {
            lines.push("TLS_CERT_FILE=/c.pem\nTLS_KEY_FILE=/k.pem".to_owned());
        }
        if row.name == "SNOWFLAKE_CONNECTION_NAME" {
            continue;
        }
        let made = plan_of(&lines.join("\n"));
        assert_eq!(made.missing, [] as [&str; 0], "{}: {}", row.name, made.config);
        let finding = made.variables.iter().find(|finding| finding.variable == row.name).unwrap();
        let expected = match row.becomes {
            Becomes::Setting(..) if finding.outcome == Outcome::Comment => Outcome::Comment,
            Becomes::Setting(..) => Outcome::Setting,
            Becomes::Secret(_) => Outcome::Secret,
            Becomes::Nothing(_) => Outcome::NoCounterpart,
        };
        assert_eq!(finding.outcome, expected, "{}: {finding:?}", row.name);
        let env = secrets(&EnvFile::parse(&lines.join("\n")));
        let loaded = Config::load_text(&paths, &env, made.config.clone());
        assert!(loaded.is_ok(), "{}: {loaded:?}\n{}", row.name, made.config);
    }
}

#[test]
fn values_of_all_kinds_never_break_the_file() {
    for odd in [
        "\"]\\n[gateway]\\nidle_exit_minutes = 1\"",
        "'\"\"\"'",
        "-1",
        "1e308",
        "NaN",
        "''",
        "\"\\\\\"",
        "*",
        "${X}",
        "99999999999999999999",
        "\u{202e}",
        "\"a\\r\\nb\"",
        "a'b",
        "é€",
    ] {
        let lines: Vec<_> = ROWS.iter().chain(OTHERS).map(|row| format!("{}={odd}", row.name)).collect();
        let made = plan_of(&lines.join("\n"));
        let table: toml::Table = made.config.parse().unwrap_or_else(|error| panic!("{odd}: {error}"));
        assert!(
            !table.contains_key("gateway") || made.config.contains("LOG_LEVEL"),
            "{odd}: {}",
            made.config
        );
        assert_eq!(made.variables.len(), ROWS.len() + OTHERS.len(), "{odd}");
    }
}

#[test]
fn no_secret_is_in_the_config_nor_in_the_findings() {
    let secret = "c4n4ry";
    let lines: Vec<_> = ROWS
        .iter()
        .chain(OTHERS)
        .filter(|row| matches!(row.becomes, Becomes::Secret(_)))
        .map(|row| format!("{}={secret}", row.name))
        .chain(
            ["SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_TOKEN", "SNOWFLAKE_OAUTH_CLIENT_SECRET", "OTHER"]
                .map(|name| format!("{name}={secret}")),
        )
        .collect();
    let made = plan_of(&format!("{BASE}{}\nnonsense {secret}\n", lines.join("\n")));
    assert!(!serde_json::to_string(&made).unwrap().contains(secret), "{made:?}");
}

#[test]
fn what_worked_is_set_and_what_did_not_is_a_comment() {
    let made = plan_of(&format!(
        "{BASE}SNOWFLAKE_POOL_MAX_SIZE=5\nCONNECTION_POOL_MAX_SIZE=50\nMAX_QUERY_LIMIT=500\nENABLE_RATE_LIMITING=false\n\
         RATE_LIMIT_PER_MINUTE=60\nALLOWED_SQL_COMMANDS=select,use\nUNHEARD_OF=1\n"
    ));
    assert_eq!(outcome(&made, "SNOWFLAKE_POOL_MAX_SIZE"), Outcome::Setting);
    assert_eq!(outcome(&made, "CONNECTION_POOL_MAX_SIZE"), Outcome::NotTaken);
    assert_eq!(outcome(&made, "MAX_QUERY_LIMIT"), Outcome::Comment);
    assert_eq!(outcome(&made, "RATE_LIMIT_PER_MINUTE"), Outcome::NotTaken);
    assert_eq!(outcome(&made, "UNHEARD_OF"), Outcome::Unknown);
    for line in [
        "authenticator = \"snowflake_jwt\"\n",
        "account = \"org-acct\"    # SNOWFLAKE_ACCOUNT\n",
        "# [limits]\n# rows_max = 500",
        "[profiles.default]\nstatements = [\"read\", \"context\"]",
        "[pool]\nconnections_max = 5",
    ] {
        assert!(made.config.contains(line), "{line}\n{}", made.config);
    }
}

#[test]
fn proxies_are_taken_over_or_said_and_their_passwords_are_not_repeated() {
    let made = plan_of(&format!(
        "{BASE}https_proxy=proxy.example:3128\nHTTP_PROXY=http://x:1\nNO_PROXY=.corp\nall_proxy=x:1\n"
    ));
    assert!(made.config.contains("proxy = \"http://proxy.example:3128\""), "{}", made.config);
    for name in ["HTTP_PROXY", "NO_PROXY", "all_proxy"] {
        assert_eq!(outcome(&made, name), Outcome::NoCounterpart, "{name}");
    }
    for secret in ["http://me:c4n4ry@proxy:3128", "socks5://c4n4ry:1"] {
        let made = plan_of(&format!("{BASE}HTTPS_PROXY={secret}\n"));
        assert_eq!(outcome(&made, "HTTPS_PROXY"), Outcome::NotTaken, "{:?}", made.variables);
        assert!(!serde_json::to_string(&made).unwrap().contains("c4n4ry"), "{:?}", made.variables);
    }
}

#[test]
fn what_is_out_of_bounds_is_left_out_and_said() {
    let made = plan_of(&format!(
        "{BASE}SNOWFLAKE_POOL_MAX_SIZE=9999\nSNOWFLAKE_POOL_MIN_SIZE=5\nSNOWFLAKE_ROLE=\"a\\tb\"\n"
    ));
    assert_eq!(outcome(&made, "SNOWFLAKE_POOL_MAX_SIZE"), Outcome::NotTaken);
    assert_eq!(outcome(&made, "SNOWFLAKE_POOL_MIN_SIZE"), Outcome::Setting);
    assert!(made.missing.is_empty(), "{:?}", made.missing);
}

#[test]
fn no_part_of_a_key_is_repeated() {
    let body = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "QUJDREVGR0g=", "Zm9vYmFy=x", "Ab=="];
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", body.join("\n"));
    for text in [
        format!("SNOWFLAKE_PRIVATE_KEY={key}\n"),
        format!("SNOWFLAKE_PRIVATE_KEY=\"{key}\n"),
        format!("SNOWFLAKE_PRIVATE_KEY_PATH=\"{key}\"\n"),
        format!("SNOWFLAKE_USER=\"{key}\"\n"),
        format!("{}\n", body.join("\n")),
    ] {
        let made = plan_of(&format!("{BASE}{text}"));
        let shown = serde_json::to_string(&made).unwrap();
        for part in body {
            let part = part.trim_end_matches(['=', 'x']);
            assert!(
                !shown.contains(&format!("{part}\"")) && !shown.contains(&format!("{part}=")),
                "{part}: {shown}"
            );
        }
    }
    assert_eq!(outcome(&plan_of(&format!("{BASE}abc=1\n")), NOT_REPEATED), Outcome::Unknown);
}

#[test]
fn what_the_config_lacks_is_said() {
    let made = plan_of("SNOWFLAKE_USER=ADA\nSNOWFLAKE_AUTH_TYPE=private_key\n");
    let text = made.missing.join("\n");
    assert!(text.contains("snowflake.account") && text.contains("no private key was found"), "{text}");
}
