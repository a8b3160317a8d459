//! A run, from the first client to the last row.

use std::panic::resume_unwind;
use std::thread;
use std::time::SystemTime;

use super::actor::Actor;
use super::census::Census;
use super::databases;
use super::fault::Kind;
use super::plan::Plan;
use super::report::Report;
use super::saboteur::Saboteur;
use super::stage::Stage;
use super::tally::Tally;
use super::writes::Writes;
use crate::home::Home;

/// Connections that the gateways may open: fewer than clients, so that these get into each other's way.
const CONNECTIONS_MAX: usize = 8;

/// The disk of the state folder: more than all log files together may take.
const STATE_BYTES: u64 = 256 << 20;

/// Runs `plan`.
///
/// # Panics
/// A step fails that nothing was done to.
pub fn run(plan: &Plan) -> Report {
    let (home, impossible) = set_up();
    let (stage, began) = (Stage::new(plan.clients), SystemTime::now());
    let mut actors: Vec<Actor<'_>> =
        (0..plan.clients).map(|number| Actor::new(&home, &stage, plan.seed, number, plan.clients)).collect();
    actors.iter_mut().for_each(Actor::warm_up);
    let before = Census::take(&home, &actors);

    let saboteur = Saboteur::new(&home, &stage, plan, impossible.iter().map(|&(kind, _)| kind).collect());
    let (mut actors, damage) = thread::scope(|scope| {
        let workers: Vec<_> = actors
            .into_iter()
            .map(|mut actor| {
                scope.spawn(move || {
                    actor.work();
                    actor
                })
            })
            .collect();
        let damage = saboteur.rampage();
        let actors: Vec<Actor<'_>> = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect();
        (actors, damage)
    });
    let took = stage.now();
    actors.iter_mut().for_each(Actor::check_context);
    let grown = before.growth(&Census::take(&home, &actors), CONNECTIONS_MAX);

    let (mut tally, writes) = end(actors);
    home.stop();
    let left = before.left_behind(&home);
    let rows = databases::rows(&home);
    for why in grown.into_iter().chain(left).chain(rows.wrong(&writes)) {
        tally.violation(stage.now(), "the end", None, why);
    }
    Report {
        plan: *plan,
        began,
        took,
        tally,
        writes: writes.len(),
        rows: rows.count(),
        damage,
        impossible,
        log: home.log(),
    }
}

/// A home to run in, and the faults that it cannot have, with the reason.
fn set_up() -> (Home, Vec<(Kind, String)>) {
    let mut home = Home::bare();
    home.configure(&format!(
        "read_only = false\n[gateway]\ndrain_timeout_ms = 300\n[pool]\nconnections_max = {CONNECTIONS_MAX}\n"
    ));
    databases::create(&home);
    let mut impossible = Vec::new();
    if let Err(error) = home.mount_state(STATE_BYTES) {
        for kind in [Kind::FillDisk, Kind::KillOnFullDisk] {
            impossible.push((kind, format!("this user may not mount: {error}")));
        }
    }
    if home.run(&["restart", "--help"]).code != Some(0) {
        impossible.push((Kind::Restart, "the program has no such command".to_owned()));
    }
    (home, impossible)
}

/// Has everybody leave; gives what all have counted together, and all writes.
fn end(actors: Vec<Actor<'_>>) -> (Tally, Writes) {
    let (mut tally, mut writes) = (Tally::default(), Writes::new());
    for actor in actors {
        let (counted, written) = actor.leave();
        tally.add(counted);
        writes.extend(written);
    }
    (tally, writes)
}
