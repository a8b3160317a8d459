//! New links of a finished query, for rows whose links have expired.

use super::Progress;
use crate::error::{Error, Operation};
use crate::ids::QueryId;
use crate::rows::{FetchedLinks, LinkSource};
use crate::session::Session;

impl LinkSource for Session {
    fn fetch_links<'a>(&'a self, query: &'a QueryId) -> FetchedLinks<'a> {
        Box::pin(async move {
            match self.result(query).await? {
                Progress::Done(answer) => Ok(answer.rows.into_links()),
                Progress::Running(_) => {
                    Err(Error::malformed(Operation::Download, "the finished query is running again"))
                }
            }
        })
    }
}
