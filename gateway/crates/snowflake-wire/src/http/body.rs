//! Reading answers to their end, within bounds of size and time.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::attempt_error::AttemptError;
use super::inflate::Inflate;

/// Why a body was not read to its end.
pub(crate) enum Unread {
    Failed(AttemptError),
    /// It is larger than its bound.
    TooLarge,
}

/// The next piece as it came; `None` at the end.
pub(crate) async fn next_piece(
    response: &mut Response,
    stall: Duration,
) -> Result<Option<Bytes>, AttemptError> {
    match timeout(stall, response.chunk()).await {
        Ok(piece) => piece.map_err(|error| AttemptError::Broken(error.into())),
        Err(_) => Err(AttemptError::Silent(stall)),
    }
}

/// The whole body, inflated.
pub(crate) async fn read(
    mut response: Response,
    stall: Duration,
    bytes_max: usize,
    sensitive: bool,
) -> Result<Bytes, Unread> {
    let declared = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut body = Zeroizing::new(Vec::with_capacity(declared.min(bytes_max)));
    let mut inflate = Inflate::new();
    while let Some(piece) = next_piece(&mut response, stall).await.map_err(Unread::Failed)? {
        inflate.push(piece);
        while let Some(plain) = inflate.next().map_err(|_| Unread::Failed(AttemptError::Truncated))? {
            append(&mut body, &plain, bytes_max)?;
        }
    }
    append(&mut body, &inflate.finish().map_err(|_| Unread::Failed(AttemptError::Truncated))?, bytes_max)?;
    Ok(if sensitive { Bytes::from_owner(body) } else { std::mem::take(&mut *body).into() })
}

fn append(body: &mut Vec<u8>, plain: &[u8], bytes_max: usize) -> Result<(), Unread> {
    if body.len() + plain.len() > bytes_max {
        return Err(Unread::TooLarge);
    }
    body.extend_from_slice(plain);
    Ok(())
}
