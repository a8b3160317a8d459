//! Reads the body of a request: within a bound, within a time, and a long one only once there is memory for it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use snowgate_link::LINE_BYTES_MAX;
use tokio::time::{Instant, timeout_at};

use crate::shared::{HEAVY_BYTES, ReadPermit, Shared};

/// How long a body may take to arrive, once there is memory for it.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the request's body is over {LINE_BYTES_MAX} bytes, which is the limit of one message")]
    TooLong,
    #[error("the request's body did not arrive within {} s", ARRIVAL_TIMEOUT.as_secs())]
    TooSlow,
    #[error("the request's body was cut off")]
    Cut,
}

impl BodyError {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Cut => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads `body`; with it comes the memory that a long one was read into, to be held until it is handed on.
///
/// # Errors
/// It is too long, too slow, or cut off.
pub(super) async fn read_body(
    shared: &Shared,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<(Vec<u8>, Option<ReadPermit>), BodyError> {
    let stated =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if stated.is_some_and(|bytes| bytes > LINE_BYTES_MAX) {
        return Err(BodyError::TooLong);
    }
    let mut memory = None;
    let mut deadline = Instant::now() + ARRIVAL_TIMEOUT;
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| BodyError::TooSlow)?;
        let Some(frame) = frame else { return Ok((bytes, memory)) };
        let Ok(data) = frame.map_err(too_long_or_cut)?.into_data() else { continue };
        let length = bytes.len() + data.len();
        if length > LINE_BYTES_MAX {
            return Err(BodyError::TooLong);
        }
        if length > HEAVY_BYTES && memory.is_none() {
            // As much as is stated, or as may come.
            memory = Some(shared.lines.clone().read(stated.unwrap_or(LINE_BYTES_MAX)).await);
            deadline = Instant::now() + ARRIVAL_TIMEOUT;
        }
        bytes.extend_from_slice(&data);
    }
}

/// A layer above may have bounded the body as well.
fn too_long_or_cut(error: axum::Error) -> BodyError {
    if error.into_inner().is::<http_body_util::LengthLimitError>() {
        BodyError::TooLong
    } else {
        BodyError::Cut
    }
}
