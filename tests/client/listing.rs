//! Lists: pages, and what happens when the list changes between two of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use authentik_operator::authentik::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client;
use crate::scripted::{Scripted, Seen, Step, json};

#[derive(Debug, Deserialize)]
struct Row {
    pk: String,
}

/// A page of two rows out of `pks`, as authentik pages.
fn page(seen: &Seen, pks: &[&str]) -> Vec<Step> {
    let number: usize = seen.query("page").map_or(1, |page| page.parse().expect("a number"));
    let pages = pks.len().div_ceil(2).max(1);
    if number > pages {
        return json(404, &json!({"detail": "Invalid page."}));
    }
    let next = if number < pages { number + 1 } else { 0 };
    let rows: Vec<Value> = pks.iter().skip(2 * (number - 1)).take(2).map(|pk| json!({"pk": pk})).collect();
    let pagination = json!({"next": next, "previous": number - 1, "count": pks.len(), "total_pages": pages});
    json(200, &json!({"pagination": pagination, "results": rows, "autocomplete": {}}))
}

/// Lists from a server whose rows depend on the number of the request.
async fn list(
    rows: impl Fn(usize) -> Vec<&'static str> + Send + Sync + 'static,
) -> (Result<String, Error>, usize) {
    let number = AtomicUsize::new(0);
    let server = Scripted::start(move |seen| page(seen, &rows(number.fetch_add(1, Ordering::SeqCst)))).await;
    let rows = client(&server.url()).list::<Row>("flows/instances", &[], "slug").await;
    let joined = rows.map(|rows| rows.iter().map(|row| row.pk.as_str()).collect::<Vec<_>>().join(""));
    (joined, server.seen().len())
}

#[tokio::test]
async fn pages_are_followed_with_the_callers_order_and_filter() {
    let server = Scripted::start(|seen| page(seen, &["a", "b", "c", "d", "e"])).await;
    let query = [("search", "a&b=c ü"), ("target", "1")];
    let rows: Vec<Row> =
        client(&server.url()).list("flows/bindings", &query, "order,pk").await.expect("rows");
    assert_eq!(rows.iter().map(|row| row.pk.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for (index, seen) in seen.iter().enumerate() {
        assert!(seen.target.starts_with("/api/v3/flows/bindings/?"), "{}", seen.target);
        let value = |name| seen.query(name).unwrap_or_default();
        assert_eq!((value("search"), value("target")), ("a&b=c ü".to_owned(), "1".to_owned()));
        assert_eq!((value("ordering"), value("page_size")), ("order,pk".to_owned(), "100".to_owned()));
        assert_eq!(value("page"), (index + 1).to_string());
    }
}

#[tokio::test]
async fn an_empty_list_is_one_request() {
    assert!(matches!(list(|_| vec![]).await, (Ok(rows), 1) if rows.is_empty()));
}

#[tokio::test]
async fn a_page_that_is_gone_restarts_the_list() {
    let (rows, requests) =
        list(|request| if request == 0 { vec!["a", "b", "c"] } else { vec!["a", "b"] }).await;
    assert_eq!((rows.expect("rows").as_str(), requests), ("ab", 3));
}

#[tokio::test]
async fn another_count_restarts_the_list() {
    // Without the restart "c" would be lost.
    let (rows, requests) =
        list(|request| if request == 0 { vec!["a", "b", "c", "d"] } else { vec!["b", "c", "d"] }).await;
    assert_eq!((rows.expect("rows").as_str(), requests), ("bcd", 4));
}

#[tokio::test]
async fn a_row_on_two_pages_restarts_the_list() {
    // "d" was renamed and now comes first: without the restart it would be lost, and "b" come twice.
    let (rows, requests) =
        list(|request| if request == 0 { vec!["a", "b", "c", "d"] } else { vec!["d", "a", "b", "c"] }).await;
    assert_eq!((rows.expect("rows").as_str(), requests), ("dabc", 4));
}

#[tokio::test]
async fn a_row_that_a_page_repeats_comes_once() {
    let (rows, requests) = list(|_| vec!["a", "a", "b"]).await;
    assert_eq!((rows.expect("rows").as_str(), requests), ("ab", 2));
}

#[tokio::test]
async fn a_list_that_never_settles_is_given_up() {
    let (rows, requests) =
        list(|request| if request % 2 == 0 { vec!["a", "b", "c"] } else { vec!["a", "b", "c", "d"] }).await;
    let error = rows.expect_err("never the same");
    assert_eq!(
        error.to_string(),
        "GET /flows/instances/: the list changed while it was read, 4 times in a row"
    );
    assert_eq!((error.class(), requests), ("unsettled", 8));
}

#[tokio::test]
async fn a_first_page_that_is_not_found_is_no_restart() {
    let server = Scripted::start(|_| json(404, &json!({"detail": "Not found."}))).await;
    let error = client(&server.url()).list::<Row>("flows/instances", &[], "slug").await.expect_err("404");
    assert_eq!((error.class(), server.seen().len()), ("not_found", 1));
}

#[tokio::test]
async fn pages_that_lead_in_circles_are_refused() {
    let body = json!({"results": [], "pagination": {"next": 1, "count": 0}});
    let server = Scripted::start(move |_| json(200, &body)).await;
    let error =
        client(&server.url()).list::<Row>("flows/instances", &[], "slug").await.expect_err("a circle");
    assert_eq!((error.class(), server.seen().len()), ("undecodable", 1));
}

#[tokio::test]
async fn a_row_that_does_not_fit_fails_the_list_by_name() {
    let rows = json!([{"pk": "a", "order": 1}, {"order": "x", "pk": "b"}]);
    let body = json!({"results": rows, "pagination": {"next": 0, "count": 2}});
    let server = Scripted::start(move |_| json(200, &body)).await;
    #[derive(Debug, Deserialize)]
    struct Ordered {
        #[serde(rename = "order")]
        _order: i64,
    }
    let error =
        client(&server.url()).list::<Ordered>("flows/bindings", &[], "pk").await.expect_err("a bad row");
    let text = error.to_string();
    assert!(
        text.starts_with("GET /flows/bindings/: the row with pk b cannot be read: invalid type"),
        "{text}"
    );
}

#[tokio::test]
async fn finding_checks_the_rows_since_filters_may_be_ignored() {
    let server = Scripted::start(|seen| page(seen, &["a", "b"])).await;
    let client = client(&server.url());
    let found =
        client.find::<Row>("flows/instances", &[("slug", "b")], |row| row.pk == "b").await.expect("found");
    assert_eq!(found.iter().map(|row| row.pk.as_str()).collect::<Vec<_>>(), ["b"]);
    let none =
        client.find::<Row>("flows/instances", &[("slug", "z")], |row| row.pk == "z").await.expect("read");
    assert!(none.is_empty());
    assert_eq!(server.seen()[0].query("slug").as_deref(), Some("b"));
}

#[tokio::test]
async fn finding_among_more_than_a_page_is_refused() {
    let server = Scripted::start(|seen| page(seen, &["a", "b", "c"])).await;
    let found = client(&server.url()).find::<Row>("flows/instances", &[("sluk", "b")], |_| true).await;
    let error = found.expect_err("too many");
    assert!(matches!(error, Error::TooMany { count: 3, .. }), "{error:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn rows_are_skipped_while_a_large_page_arrives() {
    // As large as a page of bindings of real servers: nearly all of it nested flows.
    let flow = json!({"pk": "f", "name": "n".repeat(700), "stages": vec!["s"; 8]});
    let rows: Vec<Value> =
        (0..100).map(|n| json!({"pk": n.to_string(), "stage_obj": {"flow_set": vec![&flow; 80]}})).collect();
    let body = json!({"results": rows, "pagination": {"next": 0, "count": 100}}).to_string();
    assert!(body.len() > 5_000_000);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = Mutex::new(Some([head.as_bytes(), body.as_bytes()].concat()));
    let server = Scripted::start(move |_| {
        vec![Step::Send(answer.lock().expect("unpoisoned").take().expect("one request"))]
    })
    .await;
    let rows: Vec<Row> = client(&server.url()).list("flows/bindings", &[], "pk").await.expect("rows");
    assert_eq!((rows.len(), rows[99].pk.as_str()), (100, "99"));
}
