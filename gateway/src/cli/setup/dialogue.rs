//! The questions of a set-up, one after the other; what a flag says is not asked.

use std::path::Path;

use anyhow::Result;

use super::answers::{Answers, Backend, METHODS, account, existing_file, existing_folder, method};
use crate::cli::person::{Person, ask, ask_whether, ask_which};

/// What is known without asking.
pub(super) struct Known<'a> {
    /// The entries of Snowflake's own connections.toml.
    pub(super) connections: &'a [String],
    pub(super) home: Option<&'a Path>,
    /// The folder that SQLite files are in by default.
    pub(super) sqlite_folder: &'a Path,
    /// Whether flags say these.
    pub(super) has_backend: bool,
    pub(super) has_write: bool,
    pub(super) has_profile: bool,
}

/// Asks for what `answers` does not have.
pub(super) fn complete(person: &mut dyn Person, mut answers: Answers, known: &Known<'_>) -> Result<Answers> {
    person.tell("Empty answers take what is in brackets. Ctrl-C ends the set-up; nothing is written before the end.\n")?;
    if !known.has_backend {
        let choices = [("Snowflake", "an account"), ("SQLite", "a folder of database files")];
        let which = ask_which(person, "Where is your data?", &choices)?;
        answers.backend = if which == 0 { Backend::Snowflake } else { Backend::Sqlite };
    }
    match answers.backend {
        Backend::Sqlite => ask_folder(person, &mut answers, known)?,
        Backend::Snowflake => {
            ask_connection(person, &mut answers, known)?;
            if answers.connection.is_none() {
                ask_account(person, &mut answers)?;
                ask_method(person, &mut answers, known)?;
            }
            ask_names(person, &mut answers)?;
        }
    }
    if !known.has_write {
        answers.may_write = ask_whether(person, "May clients change data?", false)?;
    }
    if !known.has_profile {
        let question = "Name of the profile, which holds what clients may do (`default`: for every client)";
        answers.profile = ask(person, question, Some("default"), check_profile)?;
    }
    Ok(answers)
}

/// Whether a profile can have this name.
pub(super) fn check_profile(name: &str) -> Result<String, String> {
    let name = name.trim();
    let is_fine = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
    if is_fine { Ok(name.to_owned()) } else { Err("a name has 1 to 255 characters".to_owned()) }
}

fn ask_folder(person: &mut dyn Person, answers: &mut Answers, known: &Known<'_>) -> Result<()> {
    if answers.folder.is_some() {
        return Ok(());
    }
    let question = format!("Folder of the database files (empty: {})", known.sqlite_folder.display());
    answers.folder = ask(person, &question, None, |text| match text {
        "" => Ok(None),
        text => existing_folder(text, known.home).map(Some),
    })?;
    Ok(())
}

fn ask_connection(person: &mut dyn Person, answers: &mut Answers, known: &Known<'_>) -> Result<()> {
    if answers.connection.is_some() || answers.account.is_some() || known.connections.is_empty() {
        return Ok(());
    }
    let names = known.connections.join(", ");
    let question =
        format!("Snowflake's connections.toml has: {names}. Which one is to be used? (empty: none)");
    answers.connection = ask(person, &question, None, |text| match text {
        "" => Ok(None),
        name if known.connections.iter().any(|known| known == name) => Ok(Some(name.to_owned())),
        _ => Err(format!("it has no such entry: {names}")),
    })?;
    Ok(())
}

fn ask_account(person: &mut dyn Person, answers: &mut Answers) -> Result<()> {
    if answers.account.is_none() {
        let question =
            "Account (organization-account, a locator with its region, or the address of Snowsight)";
        let found = ask(person, question, None, account)?;
        person.tell(&format!("  account: {found}"))?;
        answers.account = Some(found);
    }
    Ok(())
}

fn ask_method(person: &mut dyn Person, answers: &mut Answers, known: &Known<'_>) -> Result<()> {
    if answers.authenticator.is_none() && answers.private_key_file.is_none() {
        let choices: Vec<_> = METHODS.iter().map(|method| (method.word, method.title)).collect();
        let which = ask_which(person, "How do you log in?", &choices)?;
        answers.authenticator = METHODS.get(which).map(|method| method.word.to_owned());
    }
    let word = answers.authenticator.clone().unwrap_or_default();
    if answers.user.is_none() {
        let is_named = word == "programmatic_access_token";
        let question = if is_named { "User (empty: the token says it)" } else { "User" };
        answers.user = ask(person, question, None, |text| match text {
            "" if is_named => Ok(None),
            "" => Err("this way to log in needs the user's name".to_owned()),
            text => Ok(Some(text.to_owned())),
        })?;
    }
    if word == "snowflake_jwt" && answers.private_key_file.is_none() {
        let question = "File of the private key (PEM or DER, PKCS#8)";
        answers.private_key_file = Some(ask(person, question, None, |text| existing_file(text, known.home))?);
    }
    if word == "programmatic_access_token" && answers.token_file.is_none() {
        let question = "File of the token (empty: the variable SNOWFLAKE_TOKEN)";
        answers.token_file = ask(person, question, None, |text| match text {
            "" => Ok(None),
            text => existing_file(text, known.home).map(Some),
        })?;
    }
    if let Some(method) = method(&word) {
        person.tell(&format!("  {}", method.secret))?;
    }
    Ok(())
}

fn ask_names(person: &mut dyn Person, answers: &mut Answers) -> Result<()> {
    let optional = |text: &str| match text {
        "" => Ok(None),
        text if text.len() > 255 => Err("a name has at most 255 characters".to_owned()),
        text => Ok(Some(text.to_owned())),
    };
    for (slot, what) in [
        (&mut answers.role, "Role"),
        (&mut answers.warehouse, "Warehouse"),
        (&mut answers.database, "Database"),
    ] {
        if slot.is_none() {
            *slot = ask(person, &format!("{what} (empty: the user's default)"), None, optional)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::person::script::Scripted;

    fn asked(answers: &[&'static str], connections: &[&str]) -> (Result<Answers>, String) {
        let connections: Vec<String> = connections.iter().map(|&name| name.to_owned()).collect();
        let known = Known {
            connections: &connections,
            home: None,
            sqlite_folder: Path::new("/data/databases"),
            has_backend: false,
            has_write: false,
            has_profile: false,
        };
        let nothing = Answers {
            account: None,
            user: None,
            authenticator: None,
            warehouse: None,
            database: None,
            ..super::super::answers::of_test()
        };
        let mut person = Scripted::new(answers);
        (complete(&mut person, nothing, &known), person.said)
    }

    #[test]
    fn a_browser_needs_account_and_user() {
        let answers = ["", "https://app.snowflake.com/myorg/myacct", "", "ADA", "", "WH", "SALES", "", ""];
        let (done, said) = asked(&answers, &[]);
        let done = done.unwrap();
        assert_eq!(done.account.as_deref(), Some("myorg-myacct"));
        assert_eq!(done.authenticator.as_deref(), Some("externalbrowser"));
        assert_eq!((done.role, done.warehouse.as_deref(), done.may_write), (None, Some("WH"), false));
        assert!(
            said.contains("account: myorg-myacct") && said.contains("nothing is written before the end"),
            "{said}"
        );
    }

    #[test]
    fn an_answer_that_cannot_be_right_is_asked_again() {
        const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let answers =
            ["1", "two words", "org-acct", "2", "", "ADA", "/no/such/key", FILE, "", "", "", "n", ""];
        let (done, said) = asked(&answers, &[]);
        let done = done.unwrap();
        // On Windows with the separators of that system.
        assert_eq!(done.private_key_file, Some(std::path::absolute(FILE).unwrap()));
        for hint in ["organization-account", "needs the user's name", "there is no file /no/such/key"] {
            assert!(said.contains(hint), "{hint}: {said}");
        }
    }

    #[test]
    fn an_entry_of_snowflakes_own_file_answers_most() {
        let (done, said) = asked(&["1", "other", "work", "", "", "", "", ""], &["dev", "work"]);
        let done = done.unwrap();
        assert_eq!((done.connection.as_deref(), done.account), (Some("work"), None));
        assert!(said.contains("it has no such entry"), "{said}");
    }

    #[test]
    fn who_goes_away_gets_no_set_up() {
        for count in 0..8 {
            let answers = ["", "org-acct", "", "ADA", "", "WH", "SALES", ""];
            assert!(asked(&answers[..count], &[]).0.is_err(), "{count}");
        }
    }
}
