//! What `tools/list` says.
//!
//! The tools that return rows declare no output schema and send their rows once, as text. A schema would
//! oblige them to send `structuredContent` too, and clients differ: some show the model only that, others
//! only the text. So rows would have to travel twice, or be invisible to one half of the clients. `set_context` and
//! `session_info`, which send an object both ways, declare none either: a model pays for it and reads the object.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};
use sql_gate::Dialect;

use super::arguments as args;
use super::saved_question;
use super::tool_name::ToolName;
use crate::config::{OfferedQuestion, SavedQuestion};
use crate::session::Profile;
use crate::state::Digest;

/// The tools that a session's client sees.
#[derive(Debug)]
pub struct ToolList {
    /// In the order they are listed.
    pub tools: Vec<Tool>,
    /// Tells them from other lists of tools: the beginning of a SHA-256.
    pub digest: String,
}

/// The arguments in the order in which one thinks of them, and in which models fill them in.
const ORDER: [&str; 21] = [
    "query",
    "handle",
    "pattern",
    "kinds",
    "table",
    "view_name",
    "role",
    "warehouse",
    "database",
    "schema",
    "like",
    "format",
    "name",
    "offset",
    "page",
    "limit",
    "columns",
    "wait_ms",
    "detail",
    "use_transaction",
    "auto_commit",
];

/// Puts the arguments of `tools` in order in `line`, which is what JSON makes of them: there they are sorted by
/// name.
pub fn order_arguments(tools: &[Tool], line: &mut [u8]) {
    for properties in tools.iter().filter_map(|tool| tool.input_schema.get("properties")?.as_object()) {
        let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
        let mut members: Vec<(&String, &Value)> = properties.iter().collect();
        members.sort_by_key(|(name, _)| rank(name));
        let members: Vec<String> =
            members.into_iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        let (sorted, ordered) = (json!(properties).to_string(), format!("{{{}}}", members.join(",")));
        let mut places = line.windows(sorted.len());
        if let Some(at) = places.position(|place| place == sorted.as_bytes()) {
            line[at..at + ordered.len()].copy_from_slice(ordered.as_bytes());
        }
    }
}

/// Lists that are kept, at most.
const LISTS_MAX: usize = 1_000;

/// What decides which tools a session is offered, and what they say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offer {
    /// Decides what `execute_query` warns of.
    read_only: bool,
    /// Whether the backend has semantic views.
    has_semantic_views: bool,
    /// The tools of the profile; `None`: all.
    tools: Option<Vec<String>>,
    /// The saved questions of the profile, and whether they are on Snowflake.
    saved: Vec<(Arc<SavedQuestion>, bool)>,
    /// Whether there is a folder for exports.
    exports: bool,
}

impl Offer {
    fn has(&self, tool: ToolName) -> bool {
        let is_there = self.has_semantic_views
            || !matches!(tool, ToolName::ListSemanticViews | ToolName::DescribeSemanticView);
        is_there
            && (self.exports || tool != ToolName::ExportResult)
            && self.tools.as_ref().is_none_or(|tools| tools.iter().any(|offered| offered == tool.as_str()))
    }
}

/// The lists of all sessions; sessions that are offered the same share one.
#[derive(Debug, Default)]
pub(super) struct ToolLists {
    by_offer: Mutex<BTreeMap<Offer, Arc<ToolList>>>,
}

impl ToolLists {
    /// The list for the sessions of `profile`.
    pub(super) fn list_for(&self, profile: &Profile) -> Arc<ToolList> {
        // One whose statement its profile refuses is of no use to a model.
        let may_run = |offered: &&OfferedQuestion| profile.statements.contains(offered.class);
        let saved = profile.questions.iter().filter(may_run);
        let saved = saved
            .map(|offered| (Arc::clone(&offered.question), offered.dialect == Dialect::Snowflake))
            .collect();
        let offer = Offer {
            read_only: !profile.may_change(),
            has_semantic_views: profile.has_semantic_views,
            tools: profile.tools.clone(),
            exports: profile.export_folder.is_some(),
            saved,
        };
        let mut lists = self.by_offer.lock().unwrap_or_else(PoisonError::into_inner);
        if lists.len() >= LISTS_MAX {
            // Those of profiles that a reload has changed.
            lists.clear();
        }
        Arc::clone(lists.entry(offer.clone()).or_insert_with(|| Arc::new(ToolList::of(&offer))))
    }
}

/// All tools, as one who may change data is told of them.
pub fn all_tools() -> Vec<Tool> {
    ToolList::of(&Offer {
        read_only: false,
        has_semantic_views: true,
        tools: None,
        exports: true,
        saved: Vec::new(),
    })
    .tools
}

impl ToolList {
    fn of(offer: &Offer) -> Self {
        let offered = ToolName::ALL.iter().copied().filter(|&tool| offer.has(tool));
        let saved = offer.saved.iter().filter_map(|(question, is_snowflake)| {
            question.on(if *is_snowflake { Dialect::Snowflake } else { Dialect::Sqlite })
        });
        let tools: Vec<_> = offered
            .map(|tool| describe(tool, offer.read_only).with_meta(meta(tool)))
            .chain(saved.map(|offered| saved_question::describe(&offered)))
            .collect();
        // A tool's definition holds nothing that JSON cannot express.
        let digest = Digest::of(&serde_json::to_string(&tools).unwrap_or_default()).short();
        Self { tools, digest }
    }
}

/// What clients are told of `tool`.
fn describe(tool: ToolName, read_only: bool) -> Tool {
    match tool {
        ToolName::ListDatabases => reader::<args::Nothing>(tool, "List databases", "List databases."),
        ToolName::ListSchemas => {
            reader::<args::ListSchemas>(tool, "List schemas", "List a database's schemas.")
        }
        ToolName::ListTables => {
            reader::<args::ListTables>(tool, "List tables", "List tables, with row counts where known.")
        }
        ToolName::ListViews => reader::<args::ListViews>(tool, "List views", "List a database's views."),
        ToolName::DescribeTable => reader::<args::DescribeTable>(
            tool,
            "Describe table",
            "Show the columns of a table or view: types, keys, comments.",
        ),
        ToolName::DescribeView => {
            reader::<args::DescribeView>(tool, "Describe view", "Show a view's columns and SQL definition.")
        }
        ToolName::QueryView => {
            reader::<args::QueryView>(tool, "Query view", "Return rows of a view or table.")
        }
        ToolName::ExecuteQuery => new::<args::ExecuteQuery>(tool, "Execute query", execute_query(read_only))
            .with_annotations(annotations(read_only, !read_only, read_only)),
        ToolName::ExplainQuery => reader::<args::ExplainQuery>(
            tool,
            "Explain query",
            "Show how a statement would run and what it would read; runs nothing.",
        ),
        ToolName::GetResult => reader::<args::GetResult>(
            tool,
            "Get result",
            "By handle: return more rows of a result, or wait for a long statement.",
        ),
        ToolName::CancelQuery => new::<args::CancelQuery>(tool, "Cancel query", "Stop a running statement.")
            .with_annotations(annotations(false, false, true)),
        ToolName::ExportResult => {
            new::<args::ExportResult>(tool, "Export result", "Write all rows of a query or result to a file.")
                .with_annotations(annotations(false, false, false))
        }
        ToolName::SearchObjects => reader::<args::SearchObjects>(
            tool,
            "Search objects",
            "Find databases, schemas, tables, views and columns by name.",
        ),
        ToolName::ListSemanticViews => reader::<args::ListSemanticViews>(
            tool,
            "List semantic views",
            "List semantic views (business metrics and dimensions).",
        ),
        ToolName::DescribeSemanticView => reader::<args::DescribeSemanticView>(
            tool,
            "Describe semantic view",
            "Show a semantic view's metrics and dimensions, and a query to begin with.",
        ),
        ToolName::SetContext => new::<args::SetContext>(
            tool,
            "Set context",
            "Change this session's role, warehouse, database or schema.",
        )
        .with_annotations(annotations(false, false, true)),
        ToolName::SessionInfo => {
            reader::<args::Nothing>(tool, "Session info", "Show this session's context and limits.")
        }
        // Described by their question (`saved_question`).
        ToolName::Saved(_) => reader::<args::Nothing>(tool, "Saved question", "A saved question."),
    }
}

/// What decides whether a client that has many tools shows this one to its model (Claude Code): the three that it
/// takes to answer a question are always loaded, as is the one that answers name where there is more, or it takes longer; the
/// others are found by a search.
fn meta(tool: ToolName) -> MetaObject {
    let hint = match tool {
        ToolName::ExecuteQuery | ToolName::ListTables | ToolName::DescribeTable | ToolName::GetResult => {
            return one("anthropic/alwaysLoad", true.into());
        }
        ToolName::ListDatabases => "SQL databases",
        ToolName::ListSchemas => "SQL schemas",
        ToolName::ListViews => "SQL views",
        ToolName::DescribeView => "a view's SQL",
        ToolName::QueryView => "SQL view rows",
        ToolName::ExplainQuery => "SQL plan, cost",
        ToolName::CancelQuery => "stop SQL",
        ToolName::ExportResult if cfg!(feature = "parquet") => "SQL to csv, json, parquet file",
        ToolName::ExportResult => "SQL to csv, json file",
        ToolName::SearchObjects => "find SQL tables, columns",
        ToolName::ListSemanticViews => "SQL metrics",
        ToolName::DescribeSemanticView => "SQL metrics",
        ToolName::SetContext => "switch SQL database, role, warehouse",
        ToolName::SessionInfo => "current SQL context, limits",
        ToolName::Saved(_) => "a saved SQL query",
    };
    one("anthropic/searchHint", hint.into())
}

fn one(key: &str, value: Value) -> MetaObject {
    MetaObject(JsonObject::from_iter([(key.to_owned(), value)]))
}

fn execute_query(read_only: bool) -> &'static str {
    if read_only {
        "Run one read-only SQL statement and return its rows."
    } else {
        "Run one SQL statement and return its rows or how many it changed."
    }
}

fn reader<A: JsonSchema>(name: ToolName, title: &str, description: &'static str) -> Tool {
    new::<A>(name, title, description).with_annotations(annotations(true, false, true))
}

fn new<A: JsonSchema>(name: ToolName, title: &str, description: &'static str) -> Tool {
    Tool::new(name.as_str(), description, Arc::new(input_schema::<A>())).with_title(title)
}

/// Says what differs from what the protocol has clients assume. Of a tool that changes nothing, whether it destroys or
/// may be repeated has no meaning there.
fn annotations(read_only: bool, destructive: bool, idempotent: bool) -> ToolAnnotations {
    let annotations = ToolAnnotations::new().read_only(read_only).open_world(false);
    let annotations = if read_only { annotations } else { annotations.destructive(destructive) };
    if idempotent && !read_only { annotations.idempotent(true) } else { annotations }
}

/// The schema of a tool's arguments, without what a model pays for and does not need.
fn input_schema<A: JsonSchema>() -> JsonObject {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<A>();
    schema.remove("title");
    schema.remove("description");
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    properties.as_object_mut().into_iter().flatten().for_each(|(name, property)| simplify(name, property));
    schema
}

/// Plain types and no `format`: some clients take nothing else. That `null` means absent is accepted all the
/// same. A description that only repeats the name is left out.
fn simplify(name: &str, property: &mut Value) {
    let Some(property) = property.as_object_mut() else { return };
    property.remove("format");
    // What makes it an unsigned number; where more is asked for, the refusal says so.
    if property.get("minimum") == Some(&json!(0)) {
        property.remove("minimum");
    }
    let says = |said: &Value| said.as_str().map(|said| said.trim_end_matches('.').replace(' ', "_"));
    if property.get("description").and_then(says).is_some_and(|said| said.eq_ignore_ascii_case(name)) {
        property.remove("description");
    }
    if let Some(kind) = property.get("type").and_then(|kind| kind.get(0)).cloned() {
        property.insert("type".to_owned(), kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(read_only: bool) -> Vec<Tool> {
        ToolList::of(&Offer {
            read_only,
            has_semantic_views: true,
            tools: None,
            exports: true,
            saved: Vec::new(),
        })
        .tools
    }

    fn bytes_of(tools: Vec<Tool>) -> usize {
        serde_json::to_string(&rmcp::model::ListToolsResult::with_all_items(tools)).unwrap().len()
    }

    fn required(tool: &Tool) -> Vec<String> {
        let required =
            tool.input_schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        required.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn names_and_required_arguments_are_those_of_the_contract() {
        let listed: Vec<_> = list(true).iter().map(|tool| (tool.name.to_string(), required(tool))).collect();
        let expected = [
            ("list_databases", vec![]),
            ("list_schemas", vec![]),
            ("list_tables", vec![]),
            ("list_views", vec!["database"]),
            ("describe_table", vec!["table"]),
            ("describe_view", vec!["database", "view_name"]),
            ("query_view", vec!["database", "view_name"]),
            ("execute_query", vec!["query"]),
            ("explain_query", vec!["query"]),
            ("get_result", vec!["handle"]),
            ("cancel_query", vec!["handle"]),
            ("export_result", vec!["name"]),
            ("search_objects", vec!["pattern"]),
            ("list_semantic_views", vec![]),
            ("describe_semantic_view", vec!["view_name"]),
            ("set_context", vec![]),
            ("session_info", vec![]),
        ];
        let expected = expected.map(|(name, required)| {
            (name.to_owned(), required.iter().map(|name| (*name).to_owned()).collect())
        });
        assert_eq!(listed, expected);
    }

    #[test]
    fn a_profile_offers_its_own_tools_which_have_another_digest() {
        let lists = ToolLists::default();
        let tools = Some(vec!["session_info".to_owned(), "execute_query".to_owned()]);
        let few = lists.list_for(&Profile { tools, ..Profile::default() });
        let names: Vec<&str> = few.tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["execute_query", "session_info"], "in the order of all");
        assert_ne!(few.digest, lists.list_for(&Profile::default()).digest);
    }

    #[test]
    fn semantic_views_are_offered_where_there_are_any() {
        let lists = ToolLists::default();
        let names = |has_semantic_views| {
            let list = lists.list_for(&Profile { has_semantic_views, ..Profile::default() });
            list.tools.iter().filter(|tool| tool.name.contains("semantic")).count()
        };
        assert_eq!((names(false), names(true)), (0, 2));
    }

    #[test]
    fn every_schema_is_a_plain_object() {
        for tool in list(true) {
            assert_eq!(tool.input_schema["type"], "object", "{}", tool.name);
            assert_eq!(tool.input_schema.get("additionalProperties"), None, "some clients refuse it");
            let known = ["type", "properties", "required"];
            assert!(tool.input_schema.keys().all(|key| known.contains(&&**key)), "{:?}", tool.input_schema);
            assert!(tool.description.is_some() && tool.annotations.is_some());
        }
    }

    #[test]
    fn the_list_of_all_tools_is_small() {
        for read_only in [true, false] {
            let bytes = bytes_of(list(read_only));
            assert!(bytes <= 8_000, "{bytes}");
        }
    }

    #[test]
    fn a_profile_of_five_tools_costs_five_tools() {
        let tools = ["search_objects", "describe_table", "execute_query", "get_result", "export_result"];
        let tools = Some(tools.map(str::to_owned).into());
        let export_folder = Some("exports".into());
        let few = ToolLists::default().list_for(&Profile { tools, export_folder, ..Profile::default() });
        let bytes = bytes_of(few.tools.clone());
        assert!(few.tools.len() == 5 && bytes <= 3_500, "{bytes}");
    }

    #[test]
    fn what_a_question_takes_is_always_loaded_and_the_rest_is_found() {
        for tool in list(true) {
            let meta = tool.meta.unwrap();
            let is_always_loaded = meta.get("anthropic/alwaysLoad") == Some(&json!(true));
            let expected =
                ["execute_query", "list_tables", "describe_table", "get_result"].contains(&&*tool.name);
            assert_eq!(is_always_loaded, expected, "{}", tool.name);
            let hint = meta.get("anthropic/searchHint").and_then(Value::as_str);
            assert_eq!(hint.is_some_and(|hint| hint.contains("SQL")), !expected, "{}", tool.name);
        }
    }

    #[test]
    fn arguments_are_listed_in_the_order_in_which_one_thinks_of_them() {
        let tools = list(true);
        let sorted = serde_json::to_string(&tools).unwrap();
        let mut line = sorted.clone().into_bytes();
        order_arguments(&tools, &mut line);
        let line = String::from_utf8(line).unwrap();
        let as_value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(as_value(&line), as_value(&sorted), "only the order is another");
        let names = ["query", "database", "schema", "limit", "use_transaction", "auto_commit"];
        let execute = line.split("\"name\":\"execute_query\"").nth(1).unwrap();
        let places: Vec<usize> =
            names.iter().map(|name| execute.find(&format!("\"{name}\":{{")).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
        for (tool, first) in
            [("describe_table", "table"), ("query_view", "view_name"), ("list_tables", "database")]
        {
            let rest = line.split(&format!("\"name\":\"{tool}\"")).nth(1).unwrap();
            let properties = rest.split("\"properties\":{").nth(1).unwrap();
            assert!(properties.starts_with(&format!("\"{first}\":")), "{tool}: {properties:.80}");
        }
    }

    #[test]
    fn types_are_plain() {
        for tool in list(true) {
            for (name, property) in tool.input_schema["properties"].as_object().unwrap() {
                assert!(property["type"].is_string(), "{}: {name}: {property}", tool.name);
                assert!(property.get("format").is_none(), "{}: {name}: {property}", tool.name);
            }
        }
    }

    #[test]
    fn defaults_are_stated_and_said() {
        for tool in list(true) {
            for (name, property) in tool.input_schema["properties"].as_object().unwrap() {
                let Some(default) = property.get("default") else { continue };
                let said = property["description"].as_str().unwrap();
                assert!(said.contains(&format!("default: {default}")), "{}: {name}: {said}", tool.name);
            }
        }
        let tools = list(true);
        let property =
            |tool: usize, name: &str| tools[tool].input_schema["properties"][name]["default"].clone();
        assert_eq!((property(6, "limit"), property(7, "limit")), (json!(10), json!(100)));
        assert_eq!((property(7, "use_transaction"), property(7, "auto_commit")), (json!(false), json!(true)));
    }

    #[test]
    fn only_a_writable_gateway_offers_a_destructive_query() {
        let hint = |read_only| list(read_only)[7].annotations.clone().unwrap();
        assert_eq!((hint(true).read_only_hint, hint(true).destructive_hint), (Some(true), None));
        assert_eq!((hint(false).read_only_hint, hint(false).destructive_hint), (Some(false), Some(true)));
    }
}
