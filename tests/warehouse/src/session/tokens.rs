//! The tokens that sessions are used and renewed with.

use std::collections::HashMap;

use uuid::Uuid;

use crate::answers::Refusal;

/// All tokens that were ever granted. One that was replaced counts as expired.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    sessions: HashMap<String, Token>,
    masters: HashMap<String, Token>,
}

#[derive(Debug)]
struct Token {
    session: u64,
    expired: bool,
}

impl Tokens {
    /// A new session token and a new master token; the old ones expire.
    pub(crate) fn grant(&mut self, session: u64) -> (String, String) {
        self.expire(Some(session));
        self.expire_master(Some(session));
        let name = |kind| format!("ver:1-hint:{session}-{kind}-{}", Uuid::new_v4().simple());
        let (token, master) = (name("session"), name("master"));
        self.sessions.insert(token.clone(), Token { session, expired: false });
        self.masters.insert(master.clone(), Token { session, expired: false });
        (token, master)
    }

    /// Expires the session tokens of one session, or of all.
    pub(crate) fn expire(&mut self, session: Option<u64>) {
        expire(&mut self.sessions, session);
    }

    /// Expires the master tokens of one session, or of all.
    pub(crate) fn expire_master(&mut self, session: Option<u64>) {
        expire(&mut self.masters, session);
    }

    /// The session of a token that has not expired.
    pub(super) fn session(&self, token: &str) -> Result<u64, Refusal> {
        match self.sessions.get(token) {
            None => Err(Refusal::unknown_token()),
            Some(token) if token.expired => Err(Refusal::token_expired()),
            Some(token) => Ok(token.session),
        }
    }

    /// The session of a token, expired or not.
    pub(crate) fn any_session(&self, token: &str) -> Option<u64> {
        self.sessions.get(token).map(|token| token.session)
    }

    /// The session of a master token that has not expired.
    pub(super) fn master(&self, token: &str) -> Result<u64, Refusal> {
        match self.masters.get(token) {
            None => Err(Refusal::master_invalid()),
            Some(token) if token.expired => Err(Refusal::master_expired()),
            Some(token) => Ok(token.session),
        }
    }
}

fn expire(tokens: &mut HashMap<String, Token>, session: Option<u64>) {
    let meant = tokens.values_mut().filter(|token| session.is_none_or(|session| token.session == session));
    meant.for_each(|token| token.expired = true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewal_replaces_both_tokens() {
        let mut tokens = Tokens::default();
        let (first, first_master) = tokens.grant(7);
        let (second, second_master) = tokens.grant(7);
        assert_eq!(tokens.session(&first).unwrap_err().code, "390112");
        assert_eq!(tokens.master(&first_master).unwrap_err().code, "390114");
        assert_eq!((tokens.session(&second).unwrap(), tokens.master(&second_master).unwrap()), (7, 7));
        assert_eq!(tokens.session("x").unwrap_err().code, "390104");
        assert_eq!(tokens.master("x").unwrap_err().code, "390115");
    }

    #[test]
    fn one_session_or_all_expire() {
        let mut tokens = Tokens::default();
        let ((one, _), (two, _)) = (tokens.grant(1), tokens.grant(2));
        tokens.expire(Some(1));
        assert!(tokens.session(&one).is_err() && tokens.session(&two).is_ok());
        tokens.expire(None);
        assert!(tokens.session(&two).is_err());
        assert_eq!(tokens.any_session(&two), Some(2));
    }
}
