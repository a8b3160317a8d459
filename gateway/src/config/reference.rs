//! The reference page, written from the table: what `config reference` prints and `docs/configuration.md`
//! holds.

use std::fmt::{self, Write};

use super::environment::VARIABLES;
use super::keys::{
    DATABASES, Fallback, KEYS, Key, PROFILE_DEFAULT, PROFILE_KEYS, PROFILES, SECTIONS, Section,
};
use super::kind::Kind;
use super::snowflake;
use crate::backend::sqlite::DATABASE_NAME;

const HEAD: &str = "\
# Configuration

<!-- Written by `snowgate config reference > docs/configuration.md` from gateway/src/config/keys.rs. -->

Snowgate runs without any configuration. What can be set stands in one TOML file:

| system | file |
|---|---|
| Linux | `~/.config/snowgate/config.toml` |
| macOS | `~/Library/Application Support/snowgate/config.toml` |
| Windows | `%APPDATA%\\snowgate\\config\\config.toml` |
| where `SNOWGATE_HOME` is set | `$SNOWGATE_HOME/config.toml` |

Each single key can also be set by its variable, which stands above the file; the file stands above the
default. An empty variable counts as not set. The names of times end in their unit. A relative path starts at the
config file's folder and `~/` is the home folder; in a variable a path is absolute or starts with `~/`. The file
must belong to you or to root, and not every user of the machine may write it.

`snowgate config check` names every mistake with its line, `snowgate config show` prints what holds and where
each value came from. The gateway reads the configuration when it starts: `snowgate stop`, and the next client
starts it anew.
";

/// The reference page, in Markdown.
pub fn reference() -> String {
    let mut out = HEAD.to_owned();
    // Writing to a string cannot fail.
    let _ = write_page(&mut out);
    out
}

fn write_page(out: &mut String) -> fmt::Result {
    for section in SECTIONS {
        write_section(out, section)?;
        if section.name == "sqlite" {
            write_databases(out)?;
        }
    }
    write_profiles(out)?;
    write_variables(out)
}

fn write_section(out: &mut String, section: &Section) -> fmt::Result {
    writeln!(out, "\n## [{}]\n\n{}\n", section.name, section.doc)?;
    writeln!(out, "| key | value | default | variable | what it does |\n|---|---|---|---|---|")?;
    for key in KEYS.iter().filter(|key| key.section == section.name) {
        let (kind, fallback, variable) = (key.kind.describe(), default(key), key.variable());
        writeln!(out, "| `{}` | {kind} | {fallback} | `{variable}` | {} |", key.name, sentence(key.doc))?;
    }
    Ok(())
}

fn write_databases(out: &mut String) -> fmt::Result {
    writeln!(out, "\n## [sqlite.{DATABASES}]\n")?;
    writeln!(
        out,
        "Single SQLite files outside the folder, each as `NAME = \"path\"`. `NAME` is\n\
         {DATABASE_NAME};\n\
         no two names differ in case only."
    )
}

fn write_profiles(out: &mut String) -> fmt::Result {
    writeln!(out, "\n## [{PROFILES}.NAME]\n")?;
    writeln!(
        out,
        "What a session of the profile starts with. The profile `{PROFILE_DEFAULT}` always exists.\n\
         Each value is {}.\n",
        Kind::Name.describe()
    )?;
    writeln!(out, "| key | what it does |\n|---|---|")?;
    PROFILE_KEYS.iter().try_for_each(|(name, doc)| writeln!(out, "| `{name}` | {doc} |"))
}

fn write_variables(out: &mut String) -> fmt::Result {
    writeln!(out, "\n## Other variables\n\n| variable | what it does |\n|---|---|")?;
    VARIABLES.iter().try_for_each(|variable| writeln!(out, "| `{}` | {} |", variable.name, variable.doc))?;
    writeln!(
        out,
        "\n## Variables of Snowflake's own tools\n\n\
         They stand above the config file and below `SNOWGATE_SNOWFLAKE_*`. `SNOWFLAKE_HOME` and\n\
         `SNOWFLAKE_DEFAULT_CONNECTION_NAME` say where `connections.toml` is and which connection of it counts; it must be\n\
         readable by you alone (`chmod 0600`). A connection that nobody named is looked at only where no account is set.\n\n\
         | variable | what it stands for |\n|---|---|"
    )?;
    snowflake::variables().try_for_each(|(name, meaning)| writeln!(out, "| `{name}` | {meaning} |"))
}

fn default(key: &Key) -> String {
    match key.fallback {
        Fallback::Integer(number) => format!("`{number}`"),
        Fallback::Boolean(truth) => format!("`{truth}`"),
        Fallback::Text(text) => format!("`\"{text}\"`"),
        Fallback::DataFolder(name) => format!("`{name}` in the data folder"),
        Fallback::Unset => "not set".to_owned(),
    }
}

/// A doc comment's lines as one.
fn sentence(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_docs_is_up_to_date() {
        // Tests run in the package's folder.
        let page =
            std::fs::read_to_string("../docs/configuration.md").unwrap_or_default().replace("\r\n", "\n");
        let command = "cargo run -p snowgate -- config reference > docs/configuration.md";
        assert!(page == reference(), "docs/configuration.md is out of date; run: {command}");
    }

    #[test]
    fn every_key_and_variable_stands_on_the_page() {
        let page = reference();
        for name in KEYS.iter().map(Key::variable).chain(VARIABLES.iter().map(|known| known.name.to_owned()))
        {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
