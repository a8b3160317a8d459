//! Log messages to a client that takes them: in the older era one that has set a level, in the stateless era one whose
//! request names one.
//!
//! The protocol will give logging up, so `rmcp` calls all of it deprecated; clients of today have it.
#![allow(deprecated, reason = "see above")]

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    LoggingLevel, LoggingMessageNotification, LoggingMessageNotificationParam, ServerNotification,
};
use rmcp::service::{Peer, RequestContext};

use super::facts::About;
use crate::session::Session;

/// How long a client may take to read what is before a message: then it is told in the result.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// What a client says that asks for log messages.
pub(super) type SetLevel = rmcp::model::SetLevelRequestParams;

/// The name of what logs.
const LOGGER: &str = "snowgate";

/// The client of one request, which takes warnings.
#[derive(Debug)]
pub(super) struct ClientLog {
    peer: Peer<RoleServer>,
    about: About,
}

impl ClientLog {
    /// The client of the request in `context`; `None`: it takes no warnings.
    pub(super) fn of(context: &RequestContext<RoleServer>, session: &Session, about: About) -> Option<Self> {
        let is_stateless = context.meta.protocol_version().is_some();
        let level = if is_stateless {
            context.meta.log_level()
        } else {
            session.log_level().and_then(|level| read(&level))
        };
        level.filter(|level| takes_warnings(*level)).map(|_| Self { peer: context.peer.clone(), about })
    }

    /// Sends a warning. Returns whether it was sent.
    pub(super) async fn warn(&self, message: &str) -> bool {
        let warning = LoggingMessageNotificationParam::new(LoggingLevel::Warning, message.into());
        let mut notification = LoggingMessageNotification::new(warning.with_logger(LOGGER));
        notification.extensions.insert(self.about);
        let notification = ServerNotification::LoggingMessageNotification(notification);
        let sending = self.peer.send_notification(notification);
        matches!(tokio::time::timeout(SEND_TIMEOUT, sending).await, Ok(Ok(())))
    }
}

/// The name of `level` in the protocol.
pub(super) fn name_of(level: LoggingLevel) -> &'static str {
    match level {
        LoggingLevel::Debug => "debug",
        LoggingLevel::Info => "info",
        LoggingLevel::Notice => "notice",
        LoggingLevel::Warning => "warning",
        LoggingLevel::Error => "error",
        LoggingLevel::Critical => "critical",
        LoggingLevel::Alert => "alert",
        LoggingLevel::Emergency => "emergency",
    }
}

fn read(name: &str) -> Option<LoggingLevel> {
    serde_json::from_value(name.into()).ok()
}

/// Whether a client that asked for this level and above takes warnings.
fn takes_warnings(level: LoggingLevel) -> bool {
    matches!(level, LoggingLevel::Debug | LoggingLevel::Info | LoggingLevel::Notice | LoggingLevel::Warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_by_their_names_and_warnings_go_to_those_that_take_them() {
        let names = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
        let levels: Vec<_> = names.iter().filter_map(|name| read(name)).collect();
        assert_eq!(levels.iter().map(|level| name_of(*level)).collect::<Vec<_>>(), names);
        assert_eq!(levels.iter().filter(|level| takes_warnings(**level)).count(), 4);
    }
}
