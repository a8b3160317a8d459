//! What `snowgate open` asks for: a link that lets its holder into the page, once.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::config::{HttpConfig, HttpListen, split_authority};
use crate::shared::{Shared, TICKET_TTL};

/// A link to the page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLink {
    /// The address. The ticket is in its fragment, which a browser sends nowhere.
    pub url: String,
    /// For how many seconds it is good, for one use.
    pub good_s: u64,
    /// What is wrong with the HTTP front.
    pub problem: Option<String>,
}

/// Not the ticket.
impl fmt::Debug for PageLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PageLink(..)")
    }
}

/// A link with a new ticket, or why there is none and what to do about it.
pub(super) fn page_link(shared: &Shared) -> Result<PageLink, String> {
    let (Some(config), Some(view)) = (&shared.config.http, shared.http.view()) else {
        return Err("the page is part of the HTTP front, which is off (the setting `http.enabled`); set `enabled = true` \
                    under [http] and run `snowgate restart`"
            .to_owned());
    };
    let HttpListen::Tcp(address) = &config.listen else {
        return Err(format!(
            "the HTTP front listens on a Unix socket (the setting `http.listen = {:?}`), which no browser opens; set it to \
             an address, for example \"127.0.0.1:8473\", and run `snowgate restart`",
            config.listen.to_string()
        ));
    };
    let Some(ticket) = shared.page_tickets.issue() else {
        return Err("the system's random numbers cannot be read; try again".to_owned());
    };
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}/#ticket={ticket}", authority(config, *address));
    tracing::info!("a link to the page was made");
    Ok(PageLink { url, good_s: TICKET_TTL.as_secs(), problem: view.problem })
}

/// Where a browser of this machine finds the front: with TLS by a name, which the certificate is likely for.
fn authority(config: &HttpConfig, address: SocketAddr) -> String {
    let named = config.allowed_hosts.iter().filter_map(|host| split_authority(host)).next();
    if let Some((host, port)) = named.filter(|_| config.tls.is_some()) {
        return format!("{host}:{}", port.unwrap_or(address.port()));
    }
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port()).to_string()
}
