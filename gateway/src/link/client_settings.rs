//! The settings in the environment of a session's client: applied, or refused where they cannot be.
//!
//! | the client's settings | `client_settings = "serve"` | `"refuse"` |
//! |---|---|---|
//! | come to the gateway's configuration | the gateway's | the gateway's |
//! | come to another account, user, role, folder, other limits | a set of their own | other limits: the gateway's, which is said; else its calls are refused |
//! | are wrong, or too many | its calls are refused | its calls are refused |
//!
//! A shim of an older build says names and a digest only: there, what differs is refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use snowflake_wire::Secret;
use snowgate_link::hello::ClientHello;
use snowgate_link::settings::{ClientSettings, SETTINGS_BYTES_MAX, TOO_LONG, split, summary};
use tokio::task::spawn_blocking;

use crate::config::{Config, ProcessEnvironment, SettingsDifference, SystemFile, settings_among};
use crate::os::environment_of;
use crate::session::ClientSet;
use crate::shared::{Live, Shared};
use crate::state::ShimProcess;

/// What a client's settings come to.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Those that are applied, where they are not the gateway's.
    pub(super) set: Option<Arc<ClientSet>>,
    /// Those that are not.
    pub(super) difference: Option<SettingsDifference>,
}

impl Settled {
    fn refusing(difference: SettingsDifference) -> Self {
        Self { set: None, difference: Some(difference) }
    }
}

/// What the settings that `hello` says come to.
pub(super) async fn settle(shared: &Shared, hello: &ClientHello, shim: Option<ShimProcess>) -> Settled {
    let Some(said) = hello.settings.clone() else { return Settled::default() };
    if said.0 == TOO_LONG {
        let problem = format!(
            "they are over {SETTINGS_BYTES_MAX} bytes together; put what is long (a private key) into a file"
        );
        return Settled::refusing(SettingsDifference::unserved(Vec::new(), problem));
    }
    let own: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let gateway = settings_among(own.iter().cloned());
    let Some(variables) = said.variables() else {
        let difference = compare_digest(shared, said, own, hello.origin.pid, shim).await;
        return Settled { set: None, difference };
    };
    let text = |(name, value): (&str, &str)| (OsString::from(name), OsString::from(value));
    let client = settings_among(variables.into_iter().map(text));
    // A service's environment belongs to no client in particular: one that says nothing gets that.
    if client == gateway || (client.is_empty() && shared.service.is_some()) {
        return Settled::default();
    }
    let says_nothing = client.is_empty();
    let secrets: BTreeMap<_, _> =
        client.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str()))).collect();
    let (gateway, client) = (Arc::new(gateway), Arc::new(client));
    // Again only where the config was read again meanwhile.
    loop {
        let live = shared.live();
        let serves = live.config.gateway.serves_client_settings;
        if serves && let Some(set) = shared.client_sets.find(&secrets) {
            return Settled { set: Some(set), difference: None };
        }
        let system_file = shared.paths.system_file.clone();
        let (gateway, client) = (Arc::clone(&gateway), Arc::clone(&client));
        let look = spawn_blocking(move || look(&gateway, &client, system_file.as_ref(), serves));
        // A panic in there is in the log.
        let settled = match look.await.unwrap_or_default() {
            Look::Same => Some(Settled::default()),
            // Limits of the gateway's environment hold for who has none of its own.
            Look::Other(_, difference) if says_nothing && !difference.is_decisive => Some(Settled::default()),
            Look::Refused(difference) => Some(Settled::refusing(difference)),
            Look::Other(config, difference) => serve(shared, &live, secrets.clone(), *config, difference),
        };
        if let Some(settled) = settled {
            return settled;
        }
    }
}

/// What a look at a client's settings finds.
#[derive(Default)]
enum Look {
    #[default]
    Same,
    Refused(SettingsDifference),
    /// Another configuration, and the variables that lead to it.
    Other(Box<Config>, SettingsDifference),
}

/// Compares what both environments configure. Blocks: it reads the files.
fn look(
    gateway: &BTreeMap<String, String>,
    client: &BTreeMap<String, String>,
    system_file: Option<&SystemFile>,
    serves: bool,
) -> Look {
    let env = &ProcessEnvironment;
    let Some(difference) = SettingsDifference::between(env, gateway, client, system_file) else {
        return Look::Same;
    };
    if !serves {
        return Look::Refused(difference);
    }
    match SettingsDifference::configured(env, gateway, client, system_file) {
        Ok(_) if difference.is_ambiguous => Look::Refused(difference),
        Ok(config) => Look::Other(Box::new(config), difference),
        // What is wrong with them may repeat a value, which no log is to have.
        Err(_) => Look::Refused(difference),
    }
}

/// `None`: the config was read again meanwhile.
fn serve(
    shared: &Shared,
    live: &Arc<Live>,
    variables: BTreeMap<String, Secret>,
    config: Config,
    difference: SettingsDifference,
) -> Option<Settled> {
    let of_process = difference.of_process();
    if config.all_connections() == live.config.all_connections()
        && config.profiles == live.config.profiles
        && config.limits == live.config.limits
    {
        return Some(Settled { set: None, difference: Some(difference) });
    }
    match shared.client_sets.make(shared, live, variables, config, difference.names.clone()) {
        Ok(set) => set.map(|set| Settled { set: Some(set), difference: of_process }),
        Err(full) => {
            let problem = format!(
                "{} connections for clients with settings of their own are open already ({}), as many as `backends_max` \
                 under [gateway] allows",
                full.limit,
                full.held.join(", ")
            );
            Some(Settled::refusing(SettingsDifference::unserved(difference.names, problem)))
        }
    }
}

/// Of a shim that says a digest only: compares what it says with this gateway's own environment, and reads the
/// shim's from the system where that is possible.
async fn compare_digest(
    shared: &Shared,
    said: ClientSettings,
    own: Vec<(OsString, OsString)>,
    pid: u32,
    shim: Option<ShimProcess>,
) -> Option<SettingsDifference> {
    let (_, digest) = split(&said.0)?;
    if split(&summary(&own, pid))?.1 == digest {
        return None;
    }
    let system_file = shared.paths.system_file.clone();
    let look = move || {
        let (names, digest) = split(&said.0)?;
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
