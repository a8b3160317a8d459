//! INSERT, UPDATE, DELETE and MERGE.

use sqlparser::ast::{
    Assignment, Delete, Expr, FromTable, Insert, Merge, MergeAction, MergeInsertKind, MergeUpdateKind,
    MultiTableInsertIntoClause, MultiTableInsertValue, ObjectName, OutputClause, Statement, TableFactor,
    TableObject, TableWithJoins, Update, UpdateTableFromKind,
};

use super::Visitor;
use crate::{Access, ObjectKind};

impl Visitor<'_> {
    pub(super) fn change(&mut self, statement: &Statement) {
        self.found.changes_rows = true;
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(update) => self.update(update),
            Statement::Delete(delete) => self.delete(delete),
            Statement::Merge(merge) => self.merge(merge),
            Statement::Query(query) => self.query(query),
            // Heads are read before, so none of the hundred others comes here.
            _ => self.miss("the statement"),
        }
    }

    /// What is changed: a CTE does not shadow it.
    fn target(&mut self, name: &ObjectName) {
        self.object(ObjectKind::Relation, name, Access::Write);
    }

    fn target_table(&mut self, table: &TableFactor) {
        match table {
            TableFactor::Table { name, args: None, .. } => self.target(name),
            other => {
                self.table(other);
                self.miss("what is changed");
            }
        }
    }

    fn insert(&mut self, insert: &Insert) {
        match &insert.table {
            TableObject::TableName(name) => {
                // INSERT ALL has no table here.
                if !name.0.is_empty() {
                    self.target(name);
                }
            }
            TableObject::TableFunction(function) => {
                self.function(function);
                self.miss("INSERT into a function");
            }
            TableObject::TableQuery(query) => {
                self.query(query);
                self.miss("INSERT into a query");
            }
        }
        if let Some(source) = &insert.source {
            self.query(source);
        }
        self.assignments(&insert.assignments);
        self.expressions(insert.partitioned.iter().flatten());
        self.intos(&insert.multi_table_into_clauses);
        for when in &insert.multi_table_when_clauses {
            self.expression(&when.condition);
            self.intos(&when.into_clauses);
        }
        self.intos(insert.multi_table_else_clause.iter().flatten());
        self.output(insert.output.as_ref());
        let has_more = insert.on.is_some()
            || insert.returning.is_some()
            || insert.settings.is_some()
            || insert.format_clause.is_some()
            || insert.or.is_some();
        if has_more {
            self.miss("a clause of INSERT that Snowflake does not have");
        }
    }

    fn intos<'e>(&mut self, intos: impl IntoIterator<Item = &'e MultiTableInsertIntoClause>) {
        for MultiTableInsertIntoClause { table_name, columns: _, values } in intos {
            self.target(table_name);
            for value in values.iter().flat_map(|values| &values.values) {
                match value {
                    MultiTableInsertValue::Expr(expression) => self.expression(expression),
                    MultiTableInsertValue::Default => {}
                }
            }
        }
    }

    fn update(&mut self, update: &Update) {
        let Update {
            update_token: _,
            optimizer_hints: _,
            table,
            on_cluster: _,
            assignments,
            from,
            selection,
            returning,
            output,
            or: _,
            order_by,
            limit,
            settings,
        } = update;
        self.changed_tables(std::slice::from_ref(table));
        self.assignments(assignments);
        match from {
            None => {}
            Some(UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables)) => {
                self.tables(tables);
            }
        }
        self.expressions(selection);
        self.items(returning.as_deref().unwrap_or_default());
        self.output(output.as_ref());
        self.sort(order_by);
        self.expressions(limit);
        if settings.is_some() {
            self.miss("SETTINGS of UPDATE");
        }
    }

    /// The first of the tables is changed; what it is joined with is only read.
    fn changed_tables(&mut self, tables: &[TableWithJoins]) {
        for table in tables {
            self.target_table(&table.relation);
            if !table.joins.is_empty() {
                self.miss("a join of what is changed");
                self.tables(std::slice::from_ref(table));
            }
        }
    }

    fn delete(&mut self, delete: &Delete) {
        let Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from,
            on_cluster: _,
            using,
            selection,
            returning,
            output,
            order_by,
            limit,
            settings,
        } = delete;
        for table in tables {
            self.target(table);
        }
        match from {
            FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => {
                self.changed_tables(tables);
            }
        }
        self.tables(using.as_deref().unwrap_or_default());
        self.expressions(selection);
        self.items(returning.as_deref().unwrap_or_default());
        self.output(output.as_ref());
        self.sort(order_by);
        self.expressions(limit);
        if settings.is_some() {
            self.miss("SETTINGS of DELETE");
        }
    }

    fn merge(&mut self, merge: &Merge) {
        let Merge { merge_token: _, optimizer_hints: _, into: _, table, source, on, clauses, output } = merge;
        self.target_table(table);
        self.table(source);
        self.expression(on);
        for clause in clauses {
            self.expressions(&clause.predicate);
            self.merge_action(&clause.action);
        }
        self.output(output.as_ref());
    }

    fn merge_action(&mut self, action: &MergeAction) {
        match action {
            MergeAction::Insert(insert) => {
                match &insert.kind {
                    MergeInsertKind::Values(values) => self.values(values),
                    MergeInsertKind::Row | MergeInsertKind::Wildcard => {}
                }
                self.expressions(&insert.insert_predicate);
            }
            MergeAction::Update(update) => {
                match &update.kind {
                    MergeUpdateKind::Set(assignments) => self.assignments(assignments),
                    MergeUpdateKind::Wildcard => {}
                }
                self.expressions(&update.update_predicate);
                self.expressions(&update.delete_predicate);
            }
            MergeAction::Delete { delete_token: _ }
            | MergeAction::DoNothing { do_token: _, nothing_token: _ } => {}
        }
    }

    fn assignments(&mut self, assignments: &[Assignment]) {
        self.expressions(assignments.iter().map(|assignment: &Assignment| -> &Expr { &assignment.value }));
    }

    fn output(&mut self, output: Option<&OutputClause>) {
        match output {
            None => {}
            Some(OutputClause::Output { output_token: _, select_items, into_table }) => {
                self.items(select_items);
                if let Some(into) = into_table {
                    self.into(into);
                }
            }
            Some(OutputClause::Returning { returning_token: _, select_items }) => self.items(select_items),
        }
    }
}
