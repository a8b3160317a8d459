//! Whether a session's client has settings of its own that this gateway does not apply.

use std::ffi::OsString;

use snowgate_link::hello::ClientHello;
use snowgate_link::settings::{split, summary};
use tokio::task::spawn_blocking;

use crate::config::{ProcessEnvironment, SettingsDifference, settings_among};
use crate::os::environment_of;
use crate::shared::Shared;
use crate::state::ShimProcess;

/// Compares what `hello` says with this gateway's own environment. `None` where nothing differs, and for a
/// shim that says nothing.
pub(super) async fn compare(
    shared: &Shared,
    hello: &ClientHello,
    shim: Option<ShimProcess>,
) -> Option<SettingsDifference> {
    let said = hello.settings.clone()?;
    let own: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let (_, digest) = split(&said)?;
    if split(&summary(&own, hello.origin.pid))?.1 == digest {
        return None;
    }
    let (pid, system_file) = (hello.origin.pid, shared.paths.system_file.clone());
    let look = move || {
        let (names, digest) = split(&said)?;
        let gateway = settings_among(own.into_iter());
        // Only if it is the environment that the shim speaks of.
        let theirs = shim
            .and_then(|shim| environment_of(shim.pid))
            .filter(|theirs| split(&summary(theirs, pid)).is_some_and(|(_, read)| read == digest));
        match theirs {
            Some(theirs) => {
                let client = settings_among(theirs.into_iter());
                SettingsDifference::between(&ProcessEnvironment, &gateway, &client, system_file.as_ref())
            }
            None => SettingsDifference::of_names(&gateway, &names),
        }
    };
    // A panic in there is in the log.
    spawn_blocking(look).await.unwrap_or_default()
}
