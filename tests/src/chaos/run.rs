//! A run, from the first client to the last row.

use std::panic::resume_unwind;
use std::thread;
use std::time::SystemTime;

use super::actor::Actor;
use super::census::Census;
use super::plan::Plan;
use super::report::Report;
use super::saboteur::Saboteur;
use super::stage::Stage;
use super::tally::Tally;
use super::world::{CONNECTIONS_MAX, World};
use super::writes::Writes;

/// Runs `plan`.
///
/// # Panics
/// A step fails that nothing was done to.
pub fn run(plan: &Plan) -> Report {
    let (world, impossible) = World::new(plan);
    let home = &world.home;
    let (stage, began) = (Stage::new(plan.clients), SystemTime::now());
    let mut actors: Vec<Actor<'_>> =
        (0..plan.clients).map(|number| Actor::new(home, &stage, plan, number)).collect();
    actors.iter_mut().for_each(Actor::warm_up);
    let before = Census::take(home, &actors);

    let saboteur = Saboteur::new(home, &stage, plan, impossible.iter().map(|&(kind, _)| kind).collect());
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
        let damage = saboteur.do_damage();
        let actors: Vec<Actor<'_>> = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect();
        (actors, damage)
    });
    let took = stage.now();
    actors.iter_mut().for_each(Actor::check_context);
    let grown = before.growth(&Census::take(home, &actors), CONNECTIONS_MAX);

    let (mut tally, writes) = end(actors);
    home.stop();
    let left = before.left_behind(home);
    let rows = world.rows();
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
        server: world.counts(),
        log: home.log(),
    }
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
