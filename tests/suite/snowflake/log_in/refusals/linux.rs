//! A file that even the superuser cannot read: `/proc` has one.

use super::*;

#[test]
fn a_key_file_that_is_missing_is_a_folder_or_holds_no_key() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let missing = home.path().join("missing.p8");
    let no_key = write_private(&home, "no_key.p8", "hello");
    for (file, why) in [
        (missing, "No such file"),
        (home.path().to_owned(), "it is not a file"),
        // Even the superuser gets an error there.
        (PathBuf::from("/proc/self/mem"), "Input/output error"),
        (no_key, "no private key was found"),
    ] {
        let file = file.display().to_string();
        home.configure_account(&warehouse, &line("private_key_file", &file), "");
        let mut clients = all_refused(&home, &[], &[why, "Next step: check", "`private_key_file`"]);
        let said = problem(&home).expect("a problem");
        says(&said, &[why, "private_key_file"]);
        // A model is told of it, too: where keys are is not its business.
        assert!(!said.contains(&file), "{said}");
        assert!(log_ins(&warehouse).iter().all(|(_, refused)| refused.is_none()), "nothing was shown");
        mended_by_restart(&warehouse, &home, &mut clients[0]);
        home.stop();
    }
}
