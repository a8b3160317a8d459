//! What is known of the errors that end a command: its exit code, and what the user can do.

use super::breaker::NoConnection;
use super::bundle::NoProgram;
use super::control::{InvalidConfig, NoAnswer};
use super::exit;
use super::install::NoClient;
use super::kill::NoTarget;
use super::login::NotLoggedIn;
use super::migrate_env::MigrateError;
use super::open::NoPage;
use super::person::Cancelled;
use super::quota::UnknownClient;
use super::report::FileExists;
use super::service::{NoJournal, NoService, NotForService};
use super::setup::SetupError;
use super::start_gateway::NotStarted;
use crate::backend::BackendError;
use crate::bundle::BundleError;
use crate::clients::{BadShim, ClientError, NoShim};
use crate::config::{ConfigErrors, PathsError, UnknownProfile, UnknownRole};
use crate::http::HttpStartError;
use crate::isolation::NoProfile;
use crate::keys::{KeyError, KeyFileError};
use crate::process::BindError;
use crate::service::InstallError;
use crate::shared::TooFewDescriptors;
use snowgate_link::endpoint::EndpointError;
use snowgate_link::start::StartError;

struct Advice {
    exit_code: u8,
    next_step: Option<String>,
}

/// A row for each type of error: the command's exit code, and the next step.
macro_rules! known_errors {
    ($($error:ty: $exit_code:expr, $next_step:expr;)*) => {
        fn advice(cause: &(dyn std::error::Error + 'static)) -> Option<Advice> {
            $(if let Some(error) = cause.downcast_ref::<$error>() {
                let (exit_code, next_step): (fn(&$error) -> u8, fn(&$error) -> Option<String>) = ($exit_code, $next_step);
                return Some(Advice { exit_code: exit_code(error), next_step: next_step(error) });
            })*
            None
        }
    };
}

known_errors! {
    ConfigErrors: |_| exit::CONFIG, |error| Some(error.next_step());
    PathsError: |_| exit::CONFIG, |_| None;
    UnknownProfile: |_| exit::CONFIG, |_| None;
    NoProfile: |_| exit::CONFIG, |_| None;
    InvalidConfig: |_| exit::CONFIG, |_| None;
    NoClient: |_| exit::USAGE, |_| Some(NoClient::next_step());
    BadShim: |_| exit::USAGE, |error| Some(error.next_step());
    NoShim: |_| exit::INTERNAL, |error| Some(error.next_step());
    ClientError: |error| usage_if(error.is_usage()), |error| Some(error.next_step());
    UnknownRole: |_| exit::USAGE, |_| None;
    BundleError: |_| exit::USAGE, |error| Some(error.next_step());
    NoProgram: |_| exit::INTERNAL, |error| Some(error.next_step());
    SetupError: SetupError::exit_code, SetupError::next_step;
    MigrateError: MigrateError::exit_code, |error| Some(error.next_step());
    Cancelled: |_| exit::CANCELLED, |_| None;
    NoTarget: |_| exit::USAGE, |_| None;
    FileExists: |_| exit::USAGE, |_| Some(FileExists::next_step());
    NoPage: |_| exit::USAGE, |_| None;
    NoService: |_| exit::USAGE, |_| Some(NoService::next_step());
    NoJournal: |_| exit::INTERNAL, |_| Some(NoJournal::next_step());
    NotForService: |_| exit::USAGE, |_| Some(NotForService::next_step());
    InstallError: |_| exit::INTERNAL, |error| Some(error.next_step());
    UnknownClient: |_| exit::USAGE, |_| None;
    NoConnection: |_| exit::USAGE, |_| None;
    NotLoggedIn: NotLoggedIn::exit_code, NotLoggedIn::next_step;
    NoAnswer: |_| exit::INTERNAL, |_| Some(NoAnswer::next_step());
    NotStarted: |_| exit::INTERNAL, |_| Some(NotStarted::next_step());
    KeyError: |error| usage_if(error.is_usage()), KeyError::next_step;
    KeyFileError: |_| exit::INTERNAL, |error| Some(error.next_step());
    BackendError: |_| exit::INTERNAL, |error| error.next_step.clone();
    BindError: |_| exit::INTERNAL, BindError::next_step;
    StartError: |_| exit::INTERNAL, StartError::next_step;
    HttpStartError: |_| exit::INTERNAL, |error| Some(error.next_step());
    TooFewDescriptors: |_| exit::INTERNAL, |error| Some(error.next_step());
    EndpointError: |_| exit::INTERNAL, |error| Some(error.next_step());
}

fn usage_if(is_usage: bool) -> u8 {
    if is_usage { exit::USAGE } else { exit::INTERNAL }
}

/// The exit code of a command that ends with `error`: a config that is wrong is named first, then the outermost cause that has a code.
pub(super) fn exit_code(error: &anyhow::Error) -> u8 {
    let codes: Vec<u8> = error.chain().filter_map(|cause| Some(advice(cause)?.exit_code)).collect();
    if codes.contains(&exit::CONFIG) {
        return exit::CONFIG;
    }
    codes.into_iter().find(|code| *code != exit::INTERNAL).unwrap_or(exit::INTERNAL)
}

/// What the user can do about `error`, where the part that failed knows.
pub(super) fn next_step(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| advice(cause)?.next_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_found_below_what_was_said_of_it() {
        let error = anyhow::Error::new(NotForService).context("the service is not installed");
        assert_eq!(exit_code(&error), exit::USAGE);
        assert!(next_step(&error).is_some());
        let error = anyhow::Error::msg("no idea");
        assert_eq!((exit_code(&error), next_step(&error)), (exit::INTERNAL, None));
    }
}
