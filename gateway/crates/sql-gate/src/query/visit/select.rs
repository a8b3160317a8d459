//! SELECT and its clauses.

use sqlparser::ast::{
    ConnectByKind, Distinct, GroupByExpr, GroupByWithModifier, Interpolate, LimitClause, NamedWindowExpr,
    OrderBy, OrderByExpr, OrderByKind, ReplaceSelectItem, Select, SelectInto, SelectItem,
    SelectItemQualifiedWildcardKind, TableAlias, TopQuantity, Values, WildcardAdditionalOptions,
    WindowFrameBound, WindowSpec, WindowType,
};

use super::Visitor;
use crate::{Access, ObjectKind};

impl Visitor<'_> {
    pub(super) fn select(&mut self, select: &Select) {
        let Select {
            select_token: _,
            optimizer_hints: _,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude: _,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor: _,
        } = select;
        match distinct {
            None | Some(Distinct::All | Distinct::Distinct) => {}
            Some(Distinct::On(expressions)) => self.expressions(expressions),
        }
        match top.as_ref().and_then(|top| top.quantity.as_ref()) {
            None | Some(TopQuantity::Constant(_)) => {}
            Some(TopQuantity::Expr(quantity)) => self.expression(quantity),
        }
        self.items(projection);
        if let Some(into) = into {
            self.into(into);
        }
        self.tables(from);
        if !lateral_views.is_empty() || select_modifiers.is_some() || value_table_mode.is_some() {
            self.miss("a clause of SELECT that Snowflake does not have");
        }
        for condition in [prewhere, selection, having, qualify].into_iter().flatten() {
            self.expression(condition);
        }
        for kind in connect_by {
            match kind {
                ConnectByKind::ConnectBy { connect_token: _, nocycle: _, relationships } => {
                    self.expressions(relationships);
                }
                ConnectByKind::StartWith { start_token: _, condition } => self.expression(condition),
            }
        }
        self.group_by(group_by);
        self.expressions(cluster_by);
        self.expressions(distribute_by);
        self.sort(sort_by);
        for window in named_window {
            match &window.1 {
                NamedWindowExpr::NamedWindow(_) => {}
                NamedWindowExpr::WindowSpec(window) => self.window_spec(window),
            }
        }
    }

    pub(super) fn items(&mut self, items: &[SelectItem]) {
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expression)
                | SelectItem::ExprWithAlias { expr: expression, alias: _ }
                | SelectItem::ExprWithAliases { expr: expression, aliases: _ } => self.expression(expression),
                SelectItem::QualifiedWildcard(kind, options) => {
                    match kind {
                        SelectItemQualifiedWildcardKind::ObjectName(_) => {}
                        SelectItemQualifiedWildcardKind::Expr(expression) => self.expression(expression),
                    }
                    self.wildcard(options);
                }
                SelectItem::Wildcard(options) => self.wildcard(options),
            }
        }
    }

    pub(super) fn wildcard(&mut self, options: &WildcardAdditionalOptions) {
        let WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike: _,
            opt_exclude: _,
            opt_except: _,
            opt_replace,
            opt_rename: _,
            opt_alias: _,
        } = options;
        if let Some(ReplaceSelectItem { items }) = opt_replace {
            for item in items {
                self.expression(&item.expr);
            }
        }
    }

    /// `SELECT ... INTO t` makes a table; into variables of a script (`:x`) it does not.
    pub(super) fn into(&mut self, into: &SelectInto) {
        self.found.makes_table = true;
        let SelectInto { temporary: _, unlogged: _, table: _, targets } = into;
        for target in targets {
            match super::expression::as_name(target) {
                Some(name) => self.object(ObjectKind::Relation, &name, Access::Define),
                None => self.miss("the target of SELECT ... INTO"),
            }
        }
    }

    fn group_by(&mut self, group_by: &GroupByExpr) {
        let modifiers = match group_by {
            GroupByExpr::All(modifiers) => modifiers,
            GroupByExpr::Expressions(expressions, modifiers) => {
                self.expressions(expressions);
                modifiers
            }
        };
        for modifier in modifiers {
            match modifier {
                GroupByWithModifier::Rollup | GroupByWithModifier::Cube | GroupByWithModifier::Totals => {}
                GroupByWithModifier::GroupingSets(sets) => self.expression(sets),
            }
        }
    }

    pub(super) fn order_by(&mut self, order_by: &OrderBy) {
        match &order_by.kind {
            OrderByKind::All(_) => {}
            OrderByKind::Expressions(expressions) => self.sort(expressions),
        }
        match &order_by.interpolate {
            None => {}
            Some(Interpolate { exprs: _ }) => self.miss("INTERPOLATE"),
        }
    }

    pub(super) fn sort(&mut self, expressions: &[OrderByExpr]) {
        for OrderByExpr { expr, options: _, with_fill } in expressions {
            self.expression(expr);
            if with_fill.is_some() {
                self.miss("WITH FILL");
            }
        }
    }

    pub(super) fn limit(&mut self, limit: &LimitClause) {
        match limit {
            LimitClause::LimitOffset { limit, offset, limit_by } => {
                if let Some(limit) = limit {
                    self.expression(limit);
                }
                if let Some(offset) = offset {
                    self.expression(&offset.value);
                }
                self.expressions(limit_by);
            }
            LimitClause::OffsetCommaLimit { offset, limit } => {
                self.expression(offset);
                self.expression(limit);
            }
        }
    }

    pub(super) fn window(&mut self, window: &WindowType) {
        match window {
            WindowType::WindowSpec(spec) => self.window_spec(spec),
            WindowType::NamedWindow(_) => {}
        }
    }

    fn window_spec(&mut self, spec: &WindowSpec) {
        let WindowSpec { window_name: _, partition_by, order_by, window_frame } = spec;
        self.expressions(partition_by);
        self.sort(order_by);
        if let Some(frame) = window_frame {
            for bound in [Some(&frame.start_bound), frame.end_bound.as_ref()].into_iter().flatten() {
                match bound {
                    WindowFrameBound::CurrentRow
                    | WindowFrameBound::Preceding(None)
                    | WindowFrameBound::Following(None) => {}
                    WindowFrameBound::Preceding(Some(rows)) | WindowFrameBound::Following(Some(rows)) => {
                        self.expression(rows);
                    }
                }
            }
        }
    }

    pub(super) fn values(&mut self, values: &Values) {
        for row in &values.rows {
            self.expressions(&row.content);
        }
    }

    pub(super) fn alias(&mut self, alias: &TableAlias) {
        if alias.at.is_some() {
            self.miss("AT behind an alias");
        }
    }
}
