//! Expressions.

use sqlparser::ast::{
    AccessExpr, Expr, FunctionArg, Ident, InTarget, JsonPath, JsonPathElem, MemberOf, ObjectName,
    ObjectNamePart, Subscript,
};

use super::Visitor;
use crate::query::translate::stored;
use crate::{Access, ObjectKind};

impl Visitor<'_> {
    pub(super) fn expressions<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr>) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    /// Goes down a chain in a loop, as it is as deep as it is long, and into everything else by recursion.
    pub(super) fn expression(&mut self, expression: &Expr) {
        let mut next = Some(expression);
        while let Some(expression) = next {
            next = self.link(expression);
        }
    }

    /// Visits `expression` but for its first operand, which is returned.
    fn link<'e>(&mut self, expression: &'e Expr) -> Option<&'e Expr> {
        match expression {
            Expr::BinaryOp { left, op: _, right }
            | Expr::AnyOp { left, compare_op: _, right, is_some: _ }
            | Expr::AllOp { left, compare_op: _, right }
            | Expr::IsDistinctFrom(left, right)
            | Expr::IsNotDistinctFrom(left, right) => {
                self.expression(right);
                Some(left)
            }
            Expr::UnaryOp { op: _, expr }
            | Expr::Nested(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr)
            | Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsNull(expr)
            | Expr::IsNotNull(expr)
            | Expr::IsUnknown(expr)
            | Expr::IsNotUnknown(expr)
            | Expr::IsJson { expr, kind: _, unique_keys: _, negated: _ }
            | Expr::IsNormalized { expr, form: _, negated: _ }
            | Expr::Cast { kind: _, expr, data_type: _, format: _ }
            | Expr::Collate { expr, collation: _ }
            | Expr::Extract { field: _, syntax: _, expr }
            | Expr::Ceil { expr, field: _ }
            | Expr::Floor { expr, field: _ }
            | Expr::Prefixed { prefix: _, value: expr }
            | Expr::Named { expr, name: _ }
            | Expr::OuterJoin(expr)
            | Expr::Prior(expr) => Some(expr),
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.expression(time_zone);
                Some(timestamp)
            }
            Expr::JsonAccess { value, path } => {
                self.path(path);
                Some(value)
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain);
                Some(root)
            }
            Expr::In { expr, target, negated: _, global: _ } => {
                self.in_target(target);
                Some(expr)
            }
            Expr::Between { expr, negated: _, low, high } => {
                self.expression(low);
                self.expression(high);
                Some(expr)
            }
            Expr::Like { negated: _, any: _, expr, pattern, escape_char }
            | Expr::ILike { negated: _, any: _, expr, pattern, escape_char }
            | Expr::SimilarTo { negated: _, expr, pattern, escape_char } => {
                self.expression(pattern);
                self.expressions(escape_char.as_deref());
                Some(expr)
            }
            Expr::RLike { negated: _, expr, pattern, regexp: _ } => {
                self.expression(pattern);
                Some(expr)
            }
            _ => {
                self.leaf(expression);
                None
            }
        }
    }

    /// What is no link of a chain.
    fn leaf(&mut self, expression: &Expr) {
        match expression {
            Expr::Identifier(_) | Expr::Value(_) | Expr::TypedString(_) | Expr::Wildcard(_) => {}
            Expr::QualifiedWildcard(_, _) => {}
            Expr::CompoundIdentifier(parts) => self.column(parts),
            Expr::Function(function) => self.function(function),
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => self.query(subquery),
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.expressions(operand.as_deref());
                for when in conditions {
                    self.expression(&when.condition);
                    self.expression(&when.result);
                }
                self.expressions(else_result.as_deref());
            }
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                self.expressions(sets.iter().flatten());
            }
            Expr::Tuple(expressions) => self.expressions(expressions),
            Expr::Array(array) => self.expressions(&array.elem),
            Expr::Dictionary(fields) => self.expressions(fields.iter().map(|field| &*field.value)),
            Expr::Interval(interval) => self.expression(&interval.value),
            Expr::Lambda(lambda) => self.expression(&lambda.body),
            Expr::Convert { is_try: _, expr, data_type: _, charset: _, target_before_value: _, styles } => {
                self.expression(expr);
                self.expressions(styles);
            }
            Expr::Position { expr, r#in } => {
                self.expression(expr);
                self.expression(r#in);
            }
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.expression(expr);
                self.expressions(substring_from.as_deref());
                self.expressions(substring_for.as_deref());
            }
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters } => {
                self.expressions(trim_what.as_deref());
                self.expression(expr);
                self.expressions(trim_characters.iter().flatten());
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                self.expressions([&**expr, overlay_what, overlay_from]);
                self.expressions(overlay_for.as_deref());
            }
            Expr::MemberOf(MemberOf { value, array }) => {
                self.expression(value);
                self.expression(array);
            }
            Expr::Struct { values: _, fields: _ } => self.miss("STRUCT"),
            Expr::Map(_) => self.miss("MAP"),
            Expr::MatchAgainst { columns: _, match_value: _, opt_search_modifier: _ } => {
                self.miss("MATCH AGAINST");
            }
            // The links of `link`.
            Expr::BinaryOp { .. }
            | Expr::AnyOp { .. }
            | Expr::AllOp { .. }
            | Expr::IsDistinctFrom(_, _)
            | Expr::IsNotDistinctFrom(_, _)
            | Expr::UnaryOp { .. }
            | Expr::Nested(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsJson { .. }
            | Expr::IsNormalized { .. }
            | Expr::Cast { .. }
            | Expr::Collate { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Prefixed { .. }
            | Expr::Named { .. }
            | Expr::OuterJoin(_)
            | Expr::Prior(_)
            | Expr::AtTimeZone { .. }
            | Expr::JsonAccess { .. }
            | Expr::CompoundFieldAccess { .. }
            | Expr::In { .. }
            | Expr::Between { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::SimilarTo { .. }
            | Expr::RLike { .. } => {}
        }
    }

    fn path(&mut self, path: &JsonPath) {
        for element in &path.path {
            match element {
                JsonPathElem::Dot { key: _, quoted: _ } => {}
                JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => self.expression(key),
            }
        }
    }

    /// `a.b[i].c`; also `f(x).c` and, where `f` is the last part of a name, `a.b.f(x)`.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr]) {
        let _ = root;
        for access in chain {
            match access {
                // A name of the path, or a function that is called on what is before it.
                AccessExpr::Dot(expression) => self.expression(expression),
                AccessExpr::Subscript(Subscript::Index { index }) => self.expression(index),
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride }) => {
                    for bound in [lower_bound, upper_bound, stride].into_iter().flatten() {
                        self.expression(bound);
                    }
                }
            }
        }
    }

    fn in_target(&mut self, target: &InTarget) {
        match target {
            InTarget::List(expressions) => self.expressions(expressions),
            InTarget::Subquery(query) => self.query(query),
            InTarget::Unnest(expression) => self.expression(expression),
            InTarget::Table { name, args } => {
                self.relation(name);
                for argument in args.iter().flatten() {
                    self.argument(argument as &FunctionArg);
                }
            }
        }
    }

    /// A column, or the next number of a sequence: `s.nextval`.
    fn column(&mut self, parts: &[Ident]) {
        let Some((last, sequence)) = parts.split_last() else { return };
        if stored(&last.value, last.quote_style) == "NEXTVAL" {
            self.object(ObjectKind::Other, &name_of(sequence), Access::Write);
        }
    }
}

fn name_of(parts: &[Ident]) -> ObjectName {
    ObjectName(parts.iter().cloned().map(ObjectNamePart::Identifier).collect())
}

/// The name that an expression is, if it is no more.
pub(super) fn as_name(expression: &Expr) -> Option<ObjectName> {
    match expression {
        Expr::Identifier(only) => Some(name_of(std::slice::from_ref(only))),
        Expr::CompoundIdentifier(parts) => Some(name_of(parts)),
        _ => None,
    }
}
