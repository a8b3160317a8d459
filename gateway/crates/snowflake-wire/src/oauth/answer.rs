//! What the server says: tokens, or why there are none.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::OAuthTokens;
use super::request::Fields;
use crate::error::{Error, Operation, TokenRefusal};
use crate::secret::Secret;

/// The longest text of the server that is repeated, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// The fields of a request that are no secrets.
const PLAIN_FIELDS: [&str; 4] = ["grant_type", "scope", "redirect_uri", "enable_single_use_refresh_tokens"];

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    refresh_token: Option<String>,
    /// A number, in some servers' answers as text.
    expires_in: Option<Value>,
    error: Option<String>,
    error_description: Option<String>,
    /// Snowflake's own server says it here.
    message: Option<String>,
}

/// Reads an answer of this status to a request with `fields`.
pub(super) fn read(host: &str, status: u16, body: &[u8], fields: &Fields<'_>) -> Result<OAuthTokens, Error> {
    if (300..400).contains(&status) {
        let detail = format!(
            "{host} answered with a redirect (HTTP {status}), which is not followed, because the request holds a secret"
        );
        return Err(Error::malformed(Operation::Token, detail));
    }
    let answer = serde_json::from_slice::<Answer>(body).ok();
    let no_token = |detail: &str| {
        Err(Error::malformed(Operation::Token, format!("the answer of {host} (HTTP {status}) {detail}")))
    };
    match answer {
        Some(Answer { error: None, access_token: Some(access), refresh_token, expires_in, .. })
            if status < 300 && !access.is_empty() =>
        {
            let refresh = refresh_token.filter(|token| !token.is_empty()).map(Secret::new);
            Ok(OAuthTokens {
                access: Secret::new(access),
                refresh,
                expires_in: expires_in.as_ref().and_then(seconds),
            })
        }
        Some(answer) if status >= 400 || answer.error.is_some() => {
            let description = answer.error_description.or(answer.message);
            Err(refused(host, status, answer.error, description, fields))
        }
        None if status >= 400 => Err(refused(host, status, None, None, fields)),
        Some(_) => no_token("has no access_token"),
        None => no_token("is not the JSON of a token"),
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // A year is as good as for ever.
    (number > 0.0).then(|| Duration::from_secs_f64(number.min(31_536_000.0)))
}

fn refused(
    host: &str,
    status: u16,
    error: Option<String>,
    description: Option<String>,
    fields: &Fields<'_>,
) -> Error {
    let secrets: Vec<&str> =
        fields.iter().filter(|(name, _)| !PLAIN_FIELDS.contains(name)).map(|(_, value)| *value).collect();
    let shown = |text: String| Some(printable(&text, &secrets)).filter(|text| !text.is_empty());
    Error::TokenRefused(Box::new(TokenRefusal {
        host: host.to_owned(),
        status,
        error: error.and_then(shown),
        description: description.and_then(shown),
    }))
}

/// The text in one line, within bounds, and without what the request kept secret, should the server quote it.
fn printable(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "[secret]");
    }
    let words: Vec<&str> = text.split(|char: char| char.is_control() || char == ' ').collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<OAuthTokens, Error> {
        let fields = vec![("grant_type", "refresh_token"), ("refresh_token", "hidden-token")];
        read("idp", status, body.as_bytes(), &fields)
    }

    #[test]
    fn tokens_are_read_with_whatever_is_there() {
        let tokens = answer(200, r#"{"access_token":"a","refresh_token":"r","expires_in":600}"#).unwrap();
        assert_eq!((tokens.access.expose(), tokens.refresh.unwrap().expose()), ("a", "r"));
        assert_eq!(tokens.expires_in, Some(Duration::from_secs(600)));
        let tokens = answer(200, r#"{"access_token":"a","refresh_token":"","expires_in":"60"}"#).unwrap();
        assert_eq!((tokens.refresh.is_some(), tokens.expires_in), (false, Some(Duration::from_secs(60))));
        for odd in ["-1", "null", "\"soon\"", "1e400", "[]"] {
            let body = format!(r#"{{"access_token":"a","expires_in":{odd}}}"#);
            assert!(answer(200, &body).map_or(true, |tokens| tokens.expires_in.is_none()), "{odd}");
        }
    }

    #[test]
    fn refusals_are_in_the_servers_words_without_secrets_and_within_bounds() {
        let long = "x".repeat(1000);
        for (status, body, shown) in [
            (
                401,
                r#"{"error":"invalid_client","error_description":"no\nsuch client"}"#,
                "idp refuses: invalid_client: no such client (HTTP 401)",
            ),
            (
                400,
                r#"{"error":"invalid_grant","message":"hidden-token is used up"}"#,
                "idp refuses: invalid_grant: [secret] is used up (HTTP 400)",
            ),
            (200, r#"{"error":"bad_verification_code"}"#, "idp refuses: bad_verification_code (HTTP 200)"),
            (403, "<html>", "idp refuses: (HTTP 403)"),
            (400, &format!(r#"{{"error":"e","error_description":"{long}"}}"#), &long[..300]),
        ] {
            let error = answer(status, body).unwrap_err().to_string();
            assert!(error.contains(shown) && error.len() < 500 && !error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn what_is_no_token_is_named_and_not_repeated() {
        for (status, body, shown) in [
            (200, "<html>hidden</html>", "idp (HTTP 200) is not the JSON of a token"),
            (200, r#"{"id_token":"hidden"}"#, "has no access_token"),
            (200, r#"{"access_token":""}"#, "has no access_token"),
            (302, "", "redirect (HTTP 302), which is not followed"),
        ] {
            let error = answer(status, body).unwrap_err().to_string();
            assert!(error.contains(shown) && !error.contains("hidden"), "{error}");
        }
    }
}
