//! Other processes of this user.

/// Processes by one variable of their environment ([`super::processes_with`]).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that have it, by process id.
    pub pids: Vec<u32>,
    /// Whether a program of ours is being started whose environment cannot be read yet: it may have it, too.
    pub is_one_starting: bool,
}

#[cfg(test)]
mod tests {
    use crate::os::running_programs;

    #[test]
    fn this_program_is_one_that_runs() {
        let own = std::env::current_exe().unwrap();
        let name = own.file_name().unwrap().to_string_lossy().into_owned();
        assert!(running_programs().unwrap().contains(&name));
    }
}
