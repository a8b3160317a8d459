//! The identity of a workload, and tokens that files and programs provide.

#[cfg(unix)]
mod unix;

use warehouse::User;

use super::*;

const FIRST: &str = "sg-test-first-identity";
const SECOND: &str = "sg-test-second-identity";
const WAY: &str = "WORKLOAD_IDENTITY";

/// A user with two tokens of an OIDC provider.
fn workload() -> Warehouse {
    let user = User::new(user::USER).workload_token("OIDC", FIRST).workload_token("OIDC", SECOND);
    Warehouse::builder()
        .user(user.workload_token("AZURE", FIRST).oauth_token(FIRST).oauth_token(SECOND))
        .start()
}

fn lines(provider: &str) -> String {
    line("authenticator", WAY) + &line("workload_identity_provider", provider)
}

/// `token_command`, which runs this script of a shell.
fn command(script: &str) -> String {
    format!("token_command = ['sh', '-c', {script:?}]\n")
}

#[test]
fn the_token_comes_from_a_file_a_variable_or_a_program() {
    let home = Home::bare();
    let file = line("token_file_path", write_private(&home, "token", &format!("{FIRST}\n")).display());
    let printed = command(&format!("echo {FIRST}"));
    let variable = [("SNOWFLAKE_TOKEN", FIRST)];
    for (lines, variables) in [
        (lines("oidc") + &file, &[][..]),
        (lines("OIDC"), &variable),
        (lines("OIDC") + &printed, &[]),
        // A token of a cloud that something else has fetched.
        (lines("azure") + &printed, &[]),
    ] {
        let warehouse = workload();
        home.configure_account(&warehouse, &lines, "");
        let mut client = client_with(&home, variables);
        works(&mut client);
        assert_eq!(log_ins(&warehouse), [(WAY.to_owned(), None)], "{lines}");
        home.stop();
        client.leave();
    }
}

#[test]
fn the_variables_and_connections_of_the_official_connectors_are_enough() {
    let warehouse = workload();
    let home = Home::bare();
    let port = warehouse.address().port();
    let token = write_private(&home, "token", FIRST).display().to_string();
    let theirs = format!(
        "[default]\naccount = 'org-test'\nhost = '127.0.0.1'\nport = {port}\nprotocol = 'http'\n\
         authenticator = 'WORKLOAD_IDENTITY'\nworkload_identity_provider = 'OIDC'\ntoken_file_path = '{token}'\n"
    );
    write_private(&home, "theirs/connections.toml", &theirs);
    let folder = home.path().join("theirs").display().to_string();
    let variables = [("SNOWGATE_BACKEND_KIND", "snowflake"), ("SNOWFLAKE_HOME", folder.as_str())];
    // No user is named: the token says whose it is.
    works(&mut client_with(&home, &variables));
    warehouse.seen(|seen| {
        let body = &seen.requests_to(warehouse::Endpoint::LogIn).next().expect("a log-in").body["data"];
        assert_eq!((body["PROVIDER"].as_str(), body.get("LOGIN_NAME")), (Some("OIDC"), None));
    });
}

#[test]
fn a_program_runs_at_every_log_in_and_a_new_token_counts_at_once() {
    let warehouse = workload();
    let home = Home::bare();
    let token = write_private(&home, "token", FIRST);
    home.configure_account(
        &warehouse,
        &(lines("OIDC") + &command(&format!("cat '{}'", token.display()))),
        "",
    );
    let mut client = client(&home);
    works(&mut client);
    warehouse.change_user(user::USER, |tester| {
        *tester = User::new(user::USER).workload_token("OIDC", SECOND);
    });
    warehouse.end_sessions();
    fails(&mut client, &["workload identity token is invalid", "Next step: "]);
    fs::write(&token, SECOND).expect("renewing the token");
    works(&mut client);
    assert_eq!(problem(&home), None);
}

#[test]
fn a_program_that_fails_is_named_and_what_it_prints_is_not_shown() {
    let warehouse = workload();
    let home = Home::bare();
    let script = "echo sg-test-printed; echo sg-test-printed >&2; exit 3";
    home.configure_account(&warehouse, &(lines("OIDC") + &command(script)), "");
    let mut client = client(&home);
    let error = fails(&mut client, &["\"sh\"", "exit status: 3", "Next step: ", "`token_command`"]);
    let problem = problem(&home).expect("a problem");
    says(&problem, &["exit status: 3", "token_command"]);
    assert!(!error.contains("sg-test-printed") && !home.log().contains("sg-test-printed"));
    assert!(log_ins(&warehouse).is_empty());
}

#[test]
fn what_is_not_supported_is_named_with_what_to_use_instead() {
    let warehouse = workload();
    let home = Home::bare();
    for (lines, words) in [
        (lines("aws"), &["is AWS, but no token was found", "not supported", "`token_command`"][..]),
        (lines("OIDC"), &["is OIDC, but no token was found", "`token_file_path`"]),
        (line("authenticator", "Workload_Identity"), &["workload_identity_provider", "set it to OIDC"]),
        (lines("IBM"), &["\"IBM\"", "one of \"AWS\", \"AZURE\", \"GCP\", \"OIDC\""]),
        (
            line("authenticator", "https://corp.okta.com"),
            &["corp.okta.com", "not supported", "externalbrowser"],
        ),
        (line("authenticator", "OKTA"), &["\"OKTA\" is not supported", "externalbrowser"]),
        (line("authenticator", "PAT_WITH_EXTERNAL_SESSION"), &["not supported", "programmatic_access_token"]),
        (line("authenticator", "oauth"), &["no token was found", "/snowflake/session/token"]),
        (line("authenticator", "oauth_client_credentials"), &["oauth_token_request_url", "is not set"]),
    ] {
        home.configure_account(&warehouse, &lines, "");
        let checked = home.run(&["config", "check"]);
        assert_eq!(checked.code, Some(78), "{checked:?}");
        says(&checked.stderr, words);
        // The first call says the same.
        let mut client = launch(&home, &[]);
        let refused = client.request("tools/list", &json!({}));
        says(snowgate_tests::error_text(&refused, -32603), &words[..1]);
    }
}
