//! The URL of a service that alerts are posted to. Those of many services have their key in them, so it is a secret.

use std::fmt;

use url::Url;

use super::error::InvalidValue;

/// Bytes of a URL.
const BYTES_MAX: usize = 4 * 1024;

/// A URL of `http` or `https`. No formatter shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook(Url);

impl Webhook {
    /// Reads a URL. The error does not have it in it.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidValue> {
        let hint = "write it as https://HOST/PATH; it is not shown here, because it is a secret";
        let refuse = |why: String| Err(InvalidValue::with_hint(why, hint));
        if text.len() > BYTES_MAX {
            return refuse(format!("the URL has more than {BYTES_MAX} bytes"));
        }
        match Url::parse(text.trim()) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                refuse("the URL begins with neither https:// nor http://".to_owned())
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => refuse("the URL names no host".to_owned()),
            Ok(url) => Ok(Self(url)),
            Err(error) => refuse(format!("it is no URL: {error}")),
        }
    }

    /// The URL. For the request itself, and nothing that is shown.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_errors_nor_formatters_show_it() {
        let webhook = Webhook::parse("https://hooks.example.com/hush").unwrap();
        assert_eq!(format!("{webhook:?}"), "[secret]");
        assert_eq!(webhook.expose().path(), "/hush");
        for wrong in ["hush", "ftp://hush.example", "http://", "https://hush:99999/", "file:///hush"] {
            let refusal = Webhook::parse(wrong).unwrap_err();
            assert!(!format!("{refusal:?}").contains("hush"), "{wrong}: {refusal:?}");
        }
    }
}
