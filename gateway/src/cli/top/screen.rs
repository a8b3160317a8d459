//! The terminal: in another mode while `top` runs, and as it was before afterwards, however it ends.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use snowgate_link::endpoint::Endpoint;

use super::super::exit;
use super::asker::{self, Told};
use super::model::{Action, Model};
use super::view::{Palette, draw};
use crate::os::EndSignals;

/// How long a key is waited for before the rest is looked at.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// How long a signal waits for the screen to end by itself.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// Shows it until its user, or a signal, ends it. A panic restores the terminal, too (`ratatui::try_init`).
pub(super) fn run(endpoint: &Endpoint, delay: Duration, palette: Palette) -> Result<ExitCode> {
    let ended = end_by_signals()?;
    let mut terminal = ratatui::try_init().context("cannot set up the terminal")?;
    let shown = show(&mut terminal, endpoint, delay, palette, &ended);
    let restored = ratatui::try_restore().context("cannot restore the terminal");
    // A terminal that is gone (a cut connection) is no fault.
    match shown {
        Err(error) if !ended.load(Ordering::Relaxed) => Err(error),
        _ => restored.map(|()| ExitCode::from(exit::OK)).or(Ok(ExitCode::from(exit::OK))),
    }
}

fn show(
    terminal: &mut DefaultTerminal,
    endpoint: &Endpoint,
    delay: Duration,
    palette: Palette,
    ended: &AtomicBool,
) -> Result<()> {
    let (kills, told) = asker::start(endpoint.clone(), delay);
    let mut model = Model::new();
    let mut has_changed = true;
    while !ended.load(Ordering::Relaxed) {
        if std::mem::take(&mut has_changed) {
            terminal.draw(|frame| draw(frame, &model, palette, true)).context("cannot draw")?;
        }
        if event::poll(KEY_WAIT).context("cannot read keys")? {
            has_changed = true;
            match event::read().context("cannot read keys")? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match model.key(key) {
                    Action::Quit => return Ok(()),
                    Action::Kill(target) => {
                        model.message = Some(match kills.try_send(target) {
                            Ok(()) => "stopping ...".to_owned(),
                            Err(_) => "not stopped: earlier ones are not answered yet".to_owned(),
                        });
                    }
                    Action::None => {}
                },
                _ => {}
            }
        }
        for told in told.try_iter() {
            has_changed = true;
            match told {
                Told::Look(gateway, overview) => model.take(gateway, overview.map(|overview| *overview)),
                Told::Killed(message) => model.message = Some(message),
            }
        }
    }
    Ok(())
}

/// What is set when a signal wants `top` to end.
fn end_by_signals() -> Result<Arc<AtomicBool>> {
    let ended = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        EndSignals::listen()?
    };
    let told = Arc::clone(&ended);
    std::thread::spawn(move || {
        runtime.block_on(signals.next());
        told.store(true, Ordering::Relaxed);
        // Where the terminal is gone, reading keys from it may never return: the process would run on, and for ever.
        std::thread::sleep(END_PATIENCE);
        drop(ratatui::try_restore());
        std::process::exit(exit::OK.into());
    });
    Ok(ended)
}
