//! The things that `SHOW` lists, with their columns.

use super::{Kind, Scope, Shown};
use crate::catalog::{Relation, RelationKind, Row, Schema};
use crate::result::Column;
use crate::sql::{SqlError, World, semantic};

/// When everything was made: seconds since 1970, with milliseconds.
const CREATED: &str = "1709164800.000";
const OWNER: &str = "ACCOUNTADMIN";

/// Database and schema, name, relation.
type Named<'a> = ((String, String), String, &'a Relation);

type Listed = Result<(Vec<Column>, Vec<Shown>), SqlError>;

pub(super) fn list(kind: Kind, scope: &Scope, world: &World<'_>) -> Listed {
    match kind {
        Kind::Databases => Ok(databases(world)),
        Kind::Schemas => schemas(scope, world),
        Kind::Tables => relations(scope, world, false),
        Kind::Views => relations(scope, world, true),
        Kind::Objects => all_relations(scope, world),
        Kind::Columns => table_columns(scope, world),
        Kind::ImportedKeys => imported_keys(scope, world),
        Kind::SemanticViews => semantic_views(scope, world),
        Kind::Warehouses => Ok(warehouses(world)),
        Kind::Roles => Ok(roles(world)),
        Kind::Parameters => Ok(parameters(world)),
    }
}

fn databases(world: &World<'_>) -> (Vec<Column>, Vec<Shown>) {
    let current = world.session.context.database.as_ref();
    let row = |name: &String, comment: &str| {
        let is_current = if current == Some(name) { "Y" } else { "N" };
        let cells = [CREATED, name, "N", is_current, "", OWNER, comment, "", "1", "STANDARD"];
        Shown { name: name.clone(), row: row(&cells) }
    };
    let names = [
        "name",
        "is_default",
        "is_current",
        "origin",
        "owner",
        "comment",
        "options",
        "retention_time",
        "kind",
    ];
    let listed = world.catalog.databases.iter();
    (columns(&names), listed.map(|(name, database)| row(name, &database.comment)).collect())
}

fn schemas(scope: &Scope, world: &World<'_>) -> Listed {
    let context = &world.session.context;
    let database = match scope {
        Scope::Account => None,
        Scope::Current | Scope::Database(None) => context.database.as_ref(),
        Scope::Database(Some(name)) => Some(name),
        Scope::Schema(parts) | Scope::Relation(parts) => parts.first(),
    };
    if let Some(name) = database.filter(|&name| !world.catalog.databases.contains_key(name)) {
        return Err(SqlError::unknown_object("Database", name));
    }
    let mut shown = Vec::new();
    for (name, contents) in &world.catalog.databases {
        if database.is_some_and(|wanted| wanted != name) {
            continue;
        }
        for schema in contents.schemas.keys() {
            let current = context.database.as_ref() == Some(name) && context.schema.as_ref() == Some(schema);
            let is_current = if current { "Y" } else { "N" };
            let cells = [CREATED, schema, "N", is_current, name, OWNER, "", "", "1"];
            shown.push(Shown { name: schema.clone(), row: row(&cells) });
        }
    }
    let names = [
        "name",
        "is_default",
        "is_current",
        "database_name",
        "owner",
        "comment",
        "options",
        "retention_time",
    ];
    Ok((columns(&names), shown))
}

/// Tables and views in one list.
fn all_relations(scope: &Scope, world: &World<'_>) -> Listed {
    let mut shown = Vec::new();
    for (place, name, relation) in named(scope, world)? {
        let rows = relation.rows.len().to_string();
        let (kind, rows) = if relation.is_view() { ("VIEW", None) } else { ("TABLE", Some(rows)) };
        let mut cells = row(&[CREATED, &name, &place.0, &place.1, kind, &relation.comment, ""]);
        cells.extend([rows.clone(), rows, Some(OWNER.to_owned()), Some("1".to_owned())]);
        shown.push(Shown { name, row: cells });
    }
    let names = [
        "name",
        "database_name",
        "schema_name",
        "kind",
        "comment",
        "cluster_by",
        "rows",
        "bytes",
        "owner",
        "retention_time",
    ];
    let mut columns = columns(&names);
    columns[7] = Column::new("rows", "fixed");
    columns[8] = Column::new("bytes", "fixed");
    Ok((columns, shown))
}

/// The columns of all tables and views.
fn table_columns(scope: &Scope, world: &World<'_>) -> Listed {
    let mut shown = Vec::new();
    for (place, table, relation) in named(scope, world)? {
        for column in &relation.columns {
            let nullable = if column.nullable { "true" } else { "NOT_NULL" };
            let cells = [
                &table,
                &place.1,
                &column.name,
                &json_type(&column.data_type),
                nullable,
                "",
                "COLUMN",
                "",
                &column.comment,
                &place.0,
                "",
            ];
            shown.push(Shown { name: column.name.clone(), row: row(&cells) });
        }
    }
    let names = [
        "table_name",
        "schema_name",
        "column_name",
        "data_type",
        "null?",
        "default",
        "kind",
        "expression",
        "comment",
        "database_name",
        "autoincrement",
    ];
    Ok((names.map(Column::text).into(), shown))
}

/// A type as SHOW COLUMNS has it.
fn json_type(data_type: &str) -> String {
    let (name, sizes) = data_type.split_once('(').unwrap_or((data_type, ""));
    let sizes: Vec<&str> = sizes.trim_end_matches(')').split(',').map(str::trim).collect();
    match name {
        "NUMBER" => format!(
            "{{\"type\":\"FIXED\",\"precision\":{},\"scale\":{},\"nullable\":true}}",
            sizes[0],
            sizes.get(1).unwrap_or(&"0")
        ),
        "VARCHAR" => format!("{{\"type\":\"TEXT\",\"length\":{},\"nullable\":true}}", sizes[0]),
        "FLOAT" => "{\"type\":\"REAL\",\"nullable\":true}".to_owned(),
        other => format!("{{\"type\":\"{other}\",\"nullable\":true}}"),
    }
}

/// The foreign keys of one table.
fn imported_keys(scope: &Scope, world: &World<'_>) -> Listed {
    let Scope::Relation(parts) = scope else {
        return Err(SqlError::unknown_object("Table", "IMPORTED KEYS"));
    };
    let (name, relation) = world.relation(parts)?;
    let keys = relation.columns.iter().filter_map(|column| Some((column, column.references.as_ref()?)));
    let shown = keys.map(|(column, [database, schema, table, to])| {
        let cells =
            [CREATED, database, schema, table, to, &name.0, &name.1, &name.2, &column.name, "1", "NO ACTION"];
        Shown { name: column.name.clone(), row: row(&cells) }
    });
    let names = [
        "pk_database_name",
        "pk_schema_name",
        "pk_table_name",
        "pk_column_name",
        "fk_database_name",
        "fk_schema_name",
        "fk_table_name",
        "fk_column_name",
        "key_sequence",
        "update_rule",
    ];
    Ok((columns(&names), shown.collect()))
}

/// The only semantic view that there is, where it is.
fn semantic_views(scope: &Scope, world: &World<'_>) -> Listed {
    let (database, schema) = limits(scope, world)?;
    let [in_database, in_schema, name] = semantic::NAME;
    let is_here = database.is_none_or(|database| database == in_database)
        && schema.is_none_or(|schema| schema == in_schema);
    let cells = [CREATED, name, in_database, in_schema, semantic::COMMENT, OWNER, "ROLE", ""];
    let shown = is_here.then(|| Shown { name: name.to_owned(), row: row(&cells) });
    let names = ["name", "database_name", "schema_name", "comment", "owner", "owner_role_type", "extension"];
    Ok((columns(&names), shown.into_iter().collect()))
}

/// The tables and views in a place, with their database and schema.
fn named<'a>(scope: &Scope, world: &'a World<'_>) -> Result<Vec<Named<'a>>, SqlError> {
    let (database, schema) = limits(scope, world)?;
    let mut found = Vec::new();
    for (database_name, contents) in &world.catalog.databases {
        for (schema_name, contents) in &contents.schemas {
            let is_wanted = database.as_ref().is_none_or(|database| database == database_name)
                && schema.as_ref().is_none_or(|schema| schema == schema_name);
            let place = (database_name.clone(), schema_name.clone());
            let relations = contents.relations.iter().filter(|_| is_wanted);
            found.extend(relations.map(|(name, relation)| (place.clone(), name.clone(), relation)));
        }
    }
    Ok(found)
}

fn relations(scope: &Scope, world: &World<'_>, views: bool) -> Listed {
    let (database, schema) = limits(scope, world)?;
    let mut shown = Vec::new();
    for (database_name, contents) in &world.catalog.databases {
        for (schema_name, contents) in &contents.schemas {
            let wanted = database.as_ref().is_none_or(|database| database == database_name)
                && schema.as_ref().is_none_or(|schema| schema == schema_name);
            if wanted {
                let place = (database_name.as_str(), schema_name.as_str());
                shown.extend(of_schema(place, contents, world, views));
            }
        }
    }
    let names: &[&str] = if views {
        &[
            "name",
            "kind",
            "database_name",
            "schema_name",
            "owner",
            "comment",
            "text",
            "is_secure",
            "is_materialized",
        ]
    } else {
        &[
            "name",
            "kind",
            "database_name",
            "schema_name",
            "owner",
            "comment",
            "rows",
            "bytes",
            "retention_time",
        ]
    };
    let mut columns = columns(names);
    if !views {
        columns[7] = Column::new("rows", "fixed");
        columns[8] = Column::new("bytes", "fixed");
    }
    Ok((columns, shown))
}

/// The database and the schema that are looked into; `None`: all of them.
fn limits(scope: &Scope, world: &World<'_>) -> Result<(Option<String>, Option<String>), SqlError> {
    let context = &world.session.context;
    let (database, schema) = match scope {
        Scope::Account => (None, None),
        Scope::Current => (context.database.clone(), context.schema.clone()),
        Scope::Database(None) => (context.database.clone(), None),
        Scope::Database(name) => (name.clone(), None),
        Scope::Relation(parts) => return Err(SqlError::unknown_object("Schema", &parts.join("."))),
        Scope::Schema(parts) => match parts.as_slice() {
            [schema] => (context.database.clone(), Some(schema.clone())),
            [database, schema] => (Some(database.clone()), Some(schema.clone())),
            _ => return Err(SqlError::unknown_object("Schema", &parts.join("."))),
        },
    };
    match (&database, &schema) {
        (Some(database), Some(schema)) => world.catalog.schema(database, schema).map(drop)?,
        (Some(name), None) if !world.catalog.databases.contains_key(name) => {
            return Err(SqlError::unknown_object("Database", name));
        }
        _ => {}
    }
    Ok((database, schema))
}

/// The session's own temporary tables are among them.
fn of_schema(place: (&str, &str), schema: &Schema, world: &World<'_>, views: bool) -> Vec<Shown> {
    let temporary = world.session.temporary.iter();
    let temporary =
        temporary.filter(|((database, schema, _), _)| (database.as_str(), schema.as_str()) == place);
    let mut all: Vec<(&String, &Relation)> =
        schema.relations.iter().chain(temporary.map(|((_, _, name), relation)| (name, relation))).collect();
    all.sort_by_key(|(name, _)| *name);
    all.retain(|(_, relation)| relation.is_view() == views);
    all.into_iter().map(|(name, relation)| shown(place, name, relation)).collect()
}

fn shown((database, schema): (&str, &str), name: &str, relation: &Relation) -> Shown {
    let rows = relation.rows.len().to_string();
    let bytes = (relation.rows.len() * 1024).to_string();
    let first = |kind| [CREATED, name, kind, database, schema, OWNER, relation.comment.as_str()];
    let cells = match &relation.kind {
        RelationKind::View(text) => [&first("VIEW")[..], &[text.as_str(), "false", "false"]].concat(),
        RelationKind::Table => [&first("TABLE")[..], &[&rows, &bytes, "1"]].concat(),
        RelationKind::Temporary => [&first("TEMPORARY")[..], &[&rows, &bytes, "1"]].concat(),
    };
    Shown { name: name.to_owned(), row: row(&cells) }
}

fn warehouses(world: &World<'_>) -> (Vec<Column>, Vec<Shown>) {
    let current = world.session.context.warehouse.as_ref();
    let shown = world.catalog.warehouses.iter().map(|name| {
        let is_current = if current == Some(name) { "Y" } else { "N" };
        let cells = [CREATED, name, "SUSPENDED", "STANDARD", "X-Small", "N", is_current, OWNER, ""];
        Shown { name: name.clone(), row: row(&cells) }
    });
    let names = ["name", "state", "type", "size", "is_default", "is_current", "owner", "comment"];
    (columns(&names), shown.collect())
}

fn roles(world: &World<'_>) -> (Vec<Column>, Vec<Shown>) {
    let current = world.session.context.role.as_ref();
    let shown = world.catalog.roles.iter().map(|name| {
        let is_current = if current == Some(name) { "Y" } else { "N" };
        Shown { name: name.clone(), row: row(&[CREATED, name, "N", is_current, "N", OWNER, ""]) }
    });
    let names = ["name", "is_default", "is_current", "is_inherited", "owner", "comment"];
    (columns(&names), shown.collect())
}

fn parameters(world: &World<'_>) -> (Vec<Column>, Vec<Shown>) {
    let shown = world.session.parameters.iter().map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), Into::into);
        Shown { name: name.clone(), row: row(&[name, &value, "", "SESSION", "", "STRING"]) }
    });
    let names = ["key", "value", "default", "level", "description", "type"];
    (names.map(Column::text).into(), shown.collect())
}

/// The date of creation, and texts.
fn columns(names: &[&str]) -> Vec<Column> {
    let created = Column::new("created_on", "timestamp_ltz").with_scale(3);
    std::iter::once(created).chain(names.iter().map(|&name| Column::text(name))).collect()
}

fn row(cells: &[&str]) -> Row {
    cells.iter().map(|&cell| Some(cell.to_owned())).collect()
}
