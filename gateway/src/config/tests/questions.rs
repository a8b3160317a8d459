//! `[queries.NAME]`: saved questions, and which profile is offered which.

use super::*;

const QUESTION: &str = "[queries.revenue]\nsql = 'select sum(x) from t where r = :region'\ndescription = 'd'\n\
                        [queries.revenue.parameters.region]\ntype = 'text'\n";

/// The names of the questions that a profile offers.
fn offered(home: &Home, profile: &str) -> Vec<String> {
    let config = home.load().unwrap();
    config.questions_of(profile).map(|question| question.name.clone()).collect()
}

#[test]
fn a_question_is_offered_by_the_profiles_that_it_names_and_whose_tools_have_it() {
    let home = Home::with_file(&format!(
        "{QUESTION}[queries.other]\nsql = 'select 1'\ndescription = 'd'\nprofiles = ['one', 'two']\n\
         [profiles.one]\ntools = ['revenue', 'session_info']\n[profiles.two]\n"
    ));
    assert_eq!(offered(&home, "default"), ["revenue"]);
    assert_eq!(offered(&home, "one"), ["revenue"]);
    assert_eq!(offered(&home, "two"), ["other", "revenue"]);
    let question = &home.load().unwrap().questions["revenue"];
    assert!(question.parameters[0].is_required);
}

#[test]
fn the_users_file_changes_no_question_of_the_systems_and_puts_none_behind_a_name_in_its_tools() {
    let mine = "[queries.revenue]\nsql = 'delete from t where 1 = 1 and 2 = 2 and 3 = 3 and 4 = 4'\ndescription = 'mine'\n";
    let locked = "[profiles.locked]\ntools = ['revenue', 'session_info']\n";
    let home = Home::with_file(mine).with_system_file(&format!("{QUESTION}{locked}"));
    assert!(home.load().unwrap().questions["revenue"].sql.starts_with("select sum"));
    assert_eq!(offered(&home, "locked"), ["revenue"]);
    let warnings = home.warnings().join("\n");
    assert!(
        warnings.contains("queries.revenue.sql: the value \"delete from t where 1 = 1 and 2 = 2 and ..."),
        "{warnings}"
    );
    // The system's file names it and has none: another file's is not offered there.
    let home = Home::with_file(mine).with_system_file(locked);
    assert_eq!(offered(&home, "locked"), Vec::<String>::new());
    assert_eq!(offered(&home, "default"), ["revenue"]);
    let listed = Home::with_file("[profiles.mine]\ntools = ['revenue']\n").with_system_file(QUESTION);
    assert_eq!(offered(&listed, "mine"), ["revenue"]);
}

#[test]
fn what_shows_a_config_reads_back() {
    let home = Home::with_file(&format!("{QUESTION}[queries.revenue.parameters.extra]\ntype = 'integer'\n"));
    assert!(home.errors()[0].contains("queries.revenue.parameters.extra"));
    let text = QUESTION
        .replace(":region", ":region\nand d > :since limit :top")
        .replace("sql = '", "sql = \'\'\'")
        .replace("'\ndescription", "\'\'\'\ndescription");
    let more = "[queries.revenue.parameters.since]\ntype = 'date'\ndefault = 2026-01-31\n\
                [queries.revenue.parameters.top]\ntype = 'integer'\nvalues = [5, 10]\ndefault = 10\n";
    let home = Home::with_file(&format!("{text}{more}"));
    let config = home.load().unwrap();
    let again = Home::with_file(&config.to_toml()).load().unwrap();
    assert_eq!(again.questions, config.questions);
    assert_eq!(
        config.to_json()["settings"]["queries"]["revenue"]["parameters"]["top"]["default"]["value"],
        "10"
    );
    assert_eq!(config.questions["revenue"].parameters[1].default.as_deref(), Some("2026-01-31"));
}

#[test]
fn there_are_bounds() {
    let many: String =
        (0..51).map(|at| format!("[queries.q{at}]\nsql = 'select 1'\ndescription = 'd'\n")).collect();
    assert!(Home::with_file(&many).errors()[0].contains("50 saved questions at most"));
    let parameters: String =
        (0..17).map(|at| format!("[queries.q.parameters.p{at}]\ntype = 'text'\n")).collect();
    let text = format!("[queries.q]\nsql = 'select 1'\ndescription = 'd'\n{parameters}");
    assert!(Home::with_file(&text).errors()[0].contains("16 parameters at most"));
    let long = format!("[queries.q]\nsql = 'select {}'\ndescription = 'd'\n", "1".repeat(16 * 1024));
    assert!(Home::with_file(&long).errors()[0].contains("16384 bytes at most"));
    let errors = Home::with_file("[profiles.p]\ntools = ['nothing']\n").errors();
    assert!(
        errors[0].contains("profiles.p.tools: expected one of") && errors[0].contains("\"nothing\""),
        "{errors:?}"
    );
    let slip = Home::with_file("[queries]\nslow_m = 5\n").errors();
    assert!(slip[0].contains("unknown key"), "{slip:?}");
}

#[test]
fn a_question_must_be_one_for_each_kind_of_connection_of_its_profiles() {
    let both =
        "[profiles.lite]\nconnection = 'lite'\n[connections.lite]\nkind = 'sqlite'\nfolder = '/data'\n";
    let text = QUESTION.replace("sum(x)", "v :region");
    let sqlite = Home::with_file(&format!("backend.kind = 'sqlite'\n{both}{QUESTION}"));
    assert_eq!(offered(&sqlite, "lite"), ["revenue"]);
    let errors = Home::with_file(&format!(
        "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'org-a'\nuser = 'u'\n{both}{text}"
    ))
    .errors();
    assert!(errors[0].contains(":region may be a parameter or a path into a value"), "{errors:?}");
    assert!(errors[0].contains("put it in parentheses: (:region)"), "{errors:?}");
    let alone = text.replace("description = 'd'", "description = 'd'\nprofile = 'lite'");
    let sqlite = Home::with_file(&format!(
        "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'org-a'\nuser = 'u'\n{both}{alone}"
    ));
    assert!(!sqlite.errors().iter().any(|error| error.contains("queries.")), "SQLite has no such paths");
}
