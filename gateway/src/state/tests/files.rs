//! Files that are missing, damaged, or something else.

use std::path::PathBuf;

use super::*;
use crate::os::test_support::lacks_in_wine;

impl Fixture {
    fn aside(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().flatten();
        let is_aside = |path: &PathBuf| path.to_string_lossy().contains(".aside-");
        entries.map(|entry| entry.path()).filter(is_aside).collect()
    }
}

// SQLite opens a file so that Windows neither replaces nor removes it.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_removed_is_made_anew() {
    let Fixture { store, folder: _folder } = fixture().await;
    let before = store.id();
    store.reopen_if_replaced().await;
    assert_eq!(store.id(), before);
    std::fs::remove_file(store.path()).unwrap();
    store.reopen_if_replaced().await;
    assert!(store.id().is_some() && store.id() != before);
    assert!(begin(&store, "s", 1).await);
}

#[tokio::test]
async fn what_is_of_no_use_is_set_aside_and_kept() {
    for damage in ["no database at all, but text", ""] {
        let Fixture { store, folder } = fixture().await;
        let (path, id) = (store.path().to_owned(), store.id());
        drop(store);
        if damage.is_empty() {
            // In the middle, where a later gateway would stumble over it.
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[4096..8192].fill(0xff);
            std::fs::write(&path, bytes).unwrap();
        } else {
            std::fs::write(&path, damage).unwrap();
        }
        let store = StateStore::open(folder.path()).await;
        assert!(store.problem().unwrap().contains("it was set aside as "), "{:?}", store.problem());
        assert!(store.id().is_some() && store.id() != id);
        assert!(begin(&store, "s", 1).await);
        assert!(!Fixture { store, folder }.aside().is_empty());
    }
}

#[tokio::test]
async fn a_file_of_another_layout_is_set_aside() {
    let Fixture { store, folder } = fixture().await;
    let path = store.path().to_owned();
    drop(store);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let store = StateStore::open(folder.path()).await;
    assert!(store.problem().unwrap().contains("layout 99"), "{:?}", store.problem());
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_or_a_link_in_its_place_is_set_aside_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, folder.path().join(FILE)).unwrap();
    let store = StateStore::open(folder.path()).await;
    assert!(store.problem().unwrap().contains("set aside"));
    assert!(begin(&store, "s", 1).await);
    assert_eq!(std::fs::read_to_string(precious).unwrap(), "precious");
}

#[tokio::test]
async fn files_set_aside_do_not_pile_up() {
    let Fixture { folder, store } = fixture().await;
    let path = store.path().to_owned();
    drop(store);
    for _ in 0..9 {
        std::fs::write(&path, "rubbish, again and again").unwrap();
        assert!(begin(&StateStore::open(folder.path()).await, "s", 1).await);
        // Each has the time in its name.
        std::thread::sleep(Duration::from_millis(2));
    }
    let fixture = Fixture { store: StateStore::open(folder.path()).await, folder };
    assert_eq!(fixture.aside().len(), 5, "{:?}", fixture.aside());
}

#[tokio::test]
async fn without_a_folder_there_is_no_state_until_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state");
    std::fs::write(&place, "a file, where the folder should be").unwrap();
    let store = StateStore::open(&place).await;
    assert!(store.problem().is_some() && store.id().is_none());
    let error = store.begin("s", 1, Digest::of("x"), None, None, None).await.unwrap_err();
    assert!(error.to_string().contains("state.db") && !error.is_busy(), "{error}");
    std::fs::remove_file(&place).unwrap();
    while store.id_or_open().await.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(begin(&store, "s", 1).await && store.problem().is_none());
}

#[tokio::test]
async fn the_file_is_its_owner_s_alone_and_holds_no_secret() {
    let Fixture { store, folder } = fixture().await;
    register(&store, record("s", "A", alive())).await;
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"secret of"), "{:?}", entry.path());
        // The files beside it have what their folder passes down.
        if entry.file_name() != FILE && lacks_in_wine("passes no access list down") {
            continue;
        }
        let access = crate::os::FileAccess::at(&entry.path()).unwrap();
        assert_eq!(access.mode, 0o600, "{:?} {access:?}", entry.path());
    }
}
