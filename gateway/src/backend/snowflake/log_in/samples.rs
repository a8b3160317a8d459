//! What a log-in tells clients, for `docs/messages.md`.

use super::credentials::unreadable;
use super::failure::{no_password, waiting_for_user};
use super::interactive::{exhausted, not_logged_in_in_time};
use crate::backend::{Sample, sample};

/// One of each.
pub(in crate::backend::snowflake) fn samples() -> Vec<Sample> {
    let page =
        "waiting for you to log in with a browser: https://org-acct.snowflakecomputing.com/console/login";
    let phone = "waiting for you to approve the log-in on your phone";
    vec![
        sample("a browser is needed", waiting_for_user(Some(page.to_owned()))),
        sample("an approval on the phone is needed", waiting_for_user(Some(phone.to_owned()))),
        sample("the user did not log in", not_logged_in_in_time()),
        sample("the configuration has no password, and none was typed", no_password()),
        sample("the private key cannot be read", unreadable("private_key_file", &"Permission denied")),
        sample("the account allows one log-in", exhausted()),
    ]
}
