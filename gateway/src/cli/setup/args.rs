//! The flags of `snowgate setup`, and the answers that they give.

use anyhow::Result;
use clap::{Args, Subcommand};

use super::answers::{Answers, Backend, account, existing_file, existing_folder};
use super::dialogue::{Known, check_profile, complete};
use super::{SetupError, sql};
use crate::cli::person::Person;
use crate::config::{PROFILE_DEFAULT, Paths, ProcessEnvironment, authenticator_word, connection_names};

/// What is set up. Without a terminal, flags say it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SetupArgs {
    #[command(subcommand)]
    pub(super) command: Option<SetupCommand>,

    /// The backend; without it, the one that the other flags belong to
    #[arg(long)]
    pub(super) backend: Option<Backend>,

    /// SQLite: the folder of the database files, instead of the default one
    #[arg(long, value_name = "PATH")]
    pub(super) folder: Option<String>,

    /// Snowflake: an entry of Snowflake's own connections.toml, instead of account, user and the rest
    #[arg(long, value_name = "NAME")]
    pub(super) connection: Option<String>,

    /// Snowflake: the account in any spelling: organization-account, a locator with its region, Snowsight's address
    #[arg(long, value_name = "ACCOUNT")]
    pub(super) account: Option<String>,

    /// Snowflake: the user
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,

    /// Snowflake: how to log in: externalbrowser, snowflake_jwt, programmatic_access_token, username_password_mfa, snowflake
    #[arg(long, value_name = "METHOD")]
    pub(super) authenticator: Option<String>,

    /// Snowflake: the file of the private key
    #[arg(long, value_name = "PATH")]
    pub(super) private_key_file: Option<String>,

    /// Snowflake: the file of the access token
    #[arg(long, value_name = "PATH")]
    pub(super) token_file: Option<String>,

    /// Snowflake: the role
    #[arg(long, value_name = "NAME")]
    pub(super) role: Option<String>,

    /// Snowflake: the warehouse
    #[arg(long, value_name = "NAME")]
    pub(super) warehouse: Option<String>,

    /// The database that clients start in
    #[arg(long, value_name = "NAME")]
    pub(super) database: Option<String>,

    /// Allow clients to change data
    #[arg(long)]
    pub(super) write: bool,

    /// The profile that holds what clients may do
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,

    /// Do not test the connection
    #[arg(long)]
    pub(super) no_test: bool,

    /// Ask nothing, and write the config if the test succeeds
    #[arg(long, short)]
    pub(super) yes: bool,

    /// Replace settings that the config has already
    #[arg(long)]
    pub(super) overwrite: bool,

    /// Print the config that would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

/// More of `setup`.
#[derive(Debug, Subcommand)]
pub(super) enum SetupCommand {
    /// Print the SQL for a role that only reads, a user that has no other, a warehouse and its budget
    Sql(sql::SqlArgs),
}

impl SetupArgs {
    /// Whether the output is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.command {
            Some(SetupCommand::Sql(args)) => args.json,
            None => self.json,
        }
    }
}

impl SetupArgs {
    /// What the flags say.
    pub(super) fn answers(&self, paths: &Paths) -> Result<Answers> {
        let home = paths.home_dir.as_deref();
        let file = |text: &Option<String>, flag: &'static str| {
            text.as_deref().map(|text| existing_file(text, home)).transpose().map_err(wrong(flag))
        };
        let folder = self.folder.as_deref().map(|text| existing_folder(text, home)).transpose();
        let profile = self.profile.as_deref().unwrap_or(PROFILE_DEFAULT);
        let is_files = self.folder.is_some() && self.flags_of(Backend::Snowflake).is_empty();
        let guess = if is_files { Backend::Sqlite } else { Backend::Snowflake };
        let backend = self.backend.unwrap_or(guess);
        self.check_backend(backend)?;
        Ok(Answers {
            backend,
            folder: folder.map_err(wrong("--folder"))?,
            connection: self.connection.clone(),
            account: self.account.as_deref().map(account).transpose().map_err(wrong("--account"))?,
            user: self.user.clone(),
            // One that is not known is an error of the config, which says which there are.
            authenticator: self
                .authenticator
                .as_deref()
                .map(|word| authenticator_word(word).unwrap_or(word).to_owned()),
            private_key_file: file(&self.private_key_file, "--private-key-file")?,
            token_file: file(&self.token_file, "--token-file")?,
            role: self.role.clone(),
            warehouse: self.warehouse.clone(),
            database: self.database.clone(),
            may_write: self.write,
            profile: check_profile(profile).map_err(wrong("--profile"))?,
        })
    }

    pub(super) fn ask(&self, person: &mut dyn Person, answers: Answers, paths: &Paths) -> Result<Answers> {
        let connections = connection_names(&ProcessEnvironment, paths);
        let known = Known {
            connections: &connections,
            home: paths.home_dir.as_deref(),
            sqlite_folder: &paths.data_dir.join("databases"),
            // A flag of one of them has chosen it.
            has_backend: self.backend.is_some()
                || [Backend::Snowflake, Backend::Sqlite].iter().any(|it| !self.flags_of(*it).is_empty()),
            has_write: self.write,
            has_profile: self.profile.is_some(),
        };
        complete(person, answers, &known)
    }

    /// The flags that are given and belong to `backend` alone.
    fn flags_of(&self, backend: Backend) -> Vec<&'static str> {
        let of_sqlite = [(self.folder.is_some(), "--folder")];
        let of_snowflake = [
            (self.connection.is_some(), "--connection"),
            (self.account.is_some(), "--account"),
            (self.user.is_some(), "--user"),
            (self.authenticator.is_some(), "--authenticator"),
            (self.private_key_file.is_some(), "--private-key-file"),
            (self.token_file.is_some(), "--token-file"),
            (self.role.is_some(), "--role"),
            (self.warehouse.is_some(), "--warehouse"),
        ];
        let all = if backend == Backend::Sqlite { &of_sqlite[..] } else { &of_snowflake[..] };
        all.iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| *flag).collect()
    }

    /// Refuses flags that would have no effect.
    fn check_backend(&self, backend: Backend) -> Result<(), SetupError> {
        let (other, own_name, other_name) = match backend {
            Backend::Sqlite => (Backend::Snowflake, "SQLite", "Snowflake"),
            Backend::Snowflake => (Backend::Sqlite, "Snowflake", "SQLite"),
        };
        let flags = self.flags_of(other);
        if flags.is_empty() {
            return Ok(());
        }
        let verb = if flags.len() == 1 { "belongs" } else { "belong" };
        let message = format!("{} {verb} to {other_name}, and the backend is {own_name}", flags.join(", "));
        let step = "leave out what does not belong to the backend, or choose the other one with `--backend`";
        Err(SetupError { next_step: Some(step.to_owned()), ..SetupError::usage(message) })
    }

    /// Without a person, flags say everything.
    pub(super) fn check_complete(&self, answers: &Answers) -> Result<()> {
        let nothing = self.backend.is_none() && self.folder.is_none() && answers.missing_flags().len() > 2;
        let missing = answers.missing_flags();
        if missing.is_empty() {
            return Ok(());
        }
        let message = if nothing {
            "there is no terminal to ask questions at, so flags must say what is to be set up: --backend sqlite, or --account, \
             --user and --authenticator (or --connection) of Snowflake"
                .to_owned()
        } else {
            format!(
                "there is no terminal to ask questions at, and these flags are missing: {}",
                missing.join(", ")
            )
        };
        Err(SetupError::usage(message).into())
    }
}

/// The error of a flag that cannot be right.
fn wrong(flag: &'static str) -> impl Fn(String) -> SetupError {
    move |why| SetupError::usage(format!("{flag}: {why}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: SetupArgs,
    }

    fn answers(line: &str) -> Result<Answers> {
        let line = format!("setup {line}");
        Line::try_parse_from(line.split_whitespace())?
            .args
            .answers(&Paths::below(std::path::Path::new("/none")))
    }

    #[test]
    fn flags_of_the_other_backend_are_refused_by_name() {
        for (line, refused) in [
            ("--backend sqlite --account a-b", "--account belongs to Snowflake, and the backend is SQLite"),
            (
                "--backend sqlite --user u --role r --warehouse w",
                "--user, --role, --warehouse belong to Snowflake",
            ),
            (
                "--backend sqlite --token-file /t --private-key-file /k",
                "--private-key-file, --token-file belong",
            ),
            ("--backend sqlite --connection c", "--connection belongs"),
            ("--backend sqlite --authenticator snowflake", "--authenticator belongs"),
            ("--backend snowflake --folder /", "--folder belongs to SQLite, and the backend is Snowflake"),
            ("--folder / --role r", "--folder belongs to SQLite"),
        ] {
            let error = answers(line).unwrap_err();
            assert!(error.to_string().contains(refused), "{line}: {error}");
            let step = error.downcast_ref::<SetupError>().and_then(SetupError::next_step);
            assert!(step.is_some_and(|step| step.contains("--backend")), "{line}");
        }
        assert_eq!(answers("--folder /").unwrap().backend, Backend::Sqlite);
        assert_eq!(answers("--role r").unwrap().backend, Backend::Snowflake);
        assert_eq!(answers("--backend sqlite --database d").unwrap().backend, Backend::Sqlite);
    }
}
