//! A terminal.

use snowgate_tests::Terminal;

use super::*;

#[test]
fn a_login_starts_a_gateway_and_asks_without_showing_what_is_typed() {
    let warehouse = warehouse();
    let home = home_of(&warehouse, PASSWORD);
    let mut login = Terminal::run(home.gateway().arg("login"));
    login.expect("Password (kept in");
    login.type_hidden("wrong");
    login.expect("Password (kept in");
    login.type_hidden(user::PASSWORD);
    login.expect("logged in (account org-test");
    let (code, shown) = login.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(user::PASSWORD), "{shown}");
    works(&mut client(&home));
    // Ctrl-C while it is asked: the terminal is as it was.
    home.stop();
    let mut login = Terminal::run(home.gateway().arg("login"));
    login.expect("Password (kept in");
    login.type_hidden("\u{3}");
    assert_eq!(login.end().0, Some(130));
}
