//! Why a WebSocket is closed: the codes of RFC 6455, 7.4.1, and what is said with them.

use std::borrow::Cow;

/// Why a WebSocket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// The session was ended.
    Ended,
    /// The gateway shuts down, or restarts.
    GoingAway,
    /// A frame that breaks WebSocket's rules.
    Protocol,
    /// A frame of bytes: messages are text.
    Binary,
    /// A text that is not UTF-8.
    NotUtf8,
    /// A message that is over the bound.
    TooBig(usize),
    /// The client answers no ping, or does not read.
    Silent,
    /// There is no session for it now.
    TryLater,
    /// Its session is refused.
    Refused,
}

impl Closing {
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Ended => 1000,
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::Binary => 1003,
            Self::NotUtf8 => 1007,
            Self::Refused => 1008,
            Self::TooBig(_) => 1009,
            Self::Silent => 1011,
            Self::TryLater => 1013,
        }
    }

    /// At most 123 bytes.
    pub(super) fn reason(self) -> Cow<'static, str> {
        match self {
            Self::Ended => "the session was ended".into(),
            Self::GoingAway => "the gateway shuts down or restarts; connect again".into(),
            Self::Protocol => "a frame that WebSocket does not allow".into(),
            Self::Binary => "binary frames are refused; send each JSON-RPC message as text".into(),
            Self::NotUtf8 => "a text frame that is not UTF-8".into(),
            Self::Refused => "the session is refused".into(),
            Self::TooBig(bytes) => format!("a message over {bytes} bytes").into(),
            Self::Silent => "no answer to pings, or nothing was read".into(),
            Self::TryLater => "there is no session for this connection now; try again later".into(),
        }
    }

    /// What an error of the connection's closes it with; `None`: nothing can be said any more. `axum` tells errors apart by
    /// their text alone.
    pub(super) fn of_error(error: &str, bytes_max: usize) -> Option<Self> {
        if error.starts_with("Space limit exceeded") {
            Some(Self::TooBig(bytes_max))
        } else if error.starts_with("UTF-8") {
            Some(Self::NotUtf8)
        } else if error.starts_with("WebSocket protocol error") && !error.contains("closing handshake") {
            Some(Self::Protocol)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_into_a_close_frame() {
        for closing in [
            Closing::Ended,
            Closing::GoingAway,
            Closing::Protocol,
            Closing::Binary,
            Closing::NotUtf8,
            Closing::TooBig(usize::MAX),
            Closing::Silent,
            Closing::TryLater,
            Closing::Refused,
        ] {
            assert!(closing.reason().len() <= 123 && (1000..1016).contains(&closing.code()), "{closing:?}");
        }
    }
}
