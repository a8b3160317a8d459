//! Queries and DML: parsed by `sqlparser`, visited to the last node.

use crate::tokens::Tok;
use crate::{Class, Statement};

/// Reads a query or a DML statement into `out`: class, objects, what was not understood.
pub(crate) fn read(tokens: &[Tok<'_>], out: &mut Statement) {
    let _ = tokens;
    out.raise(Class::Read);
    out.miss("the query");
}
