//! Installing, removing and looking at the task of Windows' Task Scheduler, and the value of the registry that does its work where
//! the Task Scheduler refuses.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::manager::run_bounded;
use super::task::{RUN_KEY, command_line, start_words};
use super::{Manager, ManagerError, ServiceState, Site};
use crate::os;

/// How long the Task Scheduler, or `reg`, may take.
const QUICK_TIMEOUT: Duration = Duration::from_secs(15);

/// How long the gateway may take to be ready: as long as a shim waits.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is looked whether the start has ended.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// Registers the task of `file`, or writes the value `Run` where the Task Scheduler refuses: then why it does.
///
/// # Errors
/// Neither is possible.
pub(super) fn register(
    site: &Site,
    manager: &Manager,
    file: &str,
) -> Result<Option<ManagerError>, ManagerError> {
    let task = site.service_unit();
    let refused = manager.run(&["/Create", "/TN", &task, "/XML", file, "/F"], QUICK_TIMEOUT).err();
    if refused.is_none() {
        // Of a time when the Task Scheduler refused: two would start it.
        let _ = registry(&["delete", RUN_KEY, "/v", &task, "/f"]);
        return Ok(None);
    }
    let line = command_line(&start_words(site, false));
    registry(&["add", RUN_KEY, "/v", &task, "/t", "REG_SZ", "/d", &line, "/f"])?;
    Ok(refused)
}

/// Starts the gateway now, in the place of one that runs, and waits until it is ready.
///
/// # Errors
/// The shim cannot be run, or takes too long.
pub(super) fn start(site: &Site) -> Result<(), ManagerError> {
    let words = start_words(site, true);
    let shown = command_line(&words);
    let refused = |why: String| ManagerError::Refused { command: shown.clone(), why };
    let mut command = Command::new(&words[0]);
    // The line that it writes is for a shim.
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Not within a bounded run, which ends all that is left of it.
    let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(|error| refused(error.to_string()))? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(refused(status.to_string())),
            None if began.elapsed() >= START_TIMEOUT => {
                return Err(ManagerError::Slow { command: shown, bound: START_TIMEOUT });
            }
            None => std::thread::sleep(LOOK_PAUSE),
        }
    }
}

/// Removes the task and the value `Run`, whichever there is.
///
/// # Errors
/// The Task Scheduler has the task, and keeps it.
pub(super) fn unregister(site: &Site, manager: &Manager) -> Result<(), ManagerError> {
    let task = site.service_unit();
    if has_run_value(site) {
        registry(&["delete", RUN_KEY, "/v", &task, "/f"])?;
    }
    match manager.run(&["/Query", "/TN", &task], QUICK_TIMEOUT) {
        Ok(_) => manager.run(&["/Delete", "/TN", &task, "/F"], QUICK_TIMEOUT).map(drop),
        // There is none, or no Task Scheduler.
        Err(_) => Ok(()),
    }
}

/// Whether the value `Run` starts the gateway of `site`.
pub(super) fn has_run_value(site: &Site) -> bool {
    registry(&["query", RUN_KEY, "/v", &site.service_unit()]).is_ok()
}

/// What the Task Scheduler says of the task.
///
/// # Errors
/// It does not have it, or cannot be asked.
pub(super) fn look(site: &Site, manager: &Manager, found: &mut ServiceState) -> Result<(), ManagerError> {
    if has_run_value(site) {
        found.manager = "the registry's Run key".to_owned();
        (found.enabled, found.listens) = (true, true);
        return Ok(());
    }
    let said = manager.run(&["/Query", "/TN", &site.service_unit(), "/XML"], QUICK_TIMEOUT)?;
    found.enabled = is_enabled(&said);
    found.listens = found.enabled;
    Ok(())
}

/// Whether the task is, by its definition. Its trigger has a switch of its own, which comes before the settings'.
fn is_enabled(definition: &str) -> bool {
    !definition.contains("<Enabled>false</Enabled>")
}

fn registry(words: &[&str]) -> Result<String, ManagerError> {
    let refused =
        |error: std::io::Error| ManagerError::Refused { command: "reg".to_owned(), why: error.to_string() };
    let mut command = os::program("reg").map_err(refused)?;
    run_bounded(command.args(words), QUICK_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_its_user_has_switched_off_is_not_enabled() {
        let text =
            super::super::task::task_text(&Site::packaged(super::super::ServiceManager::TaskScheduler), true);
        assert!(is_enabled(&text));
        let off = text.replacen(
            "<Enabled>true</Enabled>\n    <Hidden>",
            "<Enabled>false</Enabled>\n    <Hidden>",
            1,
        );
        assert!(off != text && !is_enabled(&off));
    }
}
