//! A log-in that is granted: the session, its tokens, and what is remembered of it.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Asked, refusals, user_of};
use crate::answers::{Refusal, Reply};
use crate::parameters;
use crate::state::State;
use crate::{Context, SERVER_VERSION, User};

pub(super) struct Granted {
    pub(super) session: u64,
    pub(super) reply: Reply,
}

pub(super) fn grant(state: &mut State, asked: &Asked<'_>, user: &str) -> Result<Granted, Refusal> {
    let default = user_of(state, user)?.context.clone();
    let standing = user_of(state, user)?.standing.clone();
    let context = context(state, asked, default)?;
    let remembers = state.settings.remembers;
    let (id_token, mfa_token) = if remembers { remember(user_of(state, user)?, asked) } else { (None, None) };
    let session = state.sessions.open(user, asked.text("ACCOUNT_NAME"), context.clone());
    session.parameters.extend(asked.parameters());
    session.standing = standing;
    session.secondary_roles = asked.filled("SECONDARY_ROLES").map(Into::into);
    let (session, parameters) = (session.id, parameters::of(session));
    let (token, master) = state.sessions.tokens.grant(session);
    state.granted.extend([token.clone(), master.clone()]);
    state.granted.extend(id_token.clone().into_iter().chain(mfa_token.clone()));
    let data = json!({
        "token": token, "validityInSeconds": state.settings.token_validity.as_secs(),
        "masterToken": master, "masterValidityInSeconds": state.settings.master_validity.as_secs(),
        "displayUserName": user, "serverVersion": SERVER_VERSION, "firstLogin": false, "remMeToken": null,
        "remMeValidityInSeconds": 0, "healthCheckInterval": 45, "newClientForUpgrade": null, "sessionId": session,
        "parameters": parameters, "responseData": null,
        "sessionInfo": {
            "databaseName": context.database, "schemaName": context.schema,
            "warehouseName": context.warehouse, "roleName": context.role,
        },
        "idToken": id_token, "idTokenValidityInSeconds": if id_token.is_some() { 14_400 } else { 0 },
        "mfaToken": mfa_token, "mfaTokenValidityInSeconds": if mfa_token.is_some() { 14_400 } else { 0 },
    });
    Ok(Granted { session, reply: Reply::success(&data) })
}

/// The context to begin in. What was asked for and is not there is left out, but for a role, which is
/// refused.
fn context(state: &State, asked: &Asked<'_>, default: Context) -> Result<Context, Refusal> {
    let wanted =
        |name: &str| asked.request.query.get(name).filter(|name| !name.is_empty()).map(|name| stored(name));
    let role = match wanted("roleName") {
        Some(role) if !state.catalog.roles.contains(&role) => return Err(refusals::unknown_role(&role)),
        Some(role) => Some(role),
        None => default.role,
    };
    let warehouse = match wanted("warehouse") {
        Some(name) => state.catalog.warehouses.contains(&name).then_some(name),
        None => default.warehouse,
    };
    let (database, default_schema) = match wanted("databaseName") {
        Some(name) => (state.catalog.databases.contains_key(&name).then_some(name), Some("PUBLIC".into())),
        None => (default.database, default.schema),
    };
    let schema = wanted("schemaName").or(default_schema);
    let schema = schema.filter(|schema| {
        database.as_ref().is_some_and(|database| state.catalog.schema(database, schema).is_ok())
    });
    Ok(Context { role, warehouse, database, schema })
}

/// A name as it is stored: upper-cased, unless it is quoted.
fn stored(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_uppercase(),
    }
}

/// The tokens that are to replace the browser, or the second factor, next time.
fn remember(user: &mut User, asked: &Asked<'_>) -> (Option<String>, Option<String>) {
    let token = |kind: &str| format!("{kind}-{}", Uuid::new_v4().simple());
    let by_browser = asked.authenticator() == "EXTERNALBROWSER";
    let id_token = (by_browser && asked.wants("CLIENT_STORE_TEMPORARY_CREDENTIAL")).then(|| token("id"));
    let by_password = asked.data["PASSWORD"] != Value::Null && asked.filled("TOKEN").is_none();
    let mfa_token = (by_password && asked.wants("CLIENT_REQUEST_MFA_TOKEN")).then(|| token("mfa"));
    user.id_tokens.extend(id_token.clone());
    user.mfa_tokens.extend(mfa_token.clone());
    (id_token, mfa_token)
}
