//! The backend that follows from the sections, and what `config check` warns of.

use std::path::Path;

use super::*;

const ACCOUNT: &str = "[snowflake]\naccount = 'org-a'\nuser = 'u'\nprivate_key_file = 'key.p8'\n";

impl Home {
    fn with_other_file(self, name: &str, mode: u32) -> Self {
        let file = self.dir.path().join(name);
        std::fs::write(&file, "").unwrap();
        crate::os::set_mode_at(&file, mode).unwrap();
        self
    }

    fn kind(&self) -> BackendKind {
        self.load().unwrap_or_else(|errors| panic!("{errors}")).backend
    }
}

#[test]
fn the_backend_follows_from_the_one_section_that_is_set() {
    assert_eq!(Home::with_file(ACCOUNT).kind(), BackendKind::Snowflake);
    assert_eq!(Home::with_file("[sqlite]\nbusy_timeout_ms = 1\n").kind(), BackendKind::Sqlite);
    assert_eq!(Home::with_file("[sqlite.databases]\nA = 'a.db'\n").kind(), BackendKind::Sqlite);
    // Tables without a key, as in the example, choose nothing if there are both.
    assert_eq!(Home::with_file("[sqlite]\n[snowflake]\n").kind(), BackendKind::Sqlite);
    assert_eq!(Home::with_file(&format!("[sqlite]\n{ACCOUNT}")).kind(), BackendKind::Snowflake);
    assert!(Home::with_file("[snowflake]\n").errors()[0].contains("snowflake.account: is not set"));
    let config = Home::with_file(ACCOUNT).load().unwrap();
    assert_eq!(config.origins.origin("backend.kind"), Some(&Origin::File { line: 1, column: 2 }));
}

#[test]
fn both_backends_and_no_choice_is_an_error_that_says_to_choose() {
    let home = Home::with_file(&format!("[sqlite]\nread_only = true\n{ACCOUNT}"));
    assert_eq!(
        home.errors(),
        [
            "config.toml: backend.kind: is not set, but both backends are: [sqlite] (config.toml:1:2) and [snowflake] \
             (config.toml:3:2)\n  hint: choose one: write `kind = \"sqlite\"` or `kind = \"snowflake\"` under [backend]"
        ]
    );
    let home = Home::with_file("[sqlite]\nbusy_timeout_ms = 1\n").with_variable("SNOWFLAKE_ACCOUNT", "org-a");
    // One client's variable does not stop what a file says for all.
    assert_eq!(home.kind(), BackendKind::Sqlite);
    assert!(home.warnings()[0].starts_with("SNOWFLAKE_ACCOUNT: is not used: the backend is sqlite"));
    for kind in ["sqlite", "snowflake"] {
        let text = format!("backend.kind = '{kind}'\n[sqlite]\nread_only = true\n{ACCOUNT}");
        assert_eq!(Home::with_file(&text).kind().connection(), kind);
    }
}

#[test]
fn what_protects_in_the_systems_file_chooses_no_backend() {
    let system = "[sqlite]\nread_only = true\n[snowflake]\nread_only = true\ntoken_cache = false\n";
    assert_eq!(Home::empty().with_system_file(system).kind(), BackendKind::Sqlite);
    let home = Home::with_file(ACCOUNT).with_system_file(system).with_other_file("key.p8", 0o600);
    assert_eq!((home.kind(), home.warnings()), (BackendKind::Snowflake, Vec::new()));
    assert_eq!(Home::empty().with_system_file(ACCOUNT).kind(), BackendKind::Snowflake);
}

#[test]
fn a_section_or_variable_that_is_not_used_is_a_warning_with_the_backend_in_use() {
    let home = Home::with_file(&format!("backend.kind = 'sqlite'\n{ACCOUNT}"))
        .with_variable("SNOWFLAKE_ACCOUNT", "org-b");
    let warnings = home.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    let unused = "the section [snowflake] is not used: the backend is sqlite (because of config.toml:1:16); to use it, \
                  write `kind = \"snowflake\"` under [backend]";
    assert_eq!(warnings[0], format!("config.toml:2:2: {unused}"));
    assert!(
        warnings[1].starts_with("SNOWFLAKE_ACCOUNT: is not used: the backend is sqlite"),
        "{warnings:#?}"
    );
}

#[test]
fn a_missing_file_or_folder_is_a_warning_with_the_way_to_mend_it() {
    let text = "[sqlite]\nfolder = 'dbs'\n[sqlite.databases]\nA = 'a.db'\n";
    let warnings = Home::with_file(text).warnings();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    // Of this system, in its language.
    let no_file = std::io::Error::from_raw_os_error(2).to_string();
    let starts_with = |text: &str, start: &str| text.starts_with(&format!("{start}: {no_file}"));
    assert!(starts_with(&warnings[0], "config.toml:2:10: sqlite.folder: dbs"), "{warnings:#?}");
    let command = crate::os::System::OWN.command_to_make(Path::new("dbs"));
    assert!(warnings[0].contains(&format!("create it ({command})")), "{warnings:#?}");
    assert!(starts_with(&warnings[1], "config.toml:4:5: sqlite.databases.A: a.db"), "{warnings:#?}");
    let warnings = Home::with_file(ACCOUNT).warnings();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(starts_with(&warnings[0], "config.toml:4:20: snowflake.private_key_file: key.p8"));
    // The default folder is created, and the other backend's files are not needed.
    assert!(Home::empty().warnings().is_empty());
    let home = Home::with_file("backend.kind = 'sqlite'\n[snowflake]\ntoken_file_path = '/nothing'\n");
    assert_eq!(home.warnings().len(), 1, "{:#?}", home.warnings());
}

#[test]
fn a_variable_in_a_path_is_named_with_what_to_write_instead() {
    for written in ["$HOME/dbs", "${HOME}/dbs", "%USERPROFILE%/dbs"] {
        let warnings = Home::with_file(&format!("[sqlite]\nfolder = '{written}'\n")).warnings();
        let expected = format!("variables are not expanded in {written:?}: write `folder = \"~/dbs\"`");
        assert!(warnings[0].ends_with(&expected), "{warnings:#?}");
    }
    let text = ACCOUNT.replace("key.p8", "$KEYS/key.p8");
    let warnings = Home::with_file(&text).warnings();
    assert!(warnings[0].ends_with("in \"$KEYS/key.p8\": write the whole path"), "{warnings:#?}");
    // In a variable it is an error, because the path is not absolute.
    let errors = Home::empty().with_variable("SNOWGATE_SQLITE_FOLDER", "$HOME/dbs").errors();
    assert!(errors[0].contains("got \"$HOME/dbs\"") && errors[0].contains("write \"~/dbs\""), "{errors:?}");
}

#[test]
fn a_secret_that_others_can_read_is_a_warning() {
    let home = |mode| Home::with_file(ACCOUNT).with_other_file("key.p8", mode);
    assert_eq!(home(0o600).warnings(), Vec::<String>::new());
    let open = home(0o644);
    let others = crate::os::FileAccess::at(&open.dir.path().join("key.p8")).unwrap().others;
    let command = crate::os::command_to_forbid_others(Path::new("key.p8"));
    assert!(cfg!(windows) || (&*others, &*command) == ("mode 644", "run: chmod 0600 key.p8"));
    assert_eq!(
        open.warnings(),
        [format!(
            "config.toml:4:20: snowflake.private_key_file: key.p8 holds a secret and is open to other users ({others}); {command}"
        )]
    );
}

#[test]
fn an_unknown_profile_in_the_environment_is_a_warning() {
    let home = Home::with_file("[profiles.analyst]\n").with_variable("SNOWGATE_PROFILE", "analist");
    assert_eq!(
        home.warnings(),
        ["SNOWGATE_PROFILE: no profile `analist` in the configuration; did you mean `analyst`?"]
    );
}

#[test]
fn a_folder_in_place_of_a_database_is_a_warning_and_the_other_way_round() {
    let home = Home::with_file("[sqlite]\nfolder = 'x.db'\n[sqlite.databases]\nA = 'dbs'\n")
        .with_other_file("x.db", 0o600);
    std::fs::create_dir(home.dir.path().join("dbs")).unwrap();
    let warnings = home.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert!(warnings[0].starts_with("config.toml:2:10: sqlite.folder: x.db is a file, not a folder"));
    assert!(warnings[0].ends_with("write `\"x\" = \"x.db\"` under [sqlite.databases]"), "{warnings:#?}");
    assert!(
        warnings[1].starts_with("config.toml:4:5: sqlite.databases.A: dbs is a folder, not a database file")
    );
    assert!(warnings[1].ends_with("write `folder = \"dbs\"` under [sqlite]"), "{warnings:#?}");
}

#[test]
fn the_next_step_names_the_variables_of_the_client() {
    let next_step = |home: &Home| home.load().unwrap_err().next_step();
    let wrong = "[gateway]\nsessions_max = 0\n";
    assert_eq!(next_step(&Home::with_file(wrong)), "run `snowgate config check`");
    let home = Home::with_file(wrong).with_variable("SNOWGATE_HOME", "/my home");
    assert_eq!(next_step(&home), "run `snowgate config check` with SNOWGATE_HOME='/my home'");
    let home = Home::empty()
        .with_variable("SNOWFLAKE_ACCOUNT", "org-a")
        .with_variable("SNOWFLAKE_PASSWORD", "hidden")
        .with_variable("SNOWGATE_LOG", "info");
    assert_eq!(
        next_step(&home),
        "these variables come from the client that started the gateway: SNOWFLAKE_ACCOUNT, SNOWFLAKE_PASSWORD, \
         SNOWGATE_LOG; correct them in that client's configuration, or run `snowgate config check` with the same \
         variables: SNOWFLAKE_ACCOUNT=... SNOWFLAKE_PASSWORD=... SNOWGATE_LOG=... snowgate config check"
    );
}

#[test]
fn a_profile_that_begins_where_it_may_not_be_is_a_warning() {
    let warnings = |lines: &str| Home::with_file(&format!("[profiles.p]\n{lines}")).warnings();
    for fine in [
        "database = 'SHOP'",
        "database = 'SHOP'\nallowed_databases = ['shop']",
        "database = 'SHOP'\nallowed_databases = ['S*']",
        "database = 'SHOP'\nallowed_tables = ['SHOP.ORDERS']",
    ] {
        assert_eq!(warnings(fine), Vec::<String>::new(), "{fine}");
    }
    assert_eq!(
        warnings("database = 'SHOP'\nallowed_databases = ['SALES']"),
        [
            "config.toml:2:12: profiles.p.database: sessions begin in SHOP, which this profile may not use: `allowed_databases` does \
          not have it"
        ]
    );
    let denied = warnings("database = 'SHOP'\ndenied_databases = ['SH*']");
    assert!(denied[0].ends_with("`denied_databases` has SH*"), "{denied:?}");
}

#[test]
fn a_table_s_pattern_with_a_database_for_a_schema_is_a_warning_on_snowflake() {
    let home = |lines: &str, account: &str| {
        Home::with_file(&format!("{account}[profiles.p]\n{lines}")).with_other_file("key.p8", 0o600)
    };
    let lines = "database = 'SALES'\ndenied_tables = ['SALES.CUSTOMERS', 'PUBLIC.X', 'SALES.HR.Y', 'Z']";
    let warnings = home(lines, ACCOUNT).warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("profiles.p.denied_tables")
            && warnings[0].contains("write \"SALES.*.CUSTOMERS\""),
        "{warnings:?}"
    );
    let of_sqlite = "database = 'SALES'\ndenied_tables = ['SALES.CUSTOMERS', 'Z']";
    assert_eq!(home(of_sqlite, "").warnings(), Vec::<String>::new(), "SQLite has one schema");
}
