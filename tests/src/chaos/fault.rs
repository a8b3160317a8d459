//! What is done to a gateway, a shim, the socket and the disk, drawn from the run's seed. Pure.

use std::time::Duration;

use crate::harness::Random;

/// How long a gateway is frozen, in ms.
const FREEZE_MS: (u64, u64) = (20, 300);

/// How long the disk is full, in ms.
const FULL_MS: (u64, u64) = (100, 500);

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The gateway is killed.
    KillGateway,
    /// `snowgate restart`.
    Restart,
    /// `snowgate stop`.
    Stop,
    /// The gateway does nothing for this long.
    Freeze(Duration),
    /// The shims of the clients with these numbers, which speak the same era, are killed at once: each client
    /// must find its own context again.
    KillShims([u64; 2]),
    /// The socket's file is deleted.
    DeleteSocket,
    /// The disk of the state folder is full for this long.
    FillDisk(Duration),
    /// The same, and the gateway is killed half-way: the next one starts on a full disk.
    KillOnFullDisk(Duration),
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    KillGateway,
    Restart,
    Stop,
    Freeze,
    KillShims,
    DeleteSocket,
    FillDisk,
    KillOnFullDisk,
}

/// How often each kind is drawn against the others.
const WEIGHTS: [(u64, Kind); 8] = [
    (56, Kind::KillGateway),
    (8, Kind::Restart),
    (8, Kind::Stop),
    (8, Kind::Freeze),
    (12, Kind::KillShims),
    (4, Kind::DeleteSocket),
    (3, Kind::FillDisk),
    (3, Kind::KillOnFullDisk),
];

impl Kind {
    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillGateway => "gateway killed",
            Self::Restart => "snowgate restart",
            Self::Stop => "snowgate stop",
            Self::Freeze => "gateway frozen",
            Self::KillShims => "shims killed",
            Self::DeleteSocket => "socket deleted",
            Self::FillDisk => "disk full",
            Self::KillOnFullDisk => "disk full and gateway killed",
        }
    }
}

impl Fault {
    /// The next fault of a run with so many clients, but none of the kinds `impossible`.
    pub(super) fn draw(random: &mut Random, clients: u64, impossible: &[Kind]) -> Self {
        let kinds: Vec<_> = WEIGHTS.into_iter().filter(|(_, kind)| !impossible.contains(kind)).collect();
        let mut ms = |(least, most)| Duration::from_millis(random.between(least, most));
        let (freeze, full) = (ms(FREEZE_MS), ms(FULL_MS));
        let shim = random.below(clients);
        match random.weighted(&kinds) {
            Kind::KillGateway => Self::KillGateway,
            Kind::Restart => Self::Restart,
            Kind::Stop => Self::Stop,
            Kind::Freeze => Self::Freeze(freeze),
            Kind::KillShims => Self::KillShims([shim, (shim + 2) % clients]),
            Kind::DeleteSocket => Self::DeleteSocket,
            Kind::FillDisk => Self::FillDisk(full),
            Kind::KillOnFullDisk => Self::KillOnFullDisk(full),
        }
    }

    /// Its kind.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::KillGateway => Kind::KillGateway,
            Self::Restart => Kind::Restart,
            Self::Stop => Kind::Stop,
            Self::Freeze(_) => Kind::Freeze,
            Self::KillShims(_) => Kind::KillShims,
            Self::DeleteSocket => Kind::DeleteSocket,
            Self::FillDisk(_) => Kind::FillDisk,
            Self::KillOnFullDisk(_) => Kind::KillOnFullDisk,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn faults(seed: u64, impossible: &[Kind]) -> Vec<Fault> {
        let mut random = Random::new(seed);
        (0..1000).map(|_| Fault::draw(&mut random, 12, impossible)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_faults() {
        assert_eq!(faults(7, &[]), faults(7, &[]));
        assert_ne!(faults(7, &[]), faults(8, &[]));
    }

    #[test]
    fn most_are_kills_of_the_gateway_and_the_impossible_is_left_out() {
        let kinds = |impossible: &[Kind]| -> Vec<Kind> {
            faults(7, impossible).into_iter().map(Fault::kind).collect()
        };
        let all = kinds(&[]);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), WEIGHTS.len());
        assert!(all.iter().filter(|&&kind| kind == Kind::KillGateway).count() > 500);
        let some = kinds(&[Kind::FillDisk, Kind::Restart]);
        assert!(!some.contains(&Kind::FillDisk) && !some.contains(&Kind::Restart));
    }
}
