//! FROM: tables, joins, and what stands for a table.

use sqlparser::ast::{
    Expr, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, PivotValueSource, TableFactor,
    TableFunctionArgs, TableSample, TableSampleKind, TableVersion, TableWithJoins, Value,
};

use super::Visitor;
use crate::query::translate::quotes;
use crate::tokens::name_in_text;
use crate::{Access, ObjectKind};

impl Visitor<'_> {
    pub(super) fn tables(&mut self, tables: &[TableWithJoins]) {
        for TableWithJoins { relation, joins } in tables {
            self.table(relation);
            for join in joins {
                self.join(join);
            }
        }
    }

    fn join(&mut self, join: &Join) {
        self.table(&join.relation);
        match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::CrossJoin(constraint)
            | JoinOperator::Semi(constraint)
            | JoinOperator::LeftSemi(constraint)
            | JoinOperator::RightSemi(constraint)
            | JoinOperator::Anti(constraint)
            | JoinOperator::LeftAnti(constraint)
            | JoinOperator::RightAnti(constraint)
            | JoinOperator::StraightJoin(constraint) => self.constraint(constraint),
            JoinOperator::AsOf { match_condition, constraint } => {
                self.expression(match_condition);
                self.constraint(constraint);
            }
            JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => self.miss("a join that Snowflake does not have"),
        }
    }

    fn constraint(&mut self, constraint: &JoinConstraint) {
        match constraint {
            JoinConstraint::On(condition) => self.expression(condition),
            JoinConstraint::Using(_)
            | JoinConstraint::UsingAlias(_, _)
            | JoinConstraint::Natural
            | JoinConstraint::None => {}
        }
    }

    pub(super) fn table(&mut self, table: &TableFactor) {
        match table {
            TableFactor::Table { .. } => self.named_table(table),
            TableFactor::Derived { lateral: _, subquery, alias: _, sample } => {
                self.query(subquery);
                self.sample(sample.as_ref());
            }
            TableFactor::TableFunction { expr, alias: _ } => self.table_function(expr),
            TableFactor::Function { lateral: _, name, args, with_ordinality: _, alias: _ } => {
                self.call(name, args);
            }
            TableFactor::NestedJoin { table_with_joins, alias: _ } => {
                self.tables(std::slice::from_ref(table_with_joins));
            }
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => self.pivot(table),
            TableFactor::MatchRecognize { .. } => self.match_recognize(table),
            TableFactor::SemanticView { name, dimensions, metrics, facts, where_clause, alias: _ } => {
                self.object(ObjectKind::Relation, name, Access::Read);
                for expressions in [dimensions, metrics, facts] {
                    self.expressions(expressions);
                }
                if let Some(condition) = where_clause {
                    self.expression(condition);
                }
            }
            TableFactor::UNNEST { .. } => self.miss("UNNEST"),
            TableFactor::JsonTable { .. } => self.miss("JSON_TABLE"),
            TableFactor::OpenJsonTable { .. } => self.miss("OPENJSON"),
            TableFactor::XmlTable { .. } => self.miss("XMLTABLE"),
            TableFactor::UnpivotExpr { .. } => self.miss("UNPIVOT of an expression"),
        }
    }

    fn named_table(&mut self, table: &TableFactor) {
        let TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version,
            with_ordinality: _,
            partitions: _,
            json_path,
            sample,
            index_directives: _,
            inheritance: _,
        } = table
        else {
            return;
        };
        match args {
            None => self.relation(name),
            Some(TableFunctionArgs { args, settings }) => {
                if is_noted(name) {
                    args.iter().for_each(|argument| self.argument(argument));
                } else {
                    self.call(name, args);
                }
                if settings.is_some() {
                    self.miss("SETTINGS of a table function");
                }
            }
        }
        if let Some(alias) = alias {
            self.alias(alias);
        }
        if !with_hints.is_empty() || json_path.is_some() {
            self.miss("a hint or path behind a table");
        }
        if let Some(version) = version {
            self.version(version);
        }
        self.sample(sample.as_ref());
    }

    /// A moment that `mend` has left.
    fn version(&mut self, version: &TableVersion) {
        match version {
            TableVersion::ForSystemTimeAsOf(moment)
            | TableVersion::TimestampAsOf(moment)
            | TableVersion::VersionAsOf(moment)
            | TableVersion::Function(moment) => self.expression(moment),
            TableVersion::Changes { changes, at, end } => {
                self.expression(changes);
                self.expression(at);
                if let Some(end) = end {
                    self.expression(end);
                }
            }
        }
    }

    fn sample(&mut self, sample: Option<&TableSampleKind>) {
        let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) =
            sample
        else {
            return;
        };
        let TableSample { modifier: _, name: _, quantity, seed: _, bucket, offset } = &**sample;
        if let Some(quantity) = quantity {
            self.expression(&quantity.value);
        }
        if let Some(on) = bucket.as_ref().and_then(|bucket| bucket.on.as_ref()) {
            self.expression(on);
        }
        if let Some(offset) = offset {
            self.expression(offset);
        }
    }

    /// `TABLE(f(...))`, `TABLE('t')`
    pub(super) fn table_function(&mut self, expression: &Expr) {
        match expression {
            Expr::Function(_) => self.expression(expression),
            Expr::Identifier(name) => {
                self.relation(&ObjectName(vec![ObjectNamePart::Identifier(name.clone())]));
            }
            Expr::CompoundIdentifier(parts) => {
                let name = ObjectName(parts.iter().cloned().map(ObjectNamePart::Identifier).collect());
                self.relation(&name);
            }
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => match name_in_text(text) {
                    Some(name) => self.found.object(ObjectKind::Relation, name, Access::Read),
                    None => self.miss("the name in TABLE('...')"),
                },
                _ => self.miss("TABLE of a variable"),
            },
            Expr::Nested(inner) => self.table_function(inner),
            Expr::Subquery(query) => self.query(query),
            _ => {
                self.expression(expression);
                self.miss("what is in TABLE(...)");
            }
        }
    }

    fn pivot(&mut self, table: &TableFactor) {
        if let TableFactor::Pivot {
            table,
            aggregate_functions,
            value_column,
            value_source,
            default_on_null,
            alias: _,
        } = table
        {
            self.table(table);
            self.expressions(aggregate_functions.iter().map(|with_alias| &with_alias.expr));
            self.expressions(value_column);
            match value_source {
                PivotValueSource::List(values) => self.expressions(values.iter().map(|value| &value.expr)),
                PivotValueSource::Any(order_by) => self.sort(order_by),
                PivotValueSource::Subquery(query) => self.query(query),
            }
            if let Some(default) = default_on_null {
                self.expression(default);
            }
        }
        if let TableFactor::Unpivot { table, value, name: _, columns, null_inclusion: _, alias: _ } = table {
            self.table(table);
            self.expression(value);
            self.expressions(columns.iter().map(|column| &column.expr));
        }
    }

    fn match_recognize(&mut self, table: &TableFactor) {
        if let TableFactor::MatchRecognize {
            table,
            partition_by,
            order_by,
            measures,
            rows_per_match: _,
            after_match_skip: _,
            pattern: _,
            symbols,
            alias: _,
        } = table
        {
            self.table(table);
            self.expressions(partition_by);
            self.sort(order_by);
            self.expressions(measures.iter().map(|measure| &measure.expr));
            self.expressions(symbols.iter().map(|symbol| &symbol.definition));
        }
    }
}

fn is_noted(name: &ObjectName) -> bool {
    matches!(&name.0[..], [ObjectNamePart::Identifier(only)] if only.quote_style == Some(quotes::NOTED))
}
