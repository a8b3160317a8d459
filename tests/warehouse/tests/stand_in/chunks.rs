//! Results in chunks.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use warehouse::{Endpoint, Fault, Strike, Warehouse};

use crate::caller::Caller;
use crate::http::{Answer, send};

/// Gets a chunk with the headers that its result names.
fn fetch(warehouse: &Warehouse, data: &Value, index: usize) -> Answer {
    let url = data["chunks"][index]["url"].as_str().expect("a link");
    let target = url.strip_prefix(&warehouse.url()).expect("a link that leads here");
    let mut headers: Vec<(&str, &str)> = Vec::new();
    let listed = data["chunkHeaders"].as_object();
    headers.extend(
        listed.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))),
    );
    if let Some(key) = data["qrmk"].as_str().filter(|_| headers.is_empty()) {
        headers.push(("x-amz-server-side-encryption-customer-key", key));
    }
    send(warehouse.address(), "GET", target, &headers, b"").expect("an answer")
}

fn numbers(body: &[u8]) -> Vec<u64> {
    let rows: Vec<Vec<String>> =
        serde_json::from_slice(&[b"[", body, b"]"].concat()).expect("rows without brackets");
    rows.iter().map(|row| row[0].parse().expect("a number")).collect()
}

fn unzipped(answer: &Answer) -> Vec<u8> {
    let mut found = Vec::new();
    GzDecoder::new(answer.body.as_slice()).read_to_end(&mut found).expect("gzip");
    found
}

#[test]
fn rows_are_in_order_and_complete() {
    let warehouse = Warehouse::start();
    let caller = Caller::logged_in(&warehouse);
    let sql = "select seq4() from table(generator(rowcount => 1000, chunks => 3, inline => 10))";
    let data = caller.submit(sql)["data"].clone();
    assert_eq!((&data["total"], data["rowset"].as_array().expect("rows").len()), (&json!(1000), 10));
    let mut all: Vec<u64> = (0..10).collect();
    for index in 0..3 {
        let answer = fetch(&warehouse, &data, index);
        assert_eq!((answer.status, answer.headers["content-encoding"].as_str()), (200, "gzip"));
        let rows = numbers(&unzipped(&answer));
        assert_eq!(data["chunks"][index]["rowCount"], rows.len());
        all.extend(rows);
    }
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
}

#[test]
fn encodings_and_keys_vary() {
    let warehouse = Warehouse::start();
    let caller = Caller::logged_in(&warehouse);
    let submit = |rest: &str| {
        let sql = format!("select * from table(generator(rowcount => 5, chunks => 1, {rest}))");
        caller.submit(&sql)["data"].clone()
    };
    let plain = submit("encoding => 'plain', key => 'qrmk'");
    assert!(plain.get("chunkHeaders").is_none());
    assert_eq!(numbers(&fetch(&warehouse, &plain, 0).body), [0, 1, 2, 3, 4]);
    let bare = submit("encoding => 'bare_gzip', key => 'both', text => 3");
    assert!(bare.get("qrmk").is_some() && bare.get("chunkHeaders").is_some());
    let answer = fetch(&warehouse, &bare, 0);
    assert!(!answer.headers.contains_key("content-encoding"));
    assert_eq!(String::from_utf8(unzipped(&answer)).expect("text")[..11], *"[\"0\",\"xxx\"]");
}

#[test]
fn storage_refuses_a_missing_key_an_expired_link_and_what_is_not_there() {
    let warehouse = Warehouse::start();
    let caller = Caller::logged_in(&warehouse);
    let data = caller.submit("select * from table(generator(rowcount => 5, chunks => 1))")["data"].clone();
    let mut keyless = data.clone();
    keyless["chunkHeaders"] = json!({});
    assert_eq!(fetch(&warehouse, &keyless, 0).status, 400);
    warehouse.expire_links();
    assert_eq!(fetch(&warehouse, &data, 0).status, 403);
    let id = data["queryId"].as_str().expect("an id");
    let again = caller.get(&format!("/queries/{id}/result"))["data"].clone();
    assert_eq!(fetch(&warehouse, &again, 0).status, 200);
    let mut beyond = again.clone();
    beyond["chunks"][0]["url"] =
        again["chunks"][0]["url"].as_str().expect("a link").replace("/0?", "/1?").into();
    assert_eq!(fetch(&warehouse, &beyond, 0).status, 404);
}

#[test]
fn a_gzip_stream_ends_in_the_middle() {
    let warehouse = Warehouse::start();
    let caller = Caller::logged_in(&warehouse);
    let data = caller.submit("select * from table(generator(rowcount => 5000, chunks => 1))")["data"].clone();
    warehouse.fault(Endpoint::Chunk, Strike::First(1), Fault::TruncatedGzip);
    let answer = fetch(&warehouse, &data, 0);
    assert!(GzDecoder::new(answer.body.as_slice()).read_to_end(&mut Vec::new()).is_err());
    assert_eq!(numbers(&unzipped(&fetch(&warehouse, &data, 0))).len(), 5000);
}
