//! The tree of a query, visited to the last node for every object in it.
//!
//! Every `match` names all variants: a new version of the parser that knows more does not compile until it is decided
//! what that is. What a tree of Snowflake's SQL does not have is "not understood", with its name.

mod dml;
mod expression;
mod function;
mod select;
mod table;

use std::collections::HashSet;

use sqlparser::ast::{
    Cte, Ident, ObjectName as ParsedName, ObjectNamePart, Query, SetExpr, SetOperator, SetQuantifier,
    Statement, With,
};

use super::Found;
use super::translate::{quotes, stored};
use crate::{Access, ObjectKind, ObjectName};

/// Adds to `found` what `statement` names.
pub(super) fn visit(statement: &Statement, found: &mut Found) {
    let mut visitor = Visitor { found, scopes: Vec::new() };
    match statement {
        Statement::Query(query) => visitor.query(query),
        other => visitor.change(other),
    }
}

struct Visitor<'f> {
    found: &'f mut Found,
    /// Names of CTEs that can be seen, of the innermost WITH last.
    scopes: Vec<HashSet<String>>,
}

impl Visitor<'_> {
    fn miss(&mut self, what: impl Into<String>) {
        self.found.miss(what);
    }

    fn query(&mut self, query: &Query) {
        self.scopes.push(HashSet::new());
        if let Some(with) = &query.with {
            self.with(with);
        }
        self.set(&query.body);
        self.tail(query);
        self.scopes.pop();
    }

    /// What follows the body.
    fn tail(&mut self, query: &Query) {
        let Query {
            with: _,
            body: _,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if let Some(order_by) = order_by {
            self.order_by(order_by);
        }
        if let Some(limit) = limit_clause {
            self.limit(limit);
        }
        if let Some(quantity) = fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref()) {
            self.expression(quantity);
        }
        for lock in locks {
            if lock.of.is_some() {
                self.miss("FOR UPDATE OF");
            }
        }
        if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty()
        {
            self.miss("a clause behind the query");
        }
    }

    /// Each CTE sees those before it, and itself where it is recursive.
    fn with(&mut self, with: &With) {
        for Cte { alias, query, from, materialized: _, closing_paren_token: _ } in &with.cte_tables {
            let name = stored(&alias.name.value, alias.name.quote_style);
            self.alias(alias);
            if !matches!(alias.name.quote_style, None | Some('"')) {
                self.miss("the name of a CTE");
            }
            if from.is_some() {
                self.miss("WITH ... FROM");
            }
            self.cte(&name, query);
            if let Some(scope) = self.scopes.last_mut() {
                scope.insert(name);
            }
        }
    }

    /// The name of a CTE is its own in what it adds to itself, behind the first UNION ALL of its body; before that, and
    /// without one, it is that of a table.
    fn cte(&mut self, name: &str, query: &Query) {
        let mut terms = Vec::new();
        let mut anchor = &*query.body;
        while let SetExpr::SetOperation {
            left,
            op: SetOperator::Union,
            set_quantifier: SetQuantifier::All,
            right,
        } = anchor
        {
            terms.push(&**right);
            anchor = left;
        }
        self.scopes.push(HashSet::new());
        if let Some(with) = &query.with {
            self.with(with);
        }
        self.set(anchor);
        self.scopes.push([name.to_owned()].into());
        for term in terms {
            self.set(term);
        }
        self.scopes.pop();
        self.tail(query);
        self.scopes.pop();
    }

    fn set(&mut self, body: &SetExpr) {
        // Chains of set operators are as deep as they are long, to the left.
        let mut body = body;
        while let SetExpr::SetOperation { left, op: _, set_quantifier: _, right } = body {
            self.set(right);
            body = left;
        }
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { .. } => {}
            SetExpr::Values(values) => self.values(values),
            SetExpr::Insert(change)
            | SetExpr::Update(change)
            | SetExpr::Delete(change)
            | SetExpr::Merge(change) => {
                self.change(change);
            }
            SetExpr::Table(_) => self.miss("TABLE as a query"),
        }
    }

    /// A name where a relation is read.
    fn relation(&mut self, name: &ParsedName) {
        if let [ObjectNamePart::Identifier(only)] = &name.0[..]
            && self.is_no_object(only)
        {
            return;
        }
        self.object(ObjectKind::Relation, name, Access::Read);
    }

    /// Whether a relation of this name is a CTE, or noted already.
    fn is_no_object(&mut self, name: &Ident) -> bool {
        match name.quote_style {
            Some(quotes::NOTED) => true,
            Some(quotes::NAME_IN_TEXT) => false,
            Some(quotes::ROWS) => {
                if !name.value.bytes().all(|byte| byte.is_ascii_digit()) {
                    self.miss("a variable as a table");
                }
                true
            }
            quote => {
                let name = stored(&name.value, quote);
                self.scopes.iter().any(|scope| scope.contains(&name))
            }
        }
    }

    /// A name, whatever it is.
    fn object(&mut self, kind: ObjectKind, name: &ParsedName, access: Access) {
        match self.stored_name(name) {
            Some(name) => self.found.object(kind, name, access),
            None => self.miss("a name in a text or function"),
        }
    }

    fn stored_name(&mut self, name: &ParsedName) -> Option<ObjectName> {
        let mut parts = Vec::with_capacity(name.0.len());
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(Ident { quote_style: Some('\''), .. }) => return None,
                ObjectNamePart::Identifier(ident) => parts.push(name_part(ident)),
                ObjectNamePart::Function(_) => return None,
            }
        }
        Some(ObjectName(parts))
    }
}

/// A part of a name, as it is stored. An empty one, without quotes, is what stands between two dots.
fn name_part(ident: &Ident) -> String {
    if ident.value.is_empty() && ident.quote_style.is_none() {
        return "PUBLIC".to_owned();
    }
    stored(&ident.value, ident.quote_style)
}
