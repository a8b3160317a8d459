//! `completion/complete`: the arguments of the template of tables.
//!
//! | argument | asked as | narrowed by |
//! |---|---|---|
//! | `database` | `list_databases` | |
//! | `schema` | `list_schemas` | `database` |
//! | `table` | `list_tables` and `list_views` | `database`, `schema` |
//!
//! Values begin with what is given, in whatever case, and are written as tools take names. What a profile denies is in none
//! of these lists, and the names of a database that is denied, or that does not exist, are none.

use rmcp::model::{CompleteRequestParams, CompletionInfo, ErrorData, Reference};
use serde_json::json;

use super::TEMPLATE;
use crate::backend::{Backend, BackendError, Catalog, Collector, ErrorKind, like_of};
use crate::mcp::call::Call;
use crate::mcp::shown;
use crate::mcp::tool_name::ToolName;

/// The argument to complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    Database,
    Schema,
    Table,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    argument: Argument,
    /// How the value begins.
    begins: String,
    database: Option<String>,
    schema: Option<String>,
}

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    /// It is about no template, or no argument, that there is.
    pub(super) fn read(request: CompleteRequestParams) -> Result<Self, ErrorData> {
        match &request.r#ref {
            Reference::Resource(template) if template.uri == TEMPLATE => {}
            Reference::Resource(template) => {
                let message = format!("there is no template {}; there is {TEMPLATE}", shown(&template.uri));
                return Err(ErrorData::invalid_params(message, Some(json!({"templates": [TEMPLATE]}))));
            }
            _ => return Err(ErrorData::invalid_params("there are no prompts", None)),
        }
        let argument = match request.argument.name.as_str() {
            "database" => Argument::Database,
            "schema" => Argument::Schema,
            "table" => Argument::Table,
            other => {
                let message =
                    format!("the template has no argument {}; it has database, schema, table", shown(other));
                return Err(ErrorData::invalid_params(message, None));
            }
        };
        let mut given = request.context.and_then(|context| context.arguments).unwrap_or_default();
        let mut given = |name: &str| given.remove(name).filter(|value| !value.is_empty());
        let (database, schema) = (given("database"), given("schema"));
        Ok(Self { argument, begins: request.argument.value, database, schema })
    }
}

impl Call {
    /// The values that `asked` can have.
    pub(super) async fn complete(&self, asked: &Asked) -> Result<CompletionInfo, BackendError> {
        match self.candidates(asked).await {
            Ok((names, is_cut)) => {
                let pool = self.shared.pool(&self.profile).await?;
                Ok(chosen(&names, is_cut, &asked.begins, pool.backend()))
            }
            Err(error) if matches!(error.kind, ErrorKind::Statement | ErrorKind::NoContext) => {
                Ok(CompletionInfo::with_all_values(Vec::new()).unwrap_or_default())
            }
            Err(error) => {
                self.record.note_error(&error);
                Err(error)
            }
        }
    }

    /// The stored names among which the value is, and whether there are more.
    async fn candidates(&self, asked: &Asked) -> Result<(Vec<String>, bool), BackendError> {
        let (database, schema) = (asked.database.clone(), asked.schema.clone());
        match asked.argument {
            Argument::Database => self.listed(ToolName::ListDatabases, Catalog::Databases).await,
            Argument::Schema => self.listed(ToolName::ListSchemas, Catalog::Schemas { database }).await,
            Argument::Table => {
                let like = Some(format!("{}%", like_of(asked.begins.trim_start_matches('"'))));
                let tables = Catalog::Tables { database, schema: schema.clone(), like };
                let offers_tables = self.profile.offers(ToolName::ListTables.as_str());
                let offers_views = self.profile.offers(ToolName::ListViews.as_str());
                let (mut names, mut is_cut) = if offers_tables || !offers_views {
                    self.listed(ToolName::ListTables, tables).await?
                } else {
                    (Vec::new(), false)
                };
                if offers_views && let Some(database) = self.database_of(asked).await? {
                    let views = Catalog::Views { database, schema };
                    let (views, are_cut) = self.listed(ToolName::ListViews, views).await?;
                    names.extend(views);
                    is_cut |= are_cut;
                }
                Ok((names, is_cut))
            }
        }
    }

    /// The database that is meant.
    async fn database_of(&self, asked: &Asked) -> Result<Option<String>, BackendError> {
        if asked.database.is_some() {
            return Ok(asked.database.clone());
        }
        let pool = self.shared.pool(&self.profile).await?;
        Ok(pool.backend().completed(&self.facts.context.context).database)
    }

    /// The names that `catalog` lists, as a call of `tool`, which the profile must offer.
    async fn listed(&self, tool: ToolName, catalog: Catalog) -> Result<(Vec<String>, bool), BackendError> {
        {
            let mut seen = self.record.seen();
            (seen.tool, seen.class) = (Some(tool), Some("catalog"));
        }
        self.active.note_tool(tool.as_str());
        self.check_session(tool)?;
        // Two lists are one call.
        if self.admission.get().is_none() {
            self.admit_call(false)?;
        }
        let done = self.catalog(catalog, self.rows_max()).await?;
        Ok((names_of(&done.rows), done.rows.cut() != crate::backend::Cut::Nothing))
    }
}

/// The column `name`, without what is listed beside databases: files that are none.
fn names_of(rows: &Collector) -> Vec<String> {
    let at = |name: &str| rows.columns().iter().position(|column| column == name);
    let (Some(name), kind) = (at("name"), at("kind")) else { return Vec::new() };
    let named = rows.rows().filter_map(|row| {
        let row: Vec<Option<&str>> = row.collect();
        let kind = kind.and_then(|kind| row.get(kind).copied().flatten());
        let is_object = !matches!(kind, Some("left out" | "problem" | "unreadable"));
        row.get(name).copied().flatten().filter(|_| is_object).map(str::to_owned)
    });
    named.collect()
}

/// Those of the stored `names` that begin so, as tools take them.
fn chosen(names: &[String], is_cut: bool, begins: &str, backend: &dyn Backend) -> CompletionInfo {
    let mut values: Vec<String> = names
        .iter()
        .map(|name| (name, backend.written_name(name)))
        .filter(|(name, written)| has_beginning(name, begins) || has_beginning(written, begins))
        .map(|(_, written)| written)
        .collect();
    values.sort_unstable();
    values.dedup();
    let total = (!is_cut).then(|| u32::try_from(values.len()).unwrap_or(u32::MAX));
    let has_more = is_cut || values.len() > CompletionInfo::MAX_VALUES;
    values.truncate(CompletionInfo::MAX_VALUES);
    CompletionInfo::with_pagination(values, total, has_more).unwrap_or_default()
}

/// Whether `name` begins with `beginning`, whatever the case.
fn has_beginning(name: &str, beginning: &str) -> bool {
    let mut chars = name.chars().flat_map(char::to_lowercase);
    beginning.chars().flat_map(char::to_lowercase).all(|char| chars.next() == Some(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: serde_json::Value) -> Result<Asked, String> {
        let request: CompleteRequestParams = serde_json::from_value(request).unwrap();
        Asked::read(request).map_err(|error| {
            assert_eq!(error.code.0, -32602);
            error.message.into_owned()
        })
    }

    #[test]
    fn what_is_given_before_narrows_what_is_asked_for() {
        let asked = read(json!({
            "ref": {"type": "ref/resource", "uri": TEMPLATE}, "argument": {"name": "table", "value": "or"},
            "context": {"arguments": {"database": "d", "schema": "", "other": "x"}},
        }));
        let expected = Asked {
            argument: Argument::Table,
            begins: "or".to_owned(),
            database: Some("d".to_owned()),
            schema: None,
        };
        assert_eq!(asked, Ok(expected));
    }

    #[test]
    fn what_there_is_not_is_refused_with_what_there_is() {
        let of = |reference: serde_json::Value, name: &str| {
            read(json!({"ref": reference, "argument": {"name": name, "value": ""}})).unwrap_err()
        };
        let template = json!({"type": "ref/resource", "uri": TEMPLATE});
        assert!(of(template, "column").contains("it has database, schema, table"));
        assert!(of(json!({"type": "ref/resource", "uri": "x://{y}"}), "table").contains(TEMPLATE));
        assert!(of(json!({"type": "ref/prompt", "name": "p"}), "table").contains("no prompts"));
    }

    #[test]
    fn a_pattern_of_a_beginning_matches_it_alone() {
        assert_eq!(like_of("a_b%c\\"), "a\\_b\\%c\\\\");
        assert!(has_beginning("Orders", "oR") && !has_beginning("Orders", "rd") && has_beginning("x", ""));
        assert!(!has_beginning("or", "ord"));
    }
}
