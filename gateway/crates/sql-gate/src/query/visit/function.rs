//! Calls of functions.

use sqlparser::ast::{
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments,
    ListAggOnOverflow, ObjectName, ObjectNamePart,
};

use super::Visitor;
use crate::{Access, ObjectKind};

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
                FunctionArguments::List(list) if is_sequence_function(name) => self.sequence_arguments(list),
                FunctionArguments::List(list) => self.argument_list(list),
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
    /// lists of names.
    pub(super) fn function_name(&mut self, name: &ObjectName) {
        if name.0.len() > 1 {
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

    /// `GETNEXTVAL(s)`: the argument is no column but a sequence.
    fn sequence_arguments(&mut self, list: &FunctionArgumentList) {
        for argument in &list.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) = argument else {
                self.argument(argument);
                continue;
            };
            match super::expression::as_name(expression) {
                Some(name) => self.object(ObjectKind::Other, &name, Access::Write),
                None => self.miss("the sequence of GETNEXTVAL"),
            }
        }
    }
}

fn is_sequence_function(name: &ObjectName) -> bool {
    matches!(
        &name.0[..],
        [ObjectNamePart::Identifier(only)] if only.value.eq_ignore_ascii_case("GETNEXTVAL")
    )
}
