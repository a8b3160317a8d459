//! The names of users.

use std::path::Path;

/// Where the system's users are.
const PASSWD: &str = "/etc/passwd";

/// The name of a user of this system, if it is in `PASSWD`.
pub fn user_name(uid: u32) -> Option<String> {
    look_up(Path::new(PASSWD), uid)
}

fn look_up(passwd: &Path, uid: u32) -> Option<String> {
    let text = std::fs::read_to_string(passwd).ok()?;
    text.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (name, _, id) = (parts.next()?, parts.next()?, parts.next()?);
        (id.parse() == Ok(uid)).then(|| name.to_owned())
    })
}
