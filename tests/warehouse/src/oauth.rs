//! An OAuth server: tokens for a client's secret, for a code that a browser brings, and for a refresh token.
//!
//! Sources: RFC 6749 (4.1, 4.4, 5, 6), RFC 7636 (4.6); for the form of refusals, "Snowflake OAuth" in Snowflake's
//! documentation.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answers::Reply;
use crate::secrets;
use crate::server::Received;
use crate::state::State;

/// How the server works, and what it has given.
#[derive(Debug)]
#[non_exhaustive]
pub struct OAuth {
    /// Clients and their secrets; one with an empty secret is public.
    pub clients: BTreeMap<String, String>,
    /// Who its tokens are for.
    pub user: String,
    /// What its page does.
    pub page: OAuthPage,
    /// Whether refresh tokens come with access tokens of users.
    pub gives_refresh_tokens: bool,
    /// Whether a refresh token is good for one use.
    pub single_use: bool,
    /// How long access tokens are said to be good, in seconds.
    pub expires_in: Option<u64>,
    codes: HashMap<String, Code>,
    refresh_tokens: HashMap<String, String>,
}

/// What the page does with whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthPage {
    /// They have a session there, and are sent back at once with a code.
    SendsBack,
    /// They are sent back without.
    Denies,
    /// They are sent back with a code that is the answer to another log-in.
    WrongState,
}

#[derive(Debug)]
struct Code {
    client: String,
    redirect: String,
    challenge: String,
}

impl Default for OAuth {
    fn default() -> Self {
        let clients = [
            (secrets::OAUTH_CLIENT, secrets::OAUTH_CLIENT_SECRET),
            ("LOCAL_APPLICATION", "LOCAL_APPLICATION"),
        ];
        Self {
            clients: clients.into_iter().map(|(id, secret)| (id.to_owned(), secret.to_owned())).collect(),
            user: secrets::USER.to_owned(),
            page: OAuthPage::SendsBack,
            gives_refresh_tokens: true,
            single_use: true,
            expires_in: Some(600),
            codes: HashMap::new(),
            refresh_tokens: HashMap::new(),
        }
    }
}

impl OAuth {
    /// The refresh tokens that it has given are good no more.
    pub fn revoke_refresh_tokens(&mut self) {
        self.refresh_tokens.clear();
    }
}

/// `GET /oauth/authorize`.
pub(crate) fn page(state: &mut State, request: &Received) -> Reply {
    let value = |name: &str| request.query.get(name).cloned().unwrap_or_default();
    let (client, redirect) = (value("client_id"), value("redirect_uri"));
    let is_asked_for = value("response_type") == "code"
        && value("code_challenge_method") == "S256"
        && !value("code_challenge").is_empty()
        && !value("state").is_empty();
    if !is_asked_for || !state.oauth.clients.contains_key(&client) || redirect.is_empty() {
        return Reply::status(400);
    }
    let code = format!("code-{}", Uuid::new_v4().simple());
    let mut answer = form_urlencoded::Serializer::new(String::new());
    match state.oauth.page {
        OAuthPage::Denies => {
            answer.append_pair("error", "access_denied");
            answer.append_pair("error_description", "The user has denied this.");
            answer.append_pair("state", &value("state"));
        }
        OAuthPage::WrongState => {
            answer.append_pair("code", &code);
            answer.append_pair("state", "another");
        }
        OAuthPage::SendsBack => {
            answer.append_pair("code", &code);
            answer.append_pair("state", &value("state"));
        }
    }
    let back = format!("{redirect}?{}", answer.finish());
    state.granted.push(code.clone());
    state.oauth.codes.insert(code, Code { client, redirect, challenge: value("code_challenge") });
    Reply::status(302).with_header("location", back)
}

/// `POST /oauth/token-request`.
pub(crate) fn token(state: &mut State, request: &Received) -> Reply {
    let Some(client) = client(&state.oauth, request) else {
        return refusal(401, "invalid_client", "This client is unknown, or its secret is wrong.");
    };
    match text(&request.body, "grant_type") {
        "client_credentials" if client != "LOCAL_APPLICATION" => grant(state, &client, false),
        "authorization_code" => {
            let found = state.oauth.codes.remove(text(&request.body, "code"));
            let verifier = text(&request.body, "code_verifier");
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            let fits = |code: &Code| {
                code.client == client
                    && code.redirect == text(&request.body, "redirect_uri")
                    && code.challenge == challenge
            };
            match found.filter(fits) {
                Some(_) => grant(state, &client, true),
                None => refusal(400, "invalid_grant", "The code is invalid, or it was used."),
            }
        }
        "refresh_token" => {
            let shown = text(&request.body, "refresh_token");
            let owner = state.oauth.refresh_tokens.get(shown).cloned();
            if owner.as_deref() != Some(client.as_str()) {
                return refusal(400, "invalid_grant", "The refresh token is invalid, expired or used.");
            }
            if state.oauth.single_use {
                state.oauth.refresh_tokens.remove(shown);
            }
            let rotates = state.oauth.single_use;
            grant(state, &client, rotates)
        }
        _ => refusal(400, "unsupported_grant_type", "This grant is not supported for this client."),
    }
}

fn grant(state: &mut State, client: &str, with_refresh: bool) -> Reply {
    let random = |kind: &str| format!("{kind}-{}", Uuid::new_v4().simple());
    let access = random("access");
    let refresh = (with_refresh && state.oauth.gives_refresh_tokens).then(|| random("refresh"));
    let owner = state.oauth.user.clone();
    if let Some(user) = state.users.get_mut(&owner) {
        user.oauth_tokens.insert(access.clone(), false);
    }
    state.granted.extend([access.clone()].into_iter().chain(refresh.clone()));
    state.oauth.refresh_tokens.extend(refresh.clone().map(|token| (token, client.to_owned())));
    Reply::json(&json!({
        "access_token": access, "refresh_token": refresh, "token_type": "Bearer",
        "expires_in": state.oauth.expires_in,
    }))
}

/// The client that the request is from, by header or by body.
fn client(oauth: &OAuth, request: &Received) -> Option<String> {
    let header = request.headers.get("authorization").and_then(|text| text.strip_prefix("Basic "));
    let (id, secret) = match header {
        Some(encoded) => {
            let pair = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
            let (id, secret) = pair.split_once(':')?;
            (id.to_owned(), secret.to_owned())
        }
        None => (text(&request.body, "client_id").into(), text(&request.body, "client_secret").into()),
    };
    (oauth.clients.get(&id)? == &secret).then_some(id)
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

fn refusal(status: u16, error: &str, description: &str) -> Reply {
    let body = json!({"error": error, "error_description": description, "success": false});
    Reply { status, ..Reply::json(&body) }
}
