//! Why Snowflake refuses log-ins, by its codes: what the user can do, and what the gateway does next.
//!
//! Sources: `network.py` and `auth/` of snowflake-connector-python, the recorded answers in the official
//! drivers' repositories, "Key Pair Authentication: Troubleshooting" in Snowflake's documentation. There is no
//! public list, so a code that is not in the table is told apart by its text, and else gets the general advice.

use snowflake_wire::Failure;

/// What a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The password, or the user's name: five in a row lock the user.
    Password,
    /// The user: disabled, locked, or with a password that has expired.
    User,
    /// The place that the log-in came from.
    Network,
    /// The passcode beside the password: none, a stale one, or a wrong one.
    Passcode,
    /// A second factor that is missing, was denied or not given in time.
    SecondFactor,
    /// A token, or a key pair's signature.
    Token,
    /// The role that was asked for.
    Role,
    /// Anything else.
    Other,
}

/// A refusal, looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// What to do about it.
    pub(super) next_step: &'static str,
}

const GENERAL: &str = "correct user, account or credentials (`snowgate config show` says where they come from), then \
                       run `snowgate restart`; after a change of an environment variable, run `snowgate stop` and \
                       restart the client";
const PASSWORD: &str = "correct user, account or password (`snowgate config show` says where they come from), then run \
                        `snowgate restart`; after a change of an environment variable, run `snowgate stop` and \
                        restart the client; if the account's side was corrected, run `snowgate login`";
const DISABLED: &str = "ask an administrator to enable the user (ALTER USER ... SET DISABLED = FALSE); the next call \
                        tries again";
const LOCKED: &str = "wait 15 minutes, or ask an administrator to unlock the user (ALTER USER ... SET MINS_TO_UNLOCK \
                      = 0); the next call tries again";
const CHANGE_PASSWORD: &str = "log in to Snowsight and set a new password, put it in the configuration (`snowgate config show` says where it \
     comes from), then run `snowgate restart`; after a change of an environment variable, run `snowgate stop` and \
     restart the client";
const NETWORK: &str = "connect to the VPN or network from which the account may be used, or ask an administrator to \
                       add this address to the network policy; the next call tries again";
const POLICY_NEEDED: &str = "ask an administrator for a network policy for this user, which access tokens need; the \
                             next call tries again";
const SINGLE_FACTOR: &str = "a password alone is not enough for this account: use an access token (authenticator = \
     \"programmatic_access_token\"), a key pair (\"snowflake_jwt\" and `private_key_file`), or \
     \"username_password_mfa\" under [snowflake]; with the last, `snowgate login --passcode` takes the code of an \
     authenticator app";
const PASSCODE: &str = "run `snowgate login --passcode` and type a new code of your authenticator app; with a password \
                        alone, set authenticator = \"username_password_mfa\" under [snowflake] first. An access token \
                        (\"programmatic_access_token\") or a key pair (\"snowflake_jwt\") needs no code";
const PUSH: &str = "call the tool again, and approve the log-in on your phone; `snowgate login` asks again, too, and \
                    `snowgate login --passcode` takes a code instead";
const ENROLL: &str = "log in to Snowsight once and enroll a second factor; or use an access token (authenticator = \
                      \"programmatic_access_token\") or a key pair (\"snowflake_jwt\") under [snowflake]. The next \
                      call tries again";
const OAUTH: &str = "get a new OAuth token; a token file is read again by the next call, a token from a variable \
                     needs `snowgate stop` and a restart of the client";
const ACCESS_TOKEN: &str = "make a new access token (Snowsight, or ALTER USER ... ADD PROGRAMMATIC ACCESS TOKEN); a token file is read again \
     by the next call, a token from a variable needs `snowgate stop` and a restart of the client";
const KEY: &str = "check that the user has the public key of `private_key_file` (DESCRIBE USER shows RSA_PUBLIC_KEY_FP; \
                   `snowgate config show` says where user, account and key come from) and that this machine's clock is \
                   right, then call the tool again; after a change of the config, run `snowgate restart`";
const REMEMBERED: &str = "call the tool again to log in anew";
const BROWSER: &str =
    "log in to the browser as the user of `user` under [snowflake], then call the tool again";
const METHOD: &str = "the account does not take this `authenticator`: use an access token \
                      (\"programmatic_access_token\"), a key pair (\"snowflake_jwt\") or \"externalbrowser\" under \
                      [snowflake], then run `snowgate restart`";
const ROLE: &str = "correct `role` under [snowflake], then run `snowgate restart`; or have the role granted, and the \
                    next call tries again";

/// Every code that is known, in order.
const CODES: [(&str, Reason, &str); 35] = [
    ("390100", Reason::Password, PASSWORD),
    ("390101", Reason::User, DISABLED),
    ("390102", Reason::User, LOCKED),
    ("390106", Reason::User, CHANGE_PASSWORD),
    ("390110", Reason::Token, REMEMBERED),
    ("390120", Reason::SecondFactor, PUSH),
    ("390121", Reason::SecondFactor, PUSH),
    ("390122", Reason::SecondFactor, ENROLL),
    ("390123", Reason::SecondFactor, LOCKED),
    ("390126", Reason::SecondFactor, PUSH),
    ("390127", Reason::Passcode, PASSCODE),
    ("390129", Reason::SecondFactor, PUSH),
    ("390139", Reason::Other, METHOD),
    ("390144", Reason::Token, KEY),
    ("390189", Reason::Role, ROLE),
    ("390191", Reason::Token, BROWSER),
    ("390195", Reason::Token, REMEMBERED),
    ("390197", Reason::SecondFactor, SINGLE_FACTOR),
    ("390303", Reason::Token, OAUTH),
    ("390318", Reason::Token, OAUTH),
    ("390420", Reason::Network, NETWORK),
    ("390422", Reason::Network, NETWORK),
    ("390432", Reason::Network, POLICY_NEEDED),
    ("394300", Reason::Token, KEY),
    ("394301", Reason::Token, KEY),
    ("394302", Reason::Token, KEY),
    ("394303", Reason::Token, KEY),
    ("394304", Reason::Token, KEY),
    ("394305", Reason::Token, KEY),
    ("394306", Reason::Token, KEY),
    ("394400", Reason::Token, ACCESS_TOKEN),
    ("394401", Reason::Token, ACCESS_TOKEN),
    ("394402", Reason::Token, ACCESS_TOKEN),
    ("394507", Reason::Passcode, PASSCODE),
    ("394508", Reason::Passcode, PASSCODE),
];

/// Parts of texts, in lower case, for codes that are not in the table.
const TEXTS: [(&str, Reason, &str); 12] = [
    ("incorrect username or password", Reason::Password, PASSWORD),
    ("incorrect password", Reason::Password, PASSWORD),
    ("is not allowed to access snowflake", Reason::Network, NETWORK),
    ("network policy", Reason::Network, NETWORK),
    ("single-factor", Reason::SecondFactor, SINGLE_FACTOR),
    ("multi-factor", Reason::SecondFactor, SINGLE_FACTOR),
    ("multifactor", Reason::SecondFactor, SINGLE_FACTOR),
    ("mfa", Reason::SecondFactor, SINGLE_FACTOR),
    ("password has expired", Reason::User, CHANGE_PASSWORD),
    ("pwd_change", Reason::User, CHANGE_PASSWORD),
    ("change your password", Reason::User, CHANGE_PASSWORD),
    ("programmatic access token", Reason::Token, ACCESS_TOKEN),
];

impl Refusal {
    /// What `failure` is about.
    pub(super) fn of(failure: &Failure) -> Self {
        let by_code = CODES.iter().find(|(code, ..)| *code == failure.code);
        let text = failure.message.to_lowercase();
        let found = by_code.or_else(|| TEXTS.iter().find(|(part, ..)| text.contains(part)));
        let (reason, next_step) =
            found.map_or((Reason::Other, GENERAL), |(_, reason, next_step)| (*reason, next_step));
        Self { reason, next_step }
    }

    /// Whether sending the same again brings the user nearer to being locked.
    pub(super) fn locks(&self) -> bool {
        self.reason == Reason::Password
    }

    /// Whether the role that was asked for was refused.
    pub(super) fn is_about_role(&self) -> bool {
        self.reason == Reason::Role
    }

    /// Whether a second factor was surely what was refused, so that the password beside it may be sent again.
    pub(super) fn names_factor(&self) -> bool {
        matches!(self.reason, Reason::Token | Reason::Passcode | Reason::SecondFactor)
    }

    /// Whether nothing is known of the refusal: it may be one of the password.
    pub(super) fn is_unknown(&self) -> bool {
        self.reason == Reason::Other
    }

    /// Whether an error with this code wants a passcode, or another one.
    pub(super) fn wants_passcode(code: &str) -> bool {
        CODES.iter().any(|(known, reason, _)| *known == code && *reason == Reason::Passcode)
    }

    /// Whether a remembered token that was sent with it may be what was refused.
    pub(super) fn is_about_token(&self) -> bool {
        !matches!(self.reason, Reason::Password | Reason::User | Reason::Network | Reason::Role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, message: &str) -> Refusal {
        let (code, message) = (code.to_owned(), message.to_owned());
        Refusal::of(&Failure { code, sql_state: None, message, position: None, query_id: None })
    }

    #[test]
    fn each_code_is_there_once() {
        assert!(CODES.is_sorted_by(|one, next| one.0 < next.0));
    }

    #[test]
    fn only_a_wrong_password_locks() {
        let locking: Vec<_> =
            CODES.iter().filter(|(code, ..)| refusal(code, "").locks()).map(|(code, ..)| *code).collect();
        assert_eq!(locking, ["390100"]);
        assert!(!refusal("399999", "Incorrect something").locks());
        assert!(refusal("399999", "Incorrect username or password was specified.").locks());
    }

    #[test]
    fn a_code_that_is_not_known_is_told_apart_by_its_text() {
        let message = "Incoming request with IP/Token 1.2.3.4 is not allowed to access Snowflake.";
        assert_eq!(refusal("399999", message).reason, Reason::Network);
        let message = "Multi-factor authentication is required for this account.";
        assert_eq!(refusal("399999", message), refusal("390197", ""));
        for way in ["programmatic_access_token", "key pair", "username_password_mfa"] {
            assert!(refusal("399999", message).next_step.contains(way), "{way}");
            assert!(refusal("394508", "").next_step.contains(way), "{way}");
        }
        assert_eq!(refusal("399999", "no").next_step, GENERAL);
        // What the server says by its code counts, whatever its text mentions.
        assert_eq!(refusal("390100", "MFA").reason, Reason::Password);
    }

    #[test]
    fn a_remembered_log_in_outlives_what_is_not_its_fault() {
        for code in ["390100", "390102", "390189", "390422"] {
            assert!(!refusal(code, "").is_about_token(), "{code}");
        }
        for code in ["390195", "394507", "399999"] {
            assert!(refusal(code, "").is_about_token(), "{code}");
        }
    }
}
