//! Links.

use super::*;

#[test]
fn a_service_of_snowflakes_containers_needs_its_variables_and_the_token_file_alone() {
    let warehouse = workload();
    let home = Home::bare();
    // As the service's folder is kept: a link to the version of now.
    let (one, two) = (write_private(&home, "one/token", FIRST), write_private(&home, "two/token", SECOND));
    let session = home.path().join("session");
    std::os::unix::fs::symlink(one.parent().expect("a folder"), &session).expect("a link");
    let port = warehouse.address().port().to_string();
    let token = session.join("token").display().to_string();
    let variables = [
        ("SNOWFLAKE_ACCOUNT", "org-test"),
        ("SNOWFLAKE_HOST", "127.0.0.1"),
        ("SNOWFLAKE_PORT", &port),
        ("SNOWFLAKE_PROTOCOL", "http"),
        ("SNOWFLAKE_AUTHENTICATOR", "OAUTH"),
        ("SNOWFLAKE_TOKEN_FILE_PATH", &token),
    ];
    let mut client = client_with(&home, &variables);
    works(&mut client);
    // The token of before has expired, and the service has written the next.
    warehouse.change_user(user::USER, |tester| tester.expire_oauth_token(FIRST));
    fs::remove_file(&session).expect("removing a link");
    std::os::unix::fs::symlink(two.parent().expect("a folder"), &session).expect("a link");
    warehouse.end_sessions();
    works(&mut client);
    assert!(log_ins(&warehouse).iter().all(|log_in| *log_in == ("OAUTH".to_owned(), None)));
}
