//! Links in the place of the folder and of files in it, and folders that others may write to.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use snowgate_tests::until;

use super::*;

#[test]
fn links_lead_nowhere() {
    let home = home_with("", "");
    let mut client = client(&home);
    let (folder, elsewhere) = (folder(&home), home.path().join("elsewhere"));
    exported(&export(&mut client, "select 1 as a", "first.csv"));
    fs::create_dir(&elsewhere).expect("making a folder");
    fs::write(elsewhere.join("victim"), "mine").expect("writing a file");
    for (name, target) in [
        ("to-file.csv", elsewhere.join("victim")),
        ("to-nothing.csv", elsewhere.join("new")),
        ("to-folder", elsewhere.clone()),
        ("to-itself", folder.join("to-itself")),
        ("relative", PathBuf::from("../../elsewhere/new")),
    ] {
        symlink(&target, folder.join(name)).expect("making a link");
        let text = refused(&export(&mut client, "select 2 as b", name));
        assert!(text.contains("nothing is replaced"), "{name}: {text}");
        refused(&export(&mut client, "select 2 as b", &format!("{name}/x.csv")));
    }
    fs::hard_link(elsewhere.join("victim"), folder.join("hard.csv")).expect("making a link");
    refused(&export(&mut client, "select 2 as b", "hard.csv"));
    assert_eq!(names_in(&elsewhere), ["victim"]);
    assert_eq!(fs::read_to_string(elsewhere.join("victim")).expect("the file"), "mine");
}

#[test]
fn a_link_that_appears_meanwhile_leads_nowhere() {
    let home = home_with("", "");
    let mut client = client(&home);
    let (folder, victim) = (folder(&home), home.path().join("victim"));
    let id = client.send_call("export_result", &json!({"query": rows_query(150_000), "name": "a.csv"}));
    until("the export has begun", || !names_in(&folder).is_empty());
    symlink(&victim, folder.join("a.csv")).expect("making a link");
    refused(&client.answer(&id));
    assert!(!victim.exists());
    assert_eq!(names_in(&folder), ["a.csv"]);
    // In the place of the file that is being written.
    let id = client.send_call("export_result", &json!({"query": rows_query(150_000), "name": "b.csv"}));
    let is_part = |name: &String| name.starts_with(".b.csv.");
    until("the export has begun", || names_in(&folder).iter().any(is_part));
    let part = names_in(&folder).into_iter().find(is_part).expect("the part");
    fs::remove_file(folder.join(&part)).expect("removing it");
    symlink(&victim, folder.join(&part)).expect("making a link");
    refused(&client.answer(&id));
    assert!(!victim.exists() && !folder.join("b.csv").exists());
}

#[test]
fn a_folder_that_is_replaced_meanwhile_gets_nothing() {
    let home = home_with("", "");
    let mut client = client(&home);
    let (folder, moved, elsewhere) =
        (folder(&home), home.path().join("out/moved"), home.path().join("elsewhere"));
    fs::create_dir(&elsewhere).expect("making a folder");
    let id = client.send_call("export_result", &json!({"query": rows_query(150_000), "name": "a.csv"}));
    until("the export has begun", || !names_in(&folder).is_empty());
    fs::rename(&folder, &moved).expect("moving the folder");
    symlink(&elsewhere, &folder).expect("making a link");
    let text = refused(&client.answer(&id));
    assert!(text.contains("moved or replaced"), "{text}");
    assert_eq!((names_in(&elsewhere), names_in(&moved)), (Vec::new(), Vec::new()));
    // And a link in its place is no folder.
    let text = refused(&export(&mut client, "select 1 as a", "b.csv"));
    assert!(text.contains("`export_folder`") && text.contains("link"), "{text}");
    assert_eq!(names_in(&elsewhere), [""; 0]);
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let home = home_with("", "");
    let mut client = client(&home);
    let folder = folder(&home);
    let done = exported(&export(&mut client, "select 1 as a", "a.csv"));
    let mode = |path: &Path| fs::metadata(path).expect("what was made").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(Path::new(done["path"].as_str().expect("a path")))), (0o700, 0o600));
    for open in [folder.clone(), home.path().join("out")] {
        let before = mode(&open);
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("opening it");
        let text = refused(&export(&mut client, "select 1 as a", "b.csv"));
        assert!(text.contains("other users"), "{text}");
        fs::set_permissions(&open, fs::Permissions::from_mode(before)).expect("closing it");
    }
    exported(&export(&mut client, "select 1 as a", "b.csv"));
}

#[test]
fn a_folder_is_made_only_where_the_one_above_it_is() {
    let home = Home::new();
    let missing = home.path().join("missing/exports");
    home.configure(&format!("[profiles.default]\nexport_folder = '{}'\n", missing.display()));
    let mut client = client(&home);
    let text = refused(&export(&mut client, "select 1 as a", "a.csv"));
    assert!(text.contains("does not exist"), "{text}");
    fs::create_dir(home.path().join("missing")).expect("making a folder");
    exported(&export(&mut client, "select 1 as a", "a.csv"));
}
