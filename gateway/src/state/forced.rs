//! The circuit breakers that were opened or closed by hand, by the name of their connection: a restart is no
//! reason to let requests through again.

use rusqlite::params;

use super::jobs::Ask;
use super::{StateError, StateStore};

/// How their keys in the table `meta` begin.
const PREFIX: &str = "breaker.";

impl StateStore {
    /// Keeps that the breaker of `connection` is `forced`; `None`: it is not any more.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn keep_forced(
        &self,
        connection: &str,
        forced: Option<&'static str>,
    ) -> Result<(), StateError> {
        let key = format!("{PREFIX}{connection}");
        self.ask(Ask::FOR_GOOD, move |file| {
            match forced {
                Some(forced) => file
                    .connection
                    .execute("INSERT OR REPLACE INTO meta VALUES (?1, ?2)", params![key, forced])?,
                None => file.connection.execute("DELETE FROM meta WHERE key = ?1", [&key])?,
            };
            Ok(())
        })
        .await
    }

    /// The connections whose breakers are forced, and how.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn forced(&self) -> Result<Vec<(String, String)>, StateError> {
        self.ask(Ask::READ, |file| {
            // No LIKE: its dot is none of ours, but a name's may be anything.
            let mut found =
                file.connection.prepare("SELECT key, value FROM meta WHERE substr(key, 1, ?1) = ?2")?;
            let rows = found.query_map(params![PREFIX.len() as i64, PREFIX], |row| {
                let key: String = row.get(0)?;
                Ok((key[PREFIX.len()..].to_owned(), row.get(1)?))
            })?;
            rows.collect()
        })
        .await
    }
}
