//! What an OAuth server said when it refused.

use std::fmt;

/// A refusal in the server's own words, shortened. It quotes no secret of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRefusal {
    /// The server's name.
    pub host: String,
    /// The HTTP status.
    pub status: u16,
    /// The code of RFC 6749, such as `invalid_client`, if it is an answer of that form.
    pub error: Option<String>,
    /// The server's text.
    pub description: Option<String>,
}

impl TokenRefusal {
    /// Whether the code or refresh token that was shown is no good any more: expired, revoked or used.
    pub fn is_spent_grant(&self) -> bool {
        match self.error.as_deref() {
            None => matches!(self.status, 400 | 401),
            Some(error) => !matches!(
                error,
                "invalid_client"
                    | "unauthorized_client"
                    | "unsupported_grant_type"
                    | "server_error"
                    | "temporarily_unavailable"
                    | "slow_down"
            ),
        }
    }
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} refuses:", self.host)?;
        match (&self.error, &self.description) {
            (Some(error), Some(description)) => write!(f, " {error}: {description}")?,
            (Some(text), None) | (None, Some(text)) => write!(f, " {text}")?,
            (None, None) => {}
        }
        write!(f, " (HTTP {})", self.status)
    }
}
