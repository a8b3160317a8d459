//! What Snowflake's part tells clients, for `docs/messages.md`.

use snowflake_wire::{Error, Failure};

use super::failure::{Stage, of_connection, of_statement, stopped_early};
use super::held::{lost, lost_meanwhile};
use super::log_in::samples as of_log_in;
use crate::backend::{Held, Sample, sample};

fn failure(code: &str, message: &str) -> Box<Failure> {
    Box::new(Failure {
        code: code.into(),
        sql_state: None,
        message: message.into(),
        position: None,
        query_id: None,
    })
}

/// One of each.
pub(crate) fn samples() -> Vec<Sample> {
    let held = Held { transaction: true, ..Held::default() };
    let refused = |code, message| of_connection(&Error::LogInRefused(failure(code, message)));
    let mut samples = of_log_in();
    samples.extend([
        sample("a wrong password", refused("390100", "Incorrect username or password was specified.")),
        sample("the user is locked", refused("390102", "Your user account has been temporarily locked.")),
        sample(
            "a network policy",
            refused("390422", "Incoming request with IP/Token is not allowed to access Snowflake."),
        ),
        sample("a passcode is needed", refused("394508", "MFA with TOTP is required.")),
        sample("a second factor was not given", refused("390120", "Duo Security authentication is denied.")),
        sample("the public key is not the user's", refused("394304", "JWT token is invalid.")),
        sample("an OAuth token has expired", refused("390318", "OAuth access token expired.")),
        sample(
            "the role is not the user's",
            refused("390189", "Role 'R' specified in the connect string does not exist or not authorized."),
        ),
        sample("a refusal that is not known", refused("390999", "Not today.")),
        sample(
            "the statement ran into the warehouse's time-out",
            of_statement(
                &Error::Statement(failure("000630", "Statement reached its statement or warehouse timeout.")),
                Stage { writes: false, stopped: false, query: None },
            ),
        ),
        sample("the request was stopped before it was sent", stopped_early()),
        sample("the warehouse ended the session that held state", lost(&held)),
        sample("the same while a statement ran", lost_meanwhile(&held)),
    ]);
    samples
}
