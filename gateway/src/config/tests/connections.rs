//! `[connections.NAME]` as users write it.

use super::*;

const BOTH: &str = "\
[connections.files]
kind = 'sqlite'
folder = 'here'
read_only = false
[connections.files.databases]
A = 'a.db'
[connections.account]
kind = 'snowflake'
account = 'org-acct'
user = 'ada'
authenticator = 'externalbrowser'
[connections.account.session_parameters]
TIMEZONE = 'UTC'
[profiles.p]
connection = 'account'
";

#[test]
fn each_kind_has_the_keys_of_its_section() {
    // A variable of Snowflake's tools is the built-in connection's.
    let home = Home::with_file(&format!("backend.kind = 'sqlite'\n{BOTH}"))
        .with_variable("SNOWFLAKE_USER", "eve")
        .with_variable("SNOWGATE_SQLITE_FOLDER", &absolute("/variable"));
    let config = home.load().unwrap_or_else(|errors| panic!("{errors}"));
    let ConnectionConfig::Sqlite(files) = &config.connections["files"] else { panic!("{config:?}") };
    assert_eq!(files.folder, home.dir.path().join("here"));
    assert!(!files.read_only && files.databases.contains_key("A"));
    let ConnectionConfig::Snowflake(account) = &config.connections["account"] else { panic!("{config:?}") };
    assert_eq!((account.user.as_str(), account.read_only), ("ada", true));
    assert!(config.is_read_only("account") && !config.is_read_only("files"));
    assert_eq!(config.dialect("account"), sql_gate::Dialect::Snowflake);
    let origin = |path| config.origins.origin(path).map(ToString::to_string);
    assert_eq!(origin("connections.files.folder").as_deref(), Some("line 4 of the config file"));
    assert_eq!(config.to_json()["settings"]["connections"]["account"]["user"]["value"], "ada");
}

#[test]
fn what_is_wrong_is_named_with_the_connection() {
    let errors = |text: &str| Home::with_file(text).errors().join("\n");
    let missing = errors("[connections.x]\nfolder = 'a'\n");
    assert!(missing.contains("connections.x: the key `kind` is missing"), "{missing}");
    let built_in = errors("[connections.sqlite]\nkind = 'sqlite'\n");
    assert!(built_in.contains("write its keys under [sqlite]"), "{built_in}");
    let unknown = errors("[connections.x]\nkind = 'sqlite'\nfoldr = 'a'\n");
    assert!(
        unknown.contains("connections.x.foldr: unknown key") && unknown.contains("`folder`"),
        "{unknown}"
    );
    let account = errors(
        "[connections.x]\nkind = 'snowflake'\nuser = 'u'\naccount = 'https://a-b.snowflakecomputing.com'\n",
    );
    assert!(account.contains("connections.x."), "{account}");
    let secret = errors("[connections.x]\nkind = 'snowflake'\npassword = 'p'\n");
    assert!(secret.contains("connections.toml"), "{secret}");
    let profile = errors("[connections.files]\nkind = 'sqlite'\n[profiles.p]\nconnection = 'file'\n");
    assert!(profile.contains("did you mean \"files\"?"), "{profile}");
}

#[test]
fn a_later_file_widens_no_connection_of_an_earlier_one_and_none_of_a_kind_that_is_protected() {
    let folder = absolute("/system");
    let system =
        &format!("[connections.x]\nkind = 'sqlite'\nfolder = '{folder}'\n[snowflake]\nread_only = true\n");
    let user = "[connections.x]\nkind = 'sqlite'\nfolder = '/user'\nbusy_timeout_ms = 7\n\
                [connections.y]\nkind = 'snowflake'\naccount = 'a-b'\nuser = 'u'\nauthenticator = 'externalbrowser'\nread_only = false\n";
    let home = Home::with_file(user).with_system_file(system);
    let config = home.load().unwrap_or_else(|errors| panic!("{errors}"));
    let ConnectionConfig::Sqlite(files) = &config.connections["x"] else { panic!("{config:?}") };
    assert_eq!((files.folder.to_str(), files.busy_timeout.as_millis()), (Some(&*folder), 7));
    assert!(config.is_read_only("y"));
    let warnings = home.warnings().join("\n");
    assert!(
        warnings.contains("connections.x.folder") && warnings.contains("connections.y.read_only"),
        "{warnings}"
    );
    let other_kind = Home::with_file("[connections.x]\nkind = 'snowflake'\n").with_system_file(system);
    let config = other_kind.load().unwrap_or_else(|errors| panic!("{errors}"));
    assert!(matches!(config.connections["x"], ConnectionConfig::Sqlite(_)));
}
