//! Keys as requests meet them.

use std::collections::BTreeMap;

use super::*;
use crate::config::{Permission, Permissions};

const MINUTE: u64 = 60_000;

struct Bench {
    _folder: tempfile::TempDir,
    desk: KeyDesk,
    keys: ApiKeys,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let permissions = [Permission::ReadTables].into_iter().collect();
    let roles = BTreeMap::from([("reader".to_owned(), RoleConfig { permissions, ..RoleConfig::default() })]);
    let (desk, keys) = (KeyDesk::in_folder(folder.path()), ApiKeys::in_folder(folder.path(), roles));
    Bench { _folder: folder, desk, keys }
}

fn named(name: &str) -> NewKey {
    NewKey { name: name.to_owned(), ..NewKey::default() }
}

const LOOPBACK: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
const OTHER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9)));

#[test]
fn a_key_is_good_at_once_and_a_revoked_one_no_more() {
    let Bench { desk, keys, _folder } = bench();
    assert_eq!(keys.check(Some("sgk_x"), LOOPBACK).unwrap_err(), Denial::Malformed);
    let made = desk.create(NewKey { role: Some("reader".to_owned()), ..named("bi") }).unwrap();
    let live = keys.check(Some(&made.key), LOOPBACK).unwrap();
    assert_eq!((live.identity.name.as_str(), live.identity.id.as_str()), ("bi", made.id.as_str()));
    assert!(live.identity.permissions.contains(Permission::ReadTables));
    assert!(!live.identity.permissions.contains(Permission::Write));
    assert!(keys.settle() && !keys.settle() && keys.is_live(&live.identity));
    desk.revoke("bi").unwrap();
    assert!(keys.settle() && !keys.is_live(&live.identity) && live.ended.is_cancelled());
    assert_eq!(keys.check(Some(&made.key), LOOPBACK).unwrap_err(), Denial::Wrong);
}

#[test]
fn what_the_command_line_does_to_keys_is_seen_once_and_what_was_there_before_is_not_new() {
    let Bench { desk, keys, _folder } = bench();
    desk.create(named("old")).unwrap();
    assert!(keys.settle() && keys.take_changes().is_empty());
    let take = || {
        keys.settle();
        let changes = keys.take_changes();
        changes.into_iter().map(|change| (change.event, change.name)).collect::<Vec<_>>()
    };
    let told = |event: &'static str, name: &str| (event, name.to_owned());
    desk.create(named("new")).unwrap();
    assert_eq!(take(), [told("key_created", "new")]);
    desk.rotate("old", MINUTE).unwrap();
    assert_eq!(take(), [told("key_rotated", "old")]);
    desk.revoke("old").unwrap();
    assert_eq!(take(), [told("key_revoked", "old")]);
    // Another key of the same name is another key.
    desk.revoke("new").unwrap();
    desk.create(named("new")).unwrap();
    assert_eq!(take(), [told("key_revoked", "new"), told("key_created", "new")]);
    assert_eq!(take(), []);
}

#[test]
fn a_rotation_keeps_the_identity_and_ends_the_old_secret_later() {
    let Bench { desk, keys, _folder } = bench();
    let first = desk.create(named("bi")).unwrap();
    let before = keys.check(Some(&first.key), LOOPBACK).unwrap();
    let second = desk.rotate("bi", MINUTE).unwrap();
    let (old, new) =
        (keys.check(Some(&first.key), LOOPBACK).unwrap(), keys.check(Some(&second.key), LOOPBACK).unwrap());
    assert_eq!((&old.identity, &new.identity), (&before.identity, &before.identity));
    assert!(!before.ended.is_cancelled());
    let later = now_ms() + 2 * MINUTE;
    assert_eq!(keys.check_at(later, Some(&first.key), LOOPBACK).unwrap_err(), Denial::Expired);
    assert!(keys.check_at(later, Some(&second.key), LOOPBACK).is_ok());
    desk.rotate("bi", 0).unwrap();
    assert!(keys.settle() && before.ended.is_cancelled() && new.ended.is_cancelled());
    assert!(keys.is_live(&before.identity), "its sessions go on");
}

#[test]
fn expiry_addresses_and_a_role_that_is_gone_are_told_apart() {
    let Bench { desk, keys, _folder } = bench();
    let made = desk.create(NewKey { expires_ms: Some(now_ms() + MINUTE), ..named("short") }).unwrap();
    assert!(keys.check(Some(&made.key), LOOPBACK).is_ok());
    assert_eq!(keys.check_at(now_ms() + MINUTE, Some(&made.key), LOOPBACK).unwrap_err(), Denial::Expired);
    let made = desk.create(NewKey { allow_from: vec!["10.0.0.0/8".to_owned()], ..named("office") }).unwrap();
    let mapped = Some("::ffff:10.0.0.9".parse().unwrap());
    assert!(keys.check(Some(&made.key), OTHER).is_ok() && keys.check(Some(&made.key), mapped).is_ok());
    for address in [LOOPBACK, None, Some("::1".parse().unwrap())] {
        let denial = keys.check(Some(&made.key), address).unwrap_err();
        assert_eq!(denial, Denial::Address { name: "office".to_owned() }, "{address:?}");
    }
    let made = desk.create(NewKey { role: Some("gone".to_owned()), ..named("g") }).unwrap();
    assert!(matches!(keys.check(Some(&made.key), LOOPBACK).unwrap_err(), Denial::RoleGone { .. }));
    assert_eq!(keys.guard().lockouts.locked(now_ms()), 0, "none of these is a guess");
}

#[test]
fn wrong_keys_lock_an_address_but_no_good_key_of_this_machine() {
    let Bench { desk, keys, _folder } = bench();
    let made = desk.create(named("bi")).unwrap();
    let now_ms = now_ms();
    for (address, is_local) in [(OTHER, false), (LOOPBACK, true), (None, true)] {
        for _ in 0..FAILURES_MAX {
            assert_eq!(keys.check_at(now_ms, Some("wrong"), address).unwrap_err(), Denial::Malformed);
        }
        let locked = Denial::Locked { retry_ms: LOCKED_MS };
        assert_eq!(keys.check_at(now_ms, Some("wrong"), address).unwrap_err(), locked);
        let good = keys.check_at(now_ms, Some(&made.key), address);
        assert_eq!(good.map(|_| ()), if is_local { Ok(()) } else { Err(locked) });
        assert!(keys.check_at(now_ms + LOCKED_MS, Some(&made.key), address).is_ok());
    }
    for _ in 0..100 {
        assert_eq!(keys.check_at(now_ms + 2 * LOCKED_MS, None, OTHER).unwrap_err(), Denial::Missing);
    }
}

#[test]
fn a_damaged_file_refuses_every_key_and_ends_none() {
    let Bench { desk, keys, _folder } = bench();
    let made = desk.create(named("bi")).unwrap();
    let live = keys.check(Some(&made.key), LOOPBACK).unwrap();
    let whole = std::fs::read(desk.place.file()).unwrap();
    std::fs::write(desk.place.file(), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(keys.check(Some(&made.key), LOOPBACK).unwrap_err(), Denial::Unavailable);
    let view = keys.view();
    assert!(view.problem.unwrap().contains("damaged") && view.keys == 1 && !live.ended.is_cancelled());
    assert!(matches!(desk.create(named("more")), Err(KeyError::File(_))));
    std::fs::write(desk.place.file(), &whole).unwrap();
    assert!(keys.check(Some(&made.key), LOOPBACK).is_ok());
    assert_eq!(keys.view().problem, None);
}

#[test]
fn a_rate_is_the_keys_own() {
    let Bench { desk, keys, _folder } = bench();
    let made = desk.create(NewKey { requests_per_minute: Some(2), ..named("slow") }).unwrap();
    let other = desk.create(named("fast")).unwrap();
    let now_ms = now_ms();
    for _ in 0..2 {
        assert!(keys.check_at(now_ms, Some(&made.key), LOOPBACK).is_ok());
    }
    assert!(matches!(keys.check_at(now_ms, Some(&made.key), LOOPBACK), Err(Denial::TooMany { .. })));
    assert!(keys.check_at(now_ms, Some(&other.key), LOOPBACK).is_ok());
}

#[tokio::test]
async fn the_last_use_is_listed_also_after_a_restart() {
    let Bench { desk, keys, _folder } = bench();
    let made = desk.create(named("bi")).unwrap();
    keys.check(Some(&made.key), OTHER).unwrap();
    keys.keep_usage().await;
    let next = ApiKeys::in_folder(_folder.path(), BTreeMap::new());
    next.check(Some(&made.key), LOOPBACK).unwrap();
    next.keep_usage().await;
    let (views, warning) = desk.list().unwrap();
    assert_eq!((views[0].requests, views[0].last_address, warning), (2, LOOPBACK, None));
    assert!(!serde_json::to_string(&views).unwrap().contains(&KeyDigest::of(&made.key).to_hex()));
}

#[test]
fn a_key_without_a_role_is_no_operator() {
    let without: Permissions = KeyIdentity::permissions_without_role();
    assert!(without.contains(Permission::Write) && !without.contains(Permission::AdminOperations));
}

/// Not a bound on time: the figures are for people (`--nocapture`).
#[test]
#[ignore = "prints how long right and wrong prefixes take"]
fn how_long_right_and_wrong_prefixes_take() {
    let Bench { desk, keys, _folder } = bench();
    let mut made = Vec::new();
    for number in 0..100 {
        made.push(desk.create(named(&format!("k{number}"))).unwrap().key);
    }
    let table = keys.table().unwrap();
    let right = made[0].clone();
    let near = format!("{}{}", &right[..right.len() - 1], if right.ends_with('x') { 'y' } else { 'x' });
    let far = made[0].replace("sgk_", "zzz_");
    let mut times = BTreeMap::<&str, Vec<u128>>::new();
    for _ in 0..20_000 {
        for (what, text) in [("right", &right), ("last character wrong", &near), ("prefix wrong", &far)] {
            let began = std::time::Instant::now();
            std::hint::black_box(table.find(&KeyDigest::of(std::hint::black_box(text))));
            times.entry(what).or_default().push(began.elapsed().as_nanos());
        }
    }
    for (what, mut times) in times {
        times.sort_unstable();
        println!("{what}: median {} ns, 90% {} ns", times[times.len() / 2], times[times.len() * 9 / 10]);
    }
}
