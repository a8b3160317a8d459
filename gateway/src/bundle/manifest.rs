//! `manifest.json` of a bundle, version 0.4: what the client runs, with which arguments and variables, and what it asks its
//! user first. Source: github.com/anthropics/mcpb, `MANIFEST.md` and `schemas/`.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::os::System;

/// The manifest's path in the bundle.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The config file's, if it has one.
pub const CONFIG_FILE: &str = "server/config.toml";

/// The longest name of a bundle, in bytes: clients make folders of it.
const NAME_BYTES_MAX: usize = 64;

/// The systems that a bundle can have programs for: as Rust and as clients call them.
const SYSTEMS: [(&str, System, &str); 3] = [
    ("linux", System::Linux, "linux"),
    ("macos", System::MacOs, "darwin"),
    ("windows", System::Windows, "win32"),
];

/// The programs of one system in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramFiles {
    /// The shim's path: what the client launches.
    pub shim: String,
    /// The gateway's: where the shim looks for it first.
    pub gateway: String,
    /// The system, as clients call it.
    platform: &'static str,
}

impl ProgramFiles {
    /// Those of `system`, as Rust calls it. `is_first`: the system that the bundle is made on, whose programs need no folder of their own.
    ///
    /// # Errors
    /// No client runs on that system.
    pub fn of(system: &str, is_first: bool) -> Result<Self, BundleError> {
        let known = SYSTEMS.iter().find(|(name, ..)| *name == system);
        let (name, system, platform) = known.ok_or_else(|| BundleError::System(system.to_owned()))?;
        let folder = if is_first { "server".to_owned() } else { format!("server/{name}") };
        let at = |program: &str| format!("{folder}/{program}");
        Ok(Self { shim: at(system.shim_program()), gateway: at(system.gateway_program()), platform })
    }
}

/// What a client asks its user once, when the bundle is installed. An empty answer leaves the setting as the config has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Snowflake's account.
    Account,
    /// Snowflake's user.
    User,
    /// The file with that user's private key.
    PrivateKeyFile,
    /// The folder of SQLite files.
    Folder,
}

impl Question {
    /// The name, the variable that has the answer, its type, its title and what is said of it.
    fn facts(self) -> [&'static str; 5] {
        match self {
            Self::Account => [
                "account",
                "SNOWGATE_SNOWFLAKE_ACCOUNT",
                "string",
                "Snowflake account",
                "The account identifier: organization-account. Empty: as in Snowgate's configuration.",
            ],
            Self::User => [
                "user",
                "SNOWGATE_SNOWFLAKE_USER",
                "string",
                "Snowflake user",
                "The user to log in as. Empty: as in Snowgate's configuration.",
            ],
            Self::PrivateKeyFile => [
                "private_key_file",
                "SNOWGATE_SNOWFLAKE_PRIVATE_KEY_FILE",
                "file",
                "Private key",
                "The file with the user's private key (PEM or DER). Empty: as in Snowgate's configuration.",
            ],
            Self::Folder => [
                "folder",
                "SNOWGATE_SQLITE_FOLDER",
                "directory",
                "Databases",
                "The folder of SQLite files. Empty: as in Snowgate's configuration, or the sample data.",
            ],
        }
    }
}

/// What a manifest says.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The bundle's name, which tells it from others.
    pub name: &'a str,
    /// The profile that its clients have.
    pub profile: &'a str,
    /// The version of both programs.
    pub version: &'a str,
    /// The programs, of each system that it is for, the first one's first.
    pub programs: &'a [ProgramFiles],
    /// Whether a config file is among its files.
    pub has_config: bool,
    /// What is asked.
    pub questions: &'a [Question],
    /// Names of the tools, and what each does.
    pub tools: &'a [(String, String)],
}

/// A bundle that cannot be made as asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The name cannot be a folder's everywhere.
    #[error("`{0}` cannot be the name of a bundle")]
    Name(String),
    /// No client knows this system.
    #[error("there are no bundles for {0}")]
    System(String),
    /// It would be in every copy of the bundle.
    #[error("the config file has a secret (`{0}`), which would be in every copy of the bundle")]
    Secret(String),
    /// It is not written over.
    #[error("{} is there, and is no bundle", .0.display())]
    OtherFile(PathBuf),
}

impl BundleError {
    /// What the user can do about it.
    pub fn next_step(&self) -> String {
        match self {
            Self::Name(_) => format!(
                "give it another one with --name: lower-case letters, digits and hyphens, at most {NAME_BYTES_MAX}"
            ),
            Self::System(_) => {
                "make the bundle on or for linux, macos or windows; others have no client that reads one"
                    .to_owned()
            }
            Self::Secret(key) => format!("pack a copy of the file without `{key}`"),
            Self::OtherFile(_) => "name another file with --output, or remove that one".to_owned(),
        }
    }
}

/// The manifest.
///
/// # Errors
/// The name is not one that every client takes, or no client runs on that system.
pub fn manifest(facts: &Facts<'_>) -> Result<Value, BundleError> {
    let of_name = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    let is_name = facts.name.starts_with(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit())
        && facts.name.len() <= NAME_BYTES_MAX
        && facts.name.chars().all(of_name);
    if !is_name {
        return Err(BundleError::Name(facts.name.to_owned()));
    }
    let platforms: Vec<_> = facts.programs.iter().map(|programs| programs.platform).collect();
    let entry_point = facts.programs.first().map(|programs| programs.shim.as_str());
    let tools: Vec<Value> =
        facts.tools.iter().map(|(name, says)| json!({"name": name, "description": says})).collect();
    Ok(json!({
        "manifest_version": "0.4",
        "name": facts.name,
        "display_name": format!("Snowgate ({})", facts.profile),
        "version": facts.version,
        "description": "One shared gateway between your MCP clients and your database",
        "long_description": format!(
            "Queries Snowflake or SQLite files with the rules of the profile `{}`. All clients of this user share one \
             gateway, which the first of them starts.",
            facts.profile
        ),
        "author": {"name": "The Snowgate authors"},
        "license": "MIT OR Apache-2.0",
        "keywords": ["snowflake", "sqlite", "sql", "database"],
        "server": {"type": "binary", "entry_point": entry_point, "mcp_config": mcp_config(facts)},
        "tools": tools,
        "compatibility": {"platforms": platforms},
        "user_config": user_config(facts.questions),
    }))
}

fn mcp_config(facts: &Facts<'_>) -> Value {
    let in_bundle = |path: &str| format!("${{__dirname}}/{path}");
    let mut variables = Map::new();
    if facts.has_config {
        variables.insert("SNOWGATE_CONFIG".to_owned(), in_bundle(CONFIG_FILE).into());
    }
    for question in facts.questions {
        let [name, variable, ..] = question.facts();
        variables.insert(variable.to_owned(), format!("${{user_config.{name}}}").into());
    }
    let (first, others) = facts.programs.split_at(facts.programs.len().min(1));
    let mut config = json!({
        "command": first.first().map(|programs| in_bundle(&programs.shim)),
        "args": ["--profile", facts.profile],
        "env": variables,
    });
    if !others.is_empty() {
        let command = |programs: &ProgramFiles| json!({ "command": in_bundle(&programs.shim) });
        let of_platform = |programs: &ProgramFiles| (programs.platform.to_owned(), command(programs));
        config["platform_overrides"] = Value::Object(others.iter().map(of_platform).collect());
    }
    config
}

fn user_config(questions: &[Question]) -> Value {
    let ask = |question: &Question| {
        let [name, _, kind, title, description] = question.facts();
        // Without a default, clients leave the placeholder in the variable.
        let asked = json!({
            "type": kind, "title": title, "description": description, "required": false, "default": "",
        });
        (name.to_owned(), asked)
    };
    Value::Object(questions.iter().map(ask).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(systems: &[&str]) -> Vec<ProgramFiles> {
        systems.iter().enumerate().map(|(at, system)| ProgramFiles::of(system, at == 0).unwrap()).collect()
    }

    fn facts(programs: &[ProgramFiles]) -> Facts<'_> {
        Facts {
            name: "snowgate-analyst",
            profile: "analyst",
            version: "0.1.0",
            programs,
            has_config: false,
            questions: &[Question::Account, Question::User],
            tools: &[],
        }
    }

    #[test]
    fn the_profile_is_among_the_arguments_and_answers_become_variables() {
        let manifest = manifest(&facts(&programs(&["linux"]))).unwrap();
        let run = &manifest["server"]["mcp_config"];
        assert_eq!(run["command"], "${__dirname}/server/snowgate-shim");
        assert_eq!(run["args"], json!(["--profile", "analyst"]));
        assert_eq!(
            run["env"],
            json!({
                "SNOWGATE_SNOWFLAKE_ACCOUNT": "${user_config.account}",
                "SNOWGATE_SNOWFLAKE_USER": "${user_config.user}",
            })
        );
        assert_eq!(manifest["user_config"]["account"]["default"], "");
        assert_eq!(manifest["compatibility"]["platforms"], json!(["linux"]));
    }

    #[test]
    fn a_bundle_for_several_systems_has_the_programs_of_each_by_their_names_there() {
        let programs = programs(&["windows", "macos", "linux"]);
        let manifest = manifest(&facts(&programs)).unwrap();
        let run = &manifest["server"]["mcp_config"];
        assert_eq!(manifest["server"]["entry_point"], "server/snowgate-shim.exe");
        assert_eq!(run["command"], "${__dirname}/server/snowgate-shim.exe");
        let others = json!({
            "darwin": {"command": "${__dirname}/server/macos/snowgate-shim"},
            "linux": {"command": "${__dirname}/server/linux/snowgate-shim"},
        });
        assert_eq!(run["platform_overrides"], others);
        assert_eq!(manifest["compatibility"]["platforms"], json!(["win32", "darwin", "linux"]));
        assert_eq!(programs[0].gateway, "server/snowgate.exe");
    }

    #[test]
    fn a_config_in_the_bundle_is_named_by_its_path_there() {
        let manifest =
            manifest(&Facts { has_config: true, questions: &[], ..facts(&programs(&["linux"])) }).unwrap();
        let variables = &manifest["server"]["mcp_config"]["env"];
        assert_eq!(*variables, json!({"SNOWGATE_CONFIG": "${__dirname}/server/config.toml"}));
    }

    #[test]
    fn each_answer_is_a_setting_and_each_system_has_the_clients_name() {
        let reference = crate::config::reference();
        for question in [Question::Account, Question::User, Question::PrivateKeyFile, Question::Folder] {
            let [_, variable, ..] = question.facts();
            assert!(reference.contains(&format!("`{variable}`")), "{variable}");
        }
        for (system, platform) in [("macos", "darwin"), ("windows", "win32")] {
            let manifest = manifest(&facts(&programs(&[system]))).unwrap();
            assert_eq!(manifest["compatibility"]["platforms"], json!([platform]));
        }
        assert_eq!(ProgramFiles::of("plan9", true), Err(BundleError::System("plan9".to_owned())));
    }

    #[test]
    fn a_name_that_cannot_be_a_folder_everywhere_is_refused() {
        let (long, programs) = ("a".repeat(NAME_BYTES_MAX + 1), programs(&["linux"]));
        for name in ["", "..", "a/b", "A", "a b", "-a", "é", &long] {
            assert_eq!(
                manifest(&Facts { name, ..facts(&programs) }),
                Err(BundleError::Name(name.to_owned())),
                "{name}"
            );
        }
        assert!(manifest(&Facts { name: &long[1..], ..facts(&programs) }).is_ok());
    }
}
