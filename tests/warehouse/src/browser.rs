//! A browser, as far as a log-in needs one: it goes where it is sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::support::patience;

const REDIRECTS_MAX: usize = 5;

/// The page that a visit ended at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its address.
    pub url: String,
    /// Its HTTP status.
    pub status: u16,
    /// Its text.
    pub text: String,
}

/// Goes to `url`, and on to wherever it is sent from there: what a user's browser does with the address of a
/// log-in.
///
/// # Panics
/// It is no `http` address, nobody answers there, or it is sent on and on.
#[track_caller]
pub fn visit(url: &str) -> Page {
    let mut url = url.to_owned();
    for _ in 0..=REDIRECTS_MAX {
        let (page, location) = get(&url).unwrap_or_else(|error| panic!("{url}: {error}"));
        match location {
            Some(location) if (300..400).contains(&page.status) => url = location,
            _ => return page,
        }
    }
    panic!("sent on more than {REDIRECTS_MAX} times, at last to {url}");
}

/// The page, and the address that it sends to.
fn get(url: &str) -> std::io::Result<(Page, Option<String>)> {
    let (host, path) = parts(url);
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(patience()))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut location = None;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("location")
        {
            location = Some(value.trim().to_owned());
        }
    }
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok((Page { url: url.to_owned(), status, text }, location))
}

/// Host with port, and path.
#[track_caller]
fn parts(url: &str) -> (&str, String) {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is no http address"));
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let path = &rest[end..];
    (&rest[..end], if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}
