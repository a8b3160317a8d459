//! Which profile whom, over configurations as users write them.

use std::collections::BTreeMap;

use super::*;
use crate::config::{Config, Paths};

const NOBODY: Who<'static> = Who { client: ClientName::Unnamed, parent: None, folder: None, key: None };

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn load(&self, system: Option<&str>, user: &str) -> Config {
        let mut paths = Paths::below(self.0.path());
        paths.home_dir = Some("/home/ada".into());
        std::fs::write(&paths.config_file, user).unwrap();
        if let Some(system) = system {
            let file = self.0.path().join("system.toml");
            std::fs::write(&file, system).unwrap();
            paths = paths.with_system_file(Some(file));
        }
        Config::load(&paths, &BTreeMap::new()).unwrap_or_else(|errors| panic!("{errors}"))
    }
}

fn config(user: &str) -> Config {
    Home::new().load(None, user)
}

fn chosen(config: &Config, who: Who<'_>) -> String {
    match choose(config, who, None).unwrap() {
        Decision::Made(choice) => choice.profile,
        Decision::Open(choice) => format!("{}, open", choice.profile),
    }
}

fn named(name: &str) -> Who<'_> {
    Who { client: ClientName::Named(name), ..NOBODY }
}

const THREE: &str = "\
[profiles.zeta]
match = [{ client = 'Claude*', folder = '~/etl/**' }, { parent = 'dbt' }]
[profiles.alpha]
match = { client = 'claude*' }
[profiles.mid]
match = [{ parent = '*/bin/code*' }, { key = '*' }, { folder = '/srv/*' }]
";

#[test]
fn the_first_in_the_order_of_the_lines_is_the_one() {
    let config = config(THREE);
    assert_eq!(config.profile_order, ["zeta", "alpha", "mid", "default"]);
    let claude = named("claude-code");
    assert_eq!(chosen(&config, claude), "alpha");
    assert_eq!(chosen(&config, Who { folder: Some("/home/ada/etl"), ..claude }), "zeta");
    assert_eq!(chosen(&config, Who { folder: Some("/home/ada/etl/x/y"), ..claude }), "zeta");
    assert_eq!(chosen(&config, Who { folder: Some("/srv/x"), ..claude }), "alpha");
    assert_eq!(chosen(&config, Who { folder: Some("/srv/x"), ..NOBODY }), "mid");
    assert_eq!(chosen(&config, Who { folder: Some("/srv/x/y"), ..NOBODY }), "default");
    assert_eq!(chosen(&config, Who { parent: Some("/usr/bin/dbt"), ..NOBODY }), "zeta");
    assert_eq!(chosen(&config, Who { parent: Some("/usr/bin/dbt2"), ..NOBODY }), "default");
    assert_eq!(chosen(&config, Who { parent: Some("/opt/x/bin/code-insiders"), ..NOBODY }), "mid");
    assert_eq!(chosen(&config, Who { key: Some("k"), ..NOBODY }), "mid");
    assert_eq!(chosen(&config, NOBODY), "default");
}

#[test]
fn it_is_open_only_where_the_clients_name_decides() {
    let config = config(THREE);
    let early = Who { client: ClientName::NotYet, ..NOBODY };
    assert_eq!(chosen(&config, early), "default, open");
    assert_eq!(chosen(&config, Who { parent: Some("dbt"), ..early }), "zeta");
    assert_eq!(chosen(&config, Who { folder: Some("/srv/x"), ..early }), "mid, open");
    let any = "[profiles.a]\nmatch = { client = '*' }\n";
    assert_eq!(chosen(&Home::new().load(None, any), early), "a");
    let none = "[profiles.a]\nrole = 'R'\n";
    assert_eq!(chosen(&Home::new().load(None, none), early), "default");
}

#[test]
fn the_reasons_name_pattern_line_and_what_did_not_fit() {
    let config = config(THREE);
    let Decision::Made(choice) = choose(&config, named("claude"), None).unwrap() else { panic!() };
    assert_eq!(choice.why, "client = \"claude*\" fits (line 4 of the config file)");
    let expected = "folder = \"/home/ada/etl/**\", and none is known; parent = \"dbt\", and none is known";
    assert_eq!(choice.passed, [("zeta".to_owned(), expected.to_owned())]);
    let Decision::Made(choice) = choose(&config, named("x"), None).unwrap() else { panic!() };
    assert_eq!((choice.profile.as_str(), choice.passed.len()), ("default", 3));
    assert_eq!(choice.why, "the `match` of no profile fits");
    assert!(choice.passed[1].1.contains("does not fit \"x\""), "{choice:?}");
}

#[test]
fn a_name_that_is_asked_for_counts_more_than_any_match() {
    let config = config(THREE);
    let Decision::Made(choice) = choose(&config, named("claude"), Some("mid")).unwrap() else { panic!() };
    assert_eq!((choice.profile.as_str(), choice.why.as_str()), ("mid", "asked for by name"));
    let error = choose(&config, NOBODY, Some("midd")).unwrap_err();
    assert!(error.to_string().contains("did you mean `mid`?"), "{error}");
}

#[test]
fn the_systems_profiles_come_first_and_no_name_of_a_users_file_leads_around_them() {
    let system = "[profiles.strict]\nmatch = { client = 'c*' }\n[profiles.other]\nrole = 'O'\n";
    let user = "[profiles.wide]\nmatch = { client = '*' }\n[profiles.strict]\nmatch = { client = 'x' }\n";
    let home = Home::new();
    let config = home.load(Some(system), user);
    assert_eq!(config.profile_order, ["strict", "other", "wide", "default"]);
    assert_eq!(chosen(&config, named("claude")), "strict");
    assert_eq!(chosen(&config, named("x")), "wide");
    let asked = |name, who| choose(&config, who, Some(name));
    let error = asked("wide", named("claude")).unwrap_err().to_string();
    assert!(error.contains("`strict` is this client's") && error.contains("system.toml"), "{error}");
    assert!(asked("default", named("claude")).is_err());
    assert!(matches!(asked("other", named("claude")), Ok(Decision::Made(_))));
    assert!(matches!(asked("wide", named("x")), Ok(Decision::Made(_))));
    let early = Who { client: ClientName::NotYet, ..NOBODY };
    assert!(matches!(asked("wide", early), Ok(Decision::Open(choice)) if choice.profile == "wide"));
}

#[test]
fn the_example_gives_a_writer_an_analyst_and_a_reader() {
    // Tests run in the package's folder.
    let config = config(&std::fs::read_to_string("../examples/profiles.toml").unwrap());
    let profiles = crate::session::Profiles::of(&config);
    for (who, profile, writes) in [
        (Who { folder: Some("/home/ada/etl/nightly"), ..named("claude-code") }, "writer", true),
        (Who { folder: Some("/home/ada"), ..named("claude-code") }, "analyst", false),
        (named("cursor-vscode"), "analyst", false),
        (NOBODY, "default", false),
    ] {
        assert_eq!(chosen(&config, who), profile);
        assert_eq!(profiles.find(&config, profile).unwrap().may_change(), writes, "{profile}");
    }
}

#[test]
fn the_policy_has_every_key_of_a_profile_but_its_match() {
    let config = config("[profiles.p]\nrows_max = 7\nstatements = ['read', 'write']\n");
    let profile = crate::session::Profiles::of(&config).find(&config, "p").unwrap();
    let values = policy(&config, &profile, config.profile("p").unwrap());
    let shown = config.to_json();
    for key in shown["profile_defaults"].as_object().unwrap().keys().filter(|key| *key != "match") {
        assert_eq!(values.iter().filter(|value| value.key == key).count(), 1, "{key}");
    }
    let origin = |key: &str| values.iter().find(|value| value.key == key).unwrap().origin.as_str();
    assert_eq!(origin("rows_max"), "line 2 of the config file");
    assert_eq!(origin("statements"), "line 3 of the config file, narrowed by sqlite.read_only: default");
    assert_eq!(origin("isolation"), "default");
    assert_eq!(origin("bytes_max"), "limits.bytes_max: default");
}
