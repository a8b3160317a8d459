//! `snowflake-api`. It cannot poll, and ignores chunks of JSON results.

use anyhow::{Result, bail};
use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{ClientWithMiddleware, Middleware, Next};
use snowflake_api::connection::Connection;
use snowflake_api::{
    AuthArgs, AuthType, CertificateArgs, PasswordArgs, QueryResult, SnowflakeApi, SnowflakeApiBuilder,
};
use url::Url;

use crate::{ACCOUNT, PASSWORD, USER, expect};

pub async fn run(address: &Url, key: &str) -> Result<()> {
    let password = |text: &str| AuthType::Password(PasswordArgs { password: text.into() });
    let mut session = connect(address, password(PASSWORD))?;
    expect("api: select", rows(&session, "select 1, 'x', null").await?, r#"[["1","x",null]]"#.to_owned())?;
    let by_key = connect(address, AuthType::Certificate(CertificateArgs { private_key_pem: key.into() }))?;
    let found = rows(&by_key, "select current_database(), current_user()").await?;
    expect("api: key pair, context", found, format!(r#"[["STAGING","{USER}"]]"#))?;
    let refused = rows(&connect(address, password("wrong"))?, "select 1").await;
    expect("api: wrong password", refused.is_err(), true)?;
    rows(&session, "insert into log values ('from the api')").await?;
    let found = rows(&session, "select * from log").await?;
    expect("api: insert", found.contains("from the api"), true)?;
    let error = rows(&session, "select * from nowhere").await.err().map(|error| error.to_string());
    expect("api: error code", error.is_some_and(|error| error.contains("002003")), true)?;
    session.close_session().await?;
    expect("api: close", true, true)
}

fn connect(address: &Url, auth_type: AuthType) -> Result<SnowflakeApi> {
    let name = |name: &str| Some(name.to_owned());
    let auth = AuthArgs {
        account_identifier: ACCOUNT.into(),
        warehouse: name("COMPUTE_WH"),
        database: name("STAGING"),
        schema: name("PUBLIC"),
        username: USER.into(),
        role: name("ANALYST"),
        auth_type,
    };
    let client: ClientWithMiddleware =
        Connection::default_client_builder()?.with(Elsewhere(address.clone())).build();
    Ok(SnowflakeApiBuilder::new(auth).with_client(client).build()?)
}

async fn rows(session: &SnowflakeApi, sql: &str) -> Result<String> {
    match session.exec(sql).await? {
        QueryResult::Json(result) => Ok(result.value.to_string()),
        QueryResult::Empty => Ok(String::new()),
        QueryResult::Arrow(_) => bail!("Arrow came"),
    }
}

/// Sends every request to another host.
struct Elsewhere(Url);

#[async_trait]
impl Middleware for Elsewhere {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let mut url = self.0.clone();
        url.set_path(request.url().path());
        url.set_query(request.url().query());
        *request.url_mut() = url;
        next.run(request, extensions).await
    }
}
