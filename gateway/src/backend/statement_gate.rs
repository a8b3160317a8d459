//! Who decides whether a statement may run, once its objects are known.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use sql_gate::{Object, ObjectName};

use super::{BackendError, BoxFuture, Catalog};

/// Decides on a statement by what it touches. A backend whose engine sees that better than a reader of text
/// ([`Backend::sees_objects`]) asks it after a statement is compiled and before anything of it runs; for the others it
/// is asked before.
///
/// [`Backend::sees_objects`]: super::Backend::sees_objects
pub trait StatementGate: fmt::Debug + Send + Sync {
    /// Whether there are lists of names: then what shows the names or definitions of other objects is refused, too.
    fn looks_at_names(&self) -> bool;

    /// Whether [`StatementGate::admit`] is to be asked: if not, objects need not be collected.
    fn is_asked(&self) -> bool {
        self.looks_at_names()
    }

    /// How many names of what a statement touches are noted where it is not asked, for records.
    fn names_max(&self) -> usize {
        0
    }

    /// Notes them: tables and views in full, those behind a view and a trigger among them.
    fn note_names(&self, names: Vec<ObjectName>) {
        let _ = names;
    }

    /// Why a statement that would change something for others may not run here, whatever its text was taken for;
    /// `None`: it may.
    fn objection_to_writes(&self) -> Option<BackendError> {
        None
    }

    /// Whether a statement may run that touches `objects`, each named in full: what is called by views of files is the
    /// view's, and what only our own statements touch is left out.
    ///
    /// # Errors
    /// Which object is denied, and by which setting.
    fn admit<'a>(&'a self, objects: &'a [Object]) -> BoxFuture<'a, Result<(), BackendError>>;

    /// Which rows of the answer to `catalog` may be shown; `None`: all. For names that an error suggests.
    fn rows_of(&self, catalog: &Catalog) -> Option<Arc<dyn RowFilter>> {
        let _ = catalog;
        None
    }
}

/// Lets everything run: for our own questions.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenGate;

impl StatementGate for OpenGate {
    fn looks_at_names(&self) -> bool {
        false
    }

    fn admit<'a>(&'a self, _: &'a [Object]) -> BoxFuture<'a, Result<(), BackendError>> {
        Box::pin(ready(Ok(())))
    }
}

/// Decides which rows of a list of objects a client sees.
pub trait RowFilter: fmt::Debug + Send + Sync {
    /// Whether a row with these values in these columns is left in.
    fn keeps(&self, columns: &[String], row: &[Option<&str>]) -> bool;
}
