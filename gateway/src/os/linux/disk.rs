//! Which file systems are a network's.

use std::path::Path;

/// Kinds of network file systems, by the numbers of statfs(2).
const NETWORKS: [(u32, &str); 7] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB 2"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9P"),
];

/// The kind of the network's file system behind `path`, if it is one.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the kernel's numbers have 32 bits"
)]
pub(in crate::os) fn network_of(path: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(path).ok()?.f_type as u32;
    NETWORKS.iter().find(|(number, _)| *number == kind).map(|(_, name)| *name)
}
