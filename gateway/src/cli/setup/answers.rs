//! What a set-up consists of, and which settings follow from it. Pure.

use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use crate::config::{IS_SECRET, PROFILE_DEFAULT, account_identifier, is_never_a_path, seems_to_be_a_secret};

/// How to log in: the ways that a set-up offers. Others are set in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// As `authenticator` has it.
    pub(super) word: &'static str,
    /// As a person is asked.
    pub(super) title: &'static str,
    /// Where its secret comes from.
    pub(super) secret: &'static str,
}

/// All of them, the one that needs no secret first.
pub(super) const METHODS: &[Method] = &[
    Method {
        word: "externalbrowser",
        title: "a browser (single sign-on); once for all clients",
        secret: "nothing is stored in the config: the browser logs in, and the account may let that be remembered",
    },
    Method {
        word: "snowflake_jwt",
        title: "a key pair: a private key in a file",
        secret: "the key stays in its file; if it is encrypted, its passphrase is read from SNOWFLAKE_PRIVATE_KEY_PASSPHRASE where \
                 the gateway starts, or, for all clients, from `private_key_passphrase` in Snowflake's connections.toml",
    },
    Method {
        word: "programmatic_access_token",
        title: "a programmatic access token (PAT)",
        secret: "the token is read from the file that `token_file_path` names, or from SNOWFLAKE_TOKEN where the gateway starts",
    },
    Method {
        word: "username_password_mfa",
        title: "a password and a second factor (phone, or a code of an app)",
        secret: "the password is read from SNOWFLAKE_PASSWORD where the gateway starts, or from Snowflake's connections.toml; \
                 with neither, `snowgate login` asks for it, and the gateway keeps it in memory only",
    },
    Method {
        word: "snowflake",
        title: "a password alone",
        secret: "the password is read from SNOWFLAKE_PASSWORD where the gateway starts, or from Snowflake's connections.toml; \
                 with neither, `snowgate login` asks for it, and the gateway keeps it in memory only",
    },
];

/// The method that `word` names; others than ours are taken as they are written.
pub(super) fn method(word: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.word == word)
}

/// Which backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Backend {
    /// A Snowflake account.
    Snowflake,
    /// A folder of SQLite files.
    Sqlite,
}

/// What the person wants. Empty texts are not there: they are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) backend: Backend,
    /// Of SQLite; `None`: the default folder.
    pub(super) folder: Option<PathBuf>,
    /// An entry of Snowflake's own connections.toml.
    pub(super) connection: Option<String>,
    pub(super) account: Option<String>,
    pub(super) user: Option<String>,
    pub(super) authenticator: Option<String>,
    pub(super) private_key_file: Option<PathBuf>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) role: Option<String>,
    pub(super) warehouse: Option<String>,
    pub(super) database: Option<String>,
    pub(super) may_write: bool,
    pub(super) profile: String,
}

/// A value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Boolean(bool),
    Texts(&'static [&'static str]),
    /// A table that is to be there, also without a key.
    Table,
}

/// A setting that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// The tables above it: `["profiles", "default"]`.
    pub(super) tables: Vec<String>,
    pub(super) key: String,
    pub(super) value: Value,
}

/// What a profile for reading allows.
const READING: &[&str] = &["read", "context"];

impl Answers {
    /// The settings, in the order in which they are written.
    pub(super) fn settings(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        let mut set = |tables: &[&str], key: &str, value| {
            let tables = tables.iter().map(|&table| table.to_owned()).collect();
            settings.push(Setting { tables, key: key.to_owned(), value });
        };
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        match self.backend {
            Backend::Sqlite => {
                set(&["backend"], "kind", Value::Text("sqlite".to_owned()));
                if let Some(folder) = path(&self.folder) {
                    set(&["sqlite"], "folder", Value::Text(folder));
                }
                set(&["sqlite"], "read_only", Value::Boolean(!self.may_write));
            }
            Backend::Snowflake => {
                set(&["backend"], "kind", Value::Text("snowflake".to_owned()));
                for (key, value) in [
                    ("connection", self.connection.clone()),
                    ("account", self.account.clone()),
                    ("user", self.user.clone()),
                    ("authenticator", self.authenticator.clone()),
                    ("private_key_file", path(&self.private_key_file)),
                    ("token_file_path", path(&self.token_file)),
                    ("role", self.role.clone()),
                    ("warehouse", self.warehouse.clone()),
                ] {
                    if let Some(value) = value {
                        set(&["snowflake"], key, Value::Text(value));
                    }
                }
                set(&["snowflake"], "read_only", Value::Boolean(!self.may_write));
            }
        }
        let profile = ["profiles", self.profile.as_str()];
        if let Some(database) = &self.database {
            set(&profile, "database", Value::Text(database.clone()));
        }
        if !self.may_write {
            set(&profile, "statements", Value::Texts(READING));
        } else if self.profile != PROFILE_DEFAULT {
            // Clients ask for it by its name.
            set(&["profiles"], &self.profile, Value::Table);
        }
        settings
    }

    /// Where the secret of the log-in comes from.
    pub(super) fn secret_note(&self) -> Option<&'static str> {
        let word = self.authenticator.as_deref();
        let word = word.or(self.private_key_file.as_ref().map(|_| "snowflake_jwt"))?;
        method(word).map(|method| method.secret)
    }

    /// The flags that are missing to log in to an account.
    pub(super) fn missing_flags(&self) -> Vec<&'static str> {
        if self.backend == Backend::Sqlite || self.connection.is_some() {
            return Vec::new();
        }
        let method = self.authenticator.as_deref();
        let has_method = method.is_some() || self.private_key_file.is_some();
        let names_user = matches!(method, Some("programmatic_access_token" | "oauth" | "workload_identity"));
        let needs_key = method == Some("snowflake_jwt") && self.private_key_file.is_none();
        [
            (self.account.is_none(), "--account (or --connection)"),
            (!has_method, "--authenticator"),
            (self.user.is_none() && !names_user, "--user"),
            (needs_key, "--private-key-file"),
        ]
        .into_iter()
        .filter_map(|(is_missing, flag)| is_missing.then_some(flag))
        .collect()
    }
}

/// The account as it is written down.
///
/// # Errors
/// It is none, and how one looks.
pub(super) fn account(text: &str) -> Result<String, String> {
    account_identifier(text).map_err(|error| {
        format!("{error}; write it as organization-account, or paste the address of Snowsight")
    })
}

/// A path as it is written down: whole, or with `~/`. `home` is that of the user, to look whether it is there.
///
/// # Errors
/// There is no such file.
pub(super) fn existing_file(text: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let is_secret = || seems_to_be_a_secret(text) || is_never_a_path(text);
    let found = existing(text, home, Path::is_file)?;
    found.ok_or_else(|| if is_secret() { IS_SECRET.to_owned() } else { format!("there is no file {text}") })
}

/// The same of a folder.
///
/// # Errors
/// There is no such folder.
pub(super) fn existing_folder(text: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let found = existing(text, home, Path::is_dir)?;
    found.ok_or_else(|| format!("there is no folder {text}"))
}

fn existing(text: &str, home: Option<&Path>, is_there: fn(&Path) -> bool) -> Result<Option<PathBuf>, String> {
    let text = text.trim();
    let in_home = text.strip_prefix('~').and_then(|rest| rest.strip_prefix(['/', MAIN_SEPARATOR]));
    if let (Some(rest), Some(home)) = (in_home, home) {
        return Ok(is_there(&home.join(rest)).then(|| text.into()));
    }
    let whole = std::path::absolute(text).map_err(|error| error.to_string())?;
    Ok(is_there(&whole).then_some(whole))
}

#[cfg(test)]
pub(super) fn of_test() -> Answers {
    Answers {
        backend: Backend::Snowflake,
        folder: None,
        connection: None,
        account: Some("org-acct".to_owned()),
        user: Some("ADA".to_owned()),
        authenticator: Some("externalbrowser".to_owned()),
        private_key_file: None,
        token_file: None,
        role: None,
        warehouse: Some("WH".to_owned()),
        database: Some("SALES".to_owned()),
        may_write: false,
        profile: "default".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_by_its_flag() {
        let full = of_test();
        assert!(full.missing_flags().is_empty());
        let none = Answers { account: None, user: None, authenticator: None, ..full.clone() };
        assert_eq!(none.missing_flags(), ["--account (or --connection)", "--authenticator", "--user"]);
        let key = Answers { authenticator: Some("snowflake_jwt".to_owned()), ..full.clone() };
        assert_eq!(key.missing_flags(), ["--private-key-file"]);
        let by_name = Answers { connection: Some("work".to_owned()), ..none };
        assert!(by_name.missing_flags().is_empty());
    }

    #[test]
    fn each_method_is_one_of_the_configuration() {
        for method in METHODS {
            assert_eq!(crate::config::authenticator_word(method.word), Some(method.word));
            let answers = Answers { authenticator: Some(method.word.to_owned()), ..of_test() };
            assert_eq!(answers.secret_note(), Some(method.secret));
        }
    }

    #[test]
    fn a_profile_that_may_write_is_there_also_if_nothing_is_set_in_it() {
        let writing = Answers { may_write: true, database: None, ..of_test() };
        let tables = |answers: Answers| {
            let settings = answers.settings();
            settings
                .into_iter()
                .filter(|setting| setting.value == Value::Table)
                .map(|setting| setting.key)
                .collect()
        };
        let none: Vec<String> = tables(writing.clone());
        assert!(none.is_empty());
        let named: Vec<String> = tables(Answers { profile: "my.profile".to_owned(), ..writing });
        assert_eq!(named, ["my.profile"]);
    }

    #[test]
    fn a_secret_is_no_setting() {
        let keys: Vec<_> = of_test().settings().into_iter().map(|setting| setting.key).collect();
        assert_eq!(
            keys,
            ["kind", "account", "user", "authenticator", "warehouse", "read_only", "database", "statements"]
        );
    }
}
