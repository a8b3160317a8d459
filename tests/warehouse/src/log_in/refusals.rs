//! Why a log-in is refused, with the service's codes.
//!
//! Sources: the recorded answers in the repositories of the official drivers; "Key Pair Authentication:
//! Troubleshooting" in Snowflake's documentation.

use serde_json::json;
use uuid::Uuid;

use crate::answers::Refusal;

pub(super) fn wrong_password() -> Refusal {
    Refusal::new("390100", "Incorrect username or password was specified.")
}

pub(super) fn locked() -> Refusal {
    let message = "Your user account has been temporarily locked due to too many failed attempts. Try again after 15 \
                   minutes, or contact your account administrator for assistance.";
    Refusal::new("390102", message)
}

pub(super) fn passcode_needed(user: &str) -> Refusal {
    let message = "Failed to authenticate: MFA with TOTP is required. To authenticate, provide both your password and \
                   a current TOTP passcode.";
    let data = json!({
        "authnMethod": "USERNAME_PASSWORD", "loginName": user, "nextAction": "RETRY_LOGIN",
        "requestId": Uuid::new_v4().to_string(), "signInOptions": {},
    });
    Refusal { data, ..Refusal::new("394508", message) }
}

pub(super) fn wrong_passcode() -> Refusal {
    retry("USERNAME_PASSWORD", "394507", "Incorrect passcode was specified.")
}

pub(super) fn push_denied() -> Refusal {
    Refusal::new("390120", "MFA authentication was denied.")
}

/// The detail is for the account's administrators; the client is told only that the token is no good.
pub(super) fn invalid_jwt(detail: &str) -> Refusal {
    let data = json!({"standInDetail": detail});
    Refusal { data, ..Refusal::new("390144", format!("JWT token is invalid. [{}]", Uuid::new_v4())) }
}

pub(super) fn invalid_oauth_token() -> Refusal {
    retry("OAUTH", "390303", "Invalid OAuth access token. [1172527951366]")
}

pub(super) fn expired_oauth_token() -> Refusal {
    retry("OAUTH", "390318", "OAuth access token expired. [1172527951366]")
}

pub(super) fn invalid_access_token() -> Refusal {
    retry("PAT", "394400", "Programmatic access token is invalid.")
}

/// The code and the text are the stand-in's own: no answer of the service to this is recorded anywhere.
pub(super) fn unknown_workload() -> Refusal {
    retry("WORKLOAD_IDENTITY", "394600", "The workload identity token is invalid.")
}

pub(super) fn invalid_id_token() -> Refusal {
    Refusal::new("390195", "The provided ID Token is invalid.")
}

pub(super) fn browser_mismatch() -> Refusal {
    let message =
        "The user you were trying to authenticate as differs from the user currently logged in at the IDP.";
    Refusal::new("390191", message)
}

pub(super) fn unknown_authenticator() -> Refusal {
    let message = "The specified authenticator is not accepted by your Snowflake account configuration.  Please \
                   contact your local system administrator to get the correct URL to use.";
    Refusal::new("390139", message)
}

pub(super) fn unknown_role(role: &str) -> Refusal {
    let message = format!(
        "Role '{role}' specified in the connect string does not exist or not authorized. Contact your local system \
         administrator, or attempt to login with another role, e.g. PUBLIC."
    );
    Refusal::new("390189", message)
}

fn retry(method: &str, code: &str, message: &str) -> Refusal {
    let data = json!({"nextAction": "RETRY_LOGIN", "authnMethod": method, "signInOptions": {}});
    Refusal { data, ..Refusal::new(code, message) }
}
