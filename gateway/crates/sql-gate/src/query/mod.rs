//! Queries and DML: parsed by `sqlparser`, visited to the last node.
//!
//! `outline` finds class and verb in the tokens alone, so that a statement that is not parsed has them, too. `mend`
//! makes the parser's tokens (`translate`), `parse` has them parsed within bounds (`dialect`), `visit` finds the objects
//! in the tree.

mod clauses;
mod dialect;
mod mend;
mod named;
mod outline;
mod parse;
mod translate;
mod visit;

use crate::caps::{Extent, IN_PLACE, ON_LARGE_STACK, PARSED_MAX};
use crate::stack;
use crate::tokens::Tok;
use crate::{Access, Object, ObjectKind, ObjectName, Statement};

/// What is found in one query.
#[derive(Debug, Default)]
struct Found {
    objects: Vec<Object>,
    /// The first part that was not understood.
    missed: Option<String>,
    /// It makes a table: `SELECT ... INTO`.
    makes_table: bool,
    /// It changes rows.
    changes_rows: bool,
}

impl Found {
    fn object(&mut self, kind: ObjectKind, name: ObjectName, access: Access) {
        self.objects.push(Object { kind, name, access });
    }

    fn miss(&mut self, what: impl Into<String>) {
        self.missed.get_or_insert_with(|| what.into());
    }
}

/// Reads a query or a DML statement into `out`: class, objects, what was not understood.
pub(crate) fn read(tokens: &[Tok<'_>], out: &mut Statement) {
    outline::read(tokens, out);
    let extent = Extent::of(tokens);
    let found = if extent.is_within(&IN_PLACE) {
        stack::in_place(|| look(tokens, IN_PLACE.stack_bytes))
    } else if let Err(cap) = extent.check(&ON_LARGE_STACK) {
        return out.miss(cap);
    } else {
        None
    };
    let found = match found {
        Some(found) if !found.was_too_deep => Some(found),
        _ => stack::on_large_stack(|| look(tokens, ON_LARGE_STACK.stack_bytes)),
    };
    match found {
        Some(looked) => add(looked.found, out),
        None => out.miss("the query, for which there was no room"),
    }
}

/// What one look at a query gives.
struct Looked {
    found: Found,
    /// More stack would have been needed.
    was_too_deep: bool,
}

fn look(tokens: &[Tok<'_>], stack_max: usize) -> Looked {
    let mut found = Found::default();
    let translation = mend::mend(tokens, &mut found);
    let mut was_too_deep = false;
    if translation.tokens.len() > PARSED_MAX {
        found.miss(format!("a query of more than {PARSED_MAX} tokens"));
        return Looked { found, was_too_deep };
    }
    match parse::parse(translation, stack_max) {
        Ok(statement) => visit::visit(&statement, &mut found),
        Err(parse::ParseError::TooDeep) => {
            was_too_deep = true;
            found.miss("a query that is nested too deep");
        }
        Err(parse::ParseError::Unexpected(at)) => found.miss(match tokens.get(at) {
            Some(tok) => format!("the query, at {}", outline::shown(tok)),
            None => "the query, at its end".to_owned(),
        }),
    }
    Looked { found, was_too_deep }
}

fn add(found: Found, out: &mut Statement) {
    out.objects.extend(found.objects);
    if let Some(what) = found.missed {
        out.miss(what);
    }
    if found.makes_table {
        out.raise(crate::Class::Ddl);
    }
    if found.changes_rows {
        out.raise(crate::Class::Write);
    }
}

/// Reads a query inside another statement, in parentheses or not: its objects and what was not understood; the class
/// and words of `out` stay, unless the query itself changes something.
pub(crate) fn read_inside(tokens: &[Tok<'_>], out: &mut Statement) {
    // The AS before it.
    let tokens = match tokens.split_first() {
        Some((first, rest)) if first.token.is_word("AS") => rest,
        _ => tokens,
    };
    let mut inner = Statement::blank();
    read(tokens, &mut inner);
    out.raise(inner.class);
    out.objects.append(&mut inner.objects);
    out.is_repeatable &= inner.is_repeatable;
    if let Some(what) = inner.not_understood {
        out.miss(what);
    }
    if let Some(refusal) = inner.refusal {
        out.refuse(refusal.message, refusal.next_step);
    }
}
