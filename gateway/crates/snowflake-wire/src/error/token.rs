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
        // Only if the server says so: a proxy's page, or too many requests, tell nothing of it.
        let spent = ["invalid_grant", "interaction_required", "login_required", "consent_required"];
        self.error.as_deref().is_some_and(|error| spent.contains(&error))
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
