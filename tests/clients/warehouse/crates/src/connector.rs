//! `snowflake-connector-rs`.

use std::time::Duration;

use anyhow::Result;
use snowflake_connector_rs::{
    AuthConfig, Client, ClientConfig, EndpointConfig, KeyPairConfig, Session, SessionConfig,
};
use url::Url;

use crate::{ACCOUNT, PASSWORD, USER, expect};

pub async fn run(address: &Url, key: &str) -> Result<()> {
    let session = connect(address, AuthConfig::password(PASSWORD)).await?;
    expect("connector: select", column(&session, "select 1, 2").await?, vec!["Integer(1)".to_owned()])?;
    let by_key = connect(address, AuthConfig::key_pair(KeyPairConfig::from_pem(key))).await?;
    let names = column(&by_key, "select current_database()").await?;
    expect("connector: key pair, context", names, vec!["String(\"STAGING\")".to_owned()])?;
    let refused = connect(address, AuthConfig::password("wrong")).await.err().map(|error| error.to_string());
    expect(
        "connector: wrong password",
        refused.is_some_and(|text| text.contains("Incorrect username")),
        true,
    )?;

    let generator =
        |rest: &str| format!("select * from table(generator(rowcount => 20000, chunks => 7{rest}))");
    let wanted: Vec<String> = (0..20_000).map(|number| format!("Integer({number})")).collect();
    let found = column(&session, &generator(", inline => 50")).await?;
    expect("connector: chunks in order", found == wanted, true)?;
    let found = column(&session, &generator(", key => 'qrmk', encoding => 'plain'")).await?;
    expect("connector: plain chunks with qrmk", found == wanted, true)?;
    let polled = column(&session, "select polls(3)").await?;
    expect("connector: polling", polled, vec!["Integer(3)".to_owned()])?;
    expect("connector: all types", column(&session, "select * from sales.public.types").await?.len(), 3)?;

    let error = session.query("select * from nowhere").await.err();
    let code = error.as_ref().and_then(|error| error.snowflake_code().map(str::to_owned));
    expect("connector: error code", code, Some("002003".to_owned()))?;
    expect("connector: error's query", error.is_some_and(|error| error.query_id().is_some()), true)?;
    cancelled(&session).await
}

async fn cancelled(session: &Session) -> Result<()> {
    let query = session.query_handle("select held('never')")?;
    let canceller = query.canceller();
    let running = tokio::spawn(query.execute());
    // Long enough for the submission to be on its way.
    tokio::time::sleep(Duration::from_millis(300)).await;
    canceller.cancel().await?;
    let error = running.await?.err();
    expect("connector: cancel", error.is_some_and(|error| error.is_cancelled()), true)
}

async fn connect(address: &Url, auth: AuthConfig) -> Result<Session> {
    let session = SessionConfig::new().with_database("STAGING").with_schema("PUBLIC");
    let config = ClientConfig::new(USER, ACCOUNT, auth)
        .with_endpoint(EndpointConfig::custom_base_url(address.clone()))
        .with_session(session);
    Ok(Client::new(config)?.create_session().await?)
}

/// The first value of each row, as its decoded form prints.
async fn column(session: &Session, sql: &str) -> Result<Vec<String>> {
    let table = session.query(sql.to_owned()).await?.collect_table().await?;
    let mut found = Vec::new();
    for row in table.dynamic_rows()? {
        found.push(format!("{:?}", row?.value_at(0)?));
    }
    Ok(found)
}
