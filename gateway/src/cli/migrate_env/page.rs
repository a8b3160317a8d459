//! `docs/migration.md`, from the same table as the command.

use super::table::{Becomes, OTHERS, ROWS, Row};

const HEAD: &str = include_str!("page.md");

/// Tools of the Python server, and what to call here.
const TOOLS: &[(&str, &str, &str)] = &[
    ("`list_databases`", "the same", "with what is known of each"),
    ("`list_views`", "the same", "`list_tables` and `list_schemas` besides"),
    ("`describe_view`", "the same", "`describe_table` for tables"),
    ("`query_view`", "the same", "it always failed there"),
    (
        "`execute_query`",
        "the same arguments",
        "`limit` bounds the result and is never written into the SQL; one statement a call; an error is an error (`isError`)",
    ),
    ("`use_transaction`, `auto_commit`", "the same", "`BEGIN` ... `COMMIT` over several calls, too"),
    ("none", "`set_context`, `session_info`", "a session keeps its context, also over restarts"),
];

/// The page.
pub(super) fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## Tools\n\n| there | here | |\n|---|---|---|\n");
    for (theirs, ours, more) in TOOLS {
        text.push_str(&format!("| {theirs} | {ours} | {more} |\n"));
    }
    text.push_str("\n## Variables of the Python server\n\n| variable | there | here |\n|---|---|---|\n");
    for row in ROWS {
        text.push_str(&line(row));
    }
    text.push_str(
        "\n## Variables of other servers\n\nThose of Snowflake's own tools are in\n[configuration.md](configuration.md#variables-of-snowflakes-own-tools).\n\n\
         | variable | there | here |\n|---|---|---|\n",
    );
    for row in OTHERS {
        text.push_str(&line(row));
    }
    text
}

fn line(row: &Row) -> String {
    let here = match row.becomes {
        Becomes::Setting(key, _) => format!("`{key}`"),
        Becomes::Secret(what) => format!("a secret: {what}"),
        Becomes::Nothing(why) => why.to_owned(),
    };
    format!("| `{}` | {} | {here} |\n", row.name, row.effect.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        let written = include_str!("../../../../docs/migration.md");
        assert!(
            written == page(),
            "run: cargo run -p snowgate -- migrate-env --reference > docs/migration.md"
        );
    }

    #[test]
    fn no_variable_has_two_rows() {
        for (at, row) in ROWS.iter().chain(OTHERS).enumerate() {
            assert!(
                ROWS.iter().chain(OTHERS).skip(at + 1).all(|other| other.name != row.name),
                "{}",
                row.name
            );
        }
    }
}
