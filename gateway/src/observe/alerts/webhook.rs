//! Posting what has changed to the webhook of `alerts.webhook`. Its URL is a secret: nothing says it, errors neither.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use snowflake_wire::Protocol;
use tokio::sync::mpsc;

use super::AlertNote;
use crate::config::Webhook;
use crate::shared::Shared;

/// Alerts that wait to be posted.
const WAITING_MAX: usize = 32;

/// How long the service may take to answer.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// The pauses before further attempts.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(20)];

/// Where alerts that are to be posted are put. Never waits.
#[derive(Debug)]
pub struct Outbox(mpsc::Sender<AlertNote>);

/// What posts them.
#[derive(Debug)]
pub struct Posts {
    webhook: Webhook,
    notes: mpsc::Receiver<AlertNote>,
}

/// The two ends of the way to `webhook`.
pub fn webhook(webhook: Webhook) -> (Outbox, Posts) {
    let (sender, notes) = mpsc::channel(WAITING_MAX);
    (Outbox(sender), Posts { webhook, notes })
}

impl Outbox {
    /// Has `note` posted; where too many wait, it is dropped and counted.
    pub fn put(&self, shared: &Shared, note: AlertNote) {
        if self.0.try_send(note).is_err() {
            shared.alerts.change_webhook(|view| view.dropped += 1);
        }
    }
}

impl Posts {
    /// Posts what comes, one after the other, for ever.
    pub async fn run(mut self, shared: &Arc<Shared>) {
        let client = match client(&self.webhook) {
            Ok(client) => client,
            Err(error) => {
                // Its words are about the system's roots, and not the URL.
                tracing::error!(
                    error,
                    "alerts cannot be posted to alerts.webhook: correct the system's certificates, then run `snowgate restart`"
                );
                shared.alerts.change_webhook(|view| view.problem = Some(error));
                return std::future::pending().await;
            }
        };
        while let Some(note) = self.notes.recv().await {
            let posted = self.post(&client, &note).await;
            if let Err(why) = &posted {
                tracing::warn!(alert = note.alert.alert, why, "the alert was not posted to alerts.webhook");
            }
            shared.alerts.change_webhook(|view| match posted {
                Ok(()) => (view.sent, view.problem) = (view.sent + 1, None),
                Err(why) => (view.failed, view.problem) = (view.failed + 1, Some(why)),
            });
        }
    }

    async fn post(&self, client: &Client, note: &AlertNote) -> Result<(), String> {
        let body = serde_json::to_vec(note).map_err(|error| error.to_string())?;
        let mut pauses = PAUSES.iter();
        loop {
            let why = match attempt(client, &self.webhook, body.clone()).await {
                Ok(()) => return Ok(()),
                Err(why) => why,
            };
            let Some(pause) = pauses.next() else { return Err(why) };
            tokio::time::sleep(*pause).await;
        }
    }
}

/// TLS that trusts what the system trusts; no proxy, no redirect: the URL goes to its own host alone.
fn client(webhook: &Webhook) -> Result<Client, String> {
    let protocol = if webhook.expose().scheme() == "http" { Protocol::Http } else { Protocol::Https };
    let tls = snowflake_wire::tls_config(protocol).map_err(|error| error.to_string())?;
    Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("snowgate/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .timeout(POST_TIMEOUT)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| error.without_url().to_string())
}

/// # Errors
/// Why it was not taken, without the URL.
async fn attempt(client: &Client, webhook: &Webhook, body: Vec<u8>) -> Result<(), String> {
    let request = client
        .post(webhook.expose().clone())
        .header(reqwest::header::CONTENT_TYPE, "application/json")
        .body(body);
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(format!("it answered with status {}", answer.status().as_u16())),
        Err(error) if error.is_timeout() => {
            Err(format!("it did not answer within {} s", POST_TIMEOUT.as_secs()))
        }
        Err(error) if error.is_connect() => Err("it cannot be reached".to_owned()),
        Err(_) => Err("the request failed".to_owned()),
    }
}
