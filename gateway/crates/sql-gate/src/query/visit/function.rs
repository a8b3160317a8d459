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
        self.function_name(name);
        for arguments in [parameters, args] {
            match arguments {
                FunctionArguments::None => {}
                FunctionArguments::Subquery(query) => self.query(query),
                FunctionArguments::List(list) => match function_of_object(name) {
                    Some((kind, access)) => self.object_argument(kind, access, list),
                    None => self.argument_list(list),
                },
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

    /// A function of a name without a schema may be the server's own, or one of the current schema: it is no object for
    /// lists of names, unless the current schema may be one that shows the names of others.
    pub(super) fn function_name(&mut self, name: &ObjectName) {
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

    fn argument_list(&mut self, list: &FunctionArgumentList) {
        let FunctionArgumentList { duplicate_treatment: _, args, clauses } = list;
        self.arguments(args);
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

    /// The first argument is no column but an object.
    fn object_argument(&mut self, kind: ObjectKind, access: Access, list: &FunctionArgumentList) {
        let Some((first, others)) = list.args.split_first() else { return };
        let name = match first {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => super::expression::as_name(expression),
            _ => None,
        };
        match name {
            Some(name) => self.object(kind, &name, access),
            None => self.miss("the object that a function gets"),
        }
        self.arguments(others);
    }
}

/// What the first argument of a function is, where it is an object: `GETNEXTVAL(s)`, `VALIDATE(t, job_id => '_last')`.
fn function_of_object(name: &ObjectName) -> Option<(ObjectKind, Access)> {
    let [ObjectNamePart::Identifier(only)] = &name.0[..] else { return None };
    let is = |known: &str| only.value.eq_ignore_ascii_case(known);
    match () {
        () if is("GETNEXTVAL") => Some((ObjectKind::Other, Access::Write)),
        () if is("VALIDATE") => Some((ObjectKind::Relation, Access::Read)),
        () => None,
    }
}
