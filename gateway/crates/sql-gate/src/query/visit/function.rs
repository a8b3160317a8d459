//! Calls of functions.

use sqlparser::ast::{
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments,
    ListAggOnOverflow, ObjectName, ObjectNamePart,
};

use super::Visitor;
use crate::{Access, ObjectKind, metadata};

impl Visitor<'_> {
    pub(super) fn function(&mut self, function: &Function) {
        let Function {
            name,
            uses_odbc_syntax: _,
            parameters,
            args,
            within_group,
            filter,
            null_treatment: _,
            over,
        } = function;
        self.call(name, &[]);
        for arguments in [parameters, args] {
            match arguments {
                FunctionArguments::None => {}
                FunctionArguments::Subquery(query) => self.query(query),
                FunctionArguments::List(list) => {
                    let FunctionArgumentList { duplicate_treatment: _, args, clauses } = list;
                    self.call(name, args);
                    self.argument_clauses(clauses);
                }
            }
        }
        self.sort(within_group);
        if let Some(filter) = filter {
            self.expression(filter);
        }
        if let Some(window) = over {
            self.window(window);
        }
    }

    /// The function `name` gets `arguments`.
    pub(super) fn call(&mut self, name: &ObjectName, arguments: &[FunctionArg]) {
        self.function_name(name);
        match special_of(name) {
            None => arguments.iter().for_each(|argument| self.argument(argument)),
            Some(Special::Table) => arguments.iter().for_each(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(relation)) => self.table_function(relation),
                other => {
                    self.argument(other);
                    self.miss("what is in TABLE(...)");
                }
            }),
            Some(Special::FirstIsObject(kind, access)) => {
                let Some((first, others)) = arguments.split_first() else { return };
                self.object_argument(kind, access, first);
                others.iter().for_each(|argument| self.argument(argument));
            }
        }
    }

    /// A function of a name without a schema may be the server's own, or one of the current schema: it is no object for
    /// lists of names, unless the current schema may be one that shows the names of others.
    fn function_name(&mut self, name: &ObjectName) {
        let is_metadata = || {
            let [ObjectNamePart::Identifier(only)] = &name.0[..] else { return false };
            metadata::is_table_function(&only.value.to_ascii_uppercase())
        };
        if name.0.len() > 1 || is_metadata() {
            self.object(ObjectKind::Function, name, Access::Read);
        } else if !matches!(&name.0[..], [ObjectNamePart::Identifier(_)]) {
            self.miss("a function whose name is made by a function");
        }
    }

    fn argument_clauses(&mut self, clauses: &[FunctionArgumentClause]) {
        for clause in clauses {
            match clause {
                FunctionArgumentClause::Where(expression) | FunctionArgumentClause::Limit(expression) => {
                    self.expression(expression);
                }
                FunctionArgumentClause::OrderBy(order_by) => self.sort(order_by),
                FunctionArgumentClause::OnOverflow(overflow) => match overflow {
                    ListAggOnOverflow::Error
                    | ListAggOnOverflow::Truncate { filler: None, with_count: _ } => {}
                    ListAggOnOverflow::Truncate { filler: Some(filler), with_count: _ } => {
                        self.expression(filler);
                    }
                },
                FunctionArgumentClause::Having(having) => self.expression(&having.1),
                FunctionArgumentClause::IgnoreOrRespectNulls(_)
                | FunctionArgumentClause::Separator(_)
                | FunctionArgumentClause::JsonNullClause(_)
                | FunctionArgumentClause::JsonReturningClause(_) => {}
            }
        }
    }

    pub(super) fn argument(&mut self, argument: &FunctionArg) {
        let value = match argument {
            FunctionArg::Named { name: _, arg, operator: _ } | FunctionArg::Unnamed(arg) => arg,
            FunctionArg::ExprNamed { name, arg, operator: _ } => {
                self.expression(name);
                arg
            }
        };
        match value {
            FunctionArgExpr::Expr(expression) => self.expression(expression),
            FunctionArgExpr::QualifiedWildcard(_) | FunctionArgExpr::Wildcard => {}
            FunctionArgExpr::WildcardWithOptions(options) => self.wildcard(options),
        }
    }

    /// An argument that is no column but an object.
    fn object_argument(&mut self, kind: ObjectKind, access: Access, argument: &FunctionArg) {
        let name = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => super::expression::as_name(expression),
            _ => None,
        };
        match name {
            Some(name) => self.object(kind, &name, access),
            None => {
                self.argument(argument);
                self.miss("the object that a function gets");
            }
        }
    }
}

/// A function whose arguments are no columns.
enum Special {
    /// `f(TABLE(t))`
    Table,
    /// `GETNEXTVAL(s)`, `VALIDATE(t, job_id => '_last')`
    FirstIsObject(ObjectKind, Access),
}

fn special_of(name: &ObjectName) -> Option<Special> {
    let [ObjectNamePart::Identifier(last)] = &name.0[..] else { return None };
    let is = |known: &str| last.value.eq_ignore_ascii_case(known);
    match () {
        () if is("TABLE") => Some(Special::Table),
        () if is("GETNEXTVAL") => Some(Special::FirstIsObject(ObjectKind::Other, Access::Write)),
        () if is("VALIDATE") => Some(Special::FirstIsObject(ObjectKind::Relation, Access::Read)),
        () => None,
    }
}
