//! The page itself: one file, with its style and script in it, and the policy that lets a browser use those alone.

use std::sync::LazyLock;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The file. The style and the script are in it exactly as they are hashed.
const PAGE: &str = concat!(
    include_str!("page.html"),
    "<style>",
    include_str!("page.css"),
    "</style><script type=\"module\">",
    include_str!("page.js"),
    "</script></body></html>\n"
);

/// What a browser may load, run and send: this file's own style and script, and requests to this gateway. No text can become
/// markup where Trusted Types are known.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    HeaderValue::from_str(&policy).ok()
});

const PERMISSIONS: (HeaderName, &str) =
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), usb=()");
const OPENER: (HeaderName, &str) = (HeaderName::from_static("cross-origin-opener-policy"), "same-origin");

/// `GET /`
pub(super) async fn document() -> Response {
    let mut response = PAGE.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Some(policy) = &*POLICY {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    for (name, value) in [PERMISSIONS, OPENER] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_makes_no_markup_of_text() {
        assert!(PAGE.len() < 100_000, "{}", PAGE.len());
        for made in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"] {
            assert!(!SCRIPT.contains(made), "{made}");
        }
        assert!(!PAGE.contains("style=\"") && !PAGE.contains(" onclick="));
        assert!(!SCRIPT.contains("</script") && !STYLE.contains("</style"));
        assert_eq!(PAGE.matches("<script").count(), 1);
        assert!(POLICY.is_some());
    }
}
