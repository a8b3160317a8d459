//! This user.

/// This user, for people.
pub fn own_user() -> String {
    format!("user id {}", rustix::process::geteuid().as_raw())
}
