//! A page of a list, decoded row by row while it arrives. A page of bindings can have 8 MB, nearly all of it
//! in nested objects that nobody here wants: there is never more in memory than the text of one row and what
//! the caller's type keeps.

use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;

use bytes::{Buf, Bytes};
use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// So many pieces of an answer may wait for the decoder.
const WAITING: usize = 4;

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// The number of the next page, 0 at the end.
    pub(crate) next: u64,
    /// How many rows the whole list has.
    pub(crate) count: u64,
    /// The rows, each with its primary key as text where it has one.
    pub(crate) rows: Vec<(Option<String>, T)>,
}

/// Why a page cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PageError {
    /// Not JSON, or only the beginning of it.
    Garbage(String),
    /// JSON, and not a page.
    Shape(String),
    /// A row that the caller's type refuses.
    Row {
        /// The row's primary key, where it shows one.
        pk: Option<String>,
        /// What does not fit.
        reason: String,
    },
}

/// Decodes a page on a thread of its own. Hand it the pieces by the sender; dropping the sender ends the
/// page.
pub(crate) fn decoder<T: DeserializeOwned + Send + 'static>()
-> (Sender<Bytes>, tokio::task::JoinHandle<Result<Page<T>, PageError>>) {
    let (sender, pieces) = channel(WAITING);
    (sender, tokio::task::spawn_blocking(move || decode(Pieces { pieces, current: Bytes::new() })))
}

/// Decodes a page from `reader`.
fn decode<T: DeserializeOwned>(reader: impl Read) -> Result<Page<T>, PageError> {
    let mut bad_row = None;
    // serde_json takes single bytes from its reader.
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::new(reader));
    let page = PageSeed { bad_row: &mut bad_row, row: PhantomData }
        .deserialize(&mut json)
        .and_then(|page| json.end().map(|()| page));
    page.map_err(|error| match bad_row {
        Some(row) => row,
        None if error.is_data() => PageError::Shape(error.to_string()),
        None => PageError::Garbage(error.to_string()),
    })
}

/// The pieces of an answer as a reader; to be used on a thread that may block.
struct Pieces {
    pieces: Receiver<Bytes>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

struct PageSeed<'a, T> {
    /// Where the rows leave the reason, since serde's own error carries text alone.
    bad_row: &'a mut Option<PageError>,
    row: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for PageSeed<'_, T> {
    type Value = Page<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for PageSeed<'_, T> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with pagination and results")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pagination: Option<Pagination> = None;
        let mut rows = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "pagination" => pagination = Some(map.next_value()?),
                "results" => {
                    rows = Some(map.next_value_seed(RowsSeed { bad_row: self.bad_row, row: PhantomData })?);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let pagination = pagination.ok_or_else(|| A::Error::missing_field("pagination"))?;
        let rows = rows.ok_or_else(|| A::Error::missing_field("results"))?;
        Ok(Page { next: pagination.next.unwrap_or(0), count: pagination.count, rows })
    }
}

/// What is used of authentik's pagination; the rest follows from it, or differs between versions.
#[derive(Deserialize)]
struct Pagination {
    next: Option<u64>,
    count: u64,
}

struct RowsSeed<'a, T> {
    bad_row: &'a mut Option<PageError>,
    row: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for RowsSeed<'_, T> {
    type Value = Vec<(Option<String>, T)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for RowsSeed<'_, T> {
    type Value = Vec<(Option<String>, T)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        // The text of one row at a time: its pk is needed whatever the caller's type keeps, also when that
        // refuses the row.
        while let Some(text) = items.next_element::<Box<RawValue>>()? {
            let pk = serde_json::from_str(text.get()).ok().and_then(|Key { pk }| pk);
            match serde_json::from_str(text.get()) {
                Ok(row) => rows.push((pk, row)),
                Err(error) => {
                    *self.bad_row = Some(PageError::Row { pk, reason: error.to_string() });
                    return Err(A::Error::custom("a row"));
                }
            }
        }
        Ok(rows)
    }
}

/// The primary key of a row of any kind.
#[derive(Deserialize)]
struct Key {
    #[serde(default, deserialize_with = "some_text_or_number")]
    pk: Option<String>,
}

fn some_text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text_or_number(deserializer).map(Some)
}

/// A primary key: most kinds have UUIDs, some integers. As text.
pub(crate) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(i64),
    }
    Either::deserialize(deserializer).map(|either| match either {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Deserialize, Page, PageError, decode, decoder};

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        name: String,
        #[serde(default)]
        order: Option<i64>,
    }

    fn page(text: &str) -> Result<Page<Row>, PageError> {
        decode(text.as_bytes())
    }

    const TWO: &str = r#"{"autocomplete": {"x": [1]}, "pagination": {"next": 2, "count": 5, "total_pages": 3.0},
        "results": [{"pk": "a-1", "name": "one", "stage_obj": {"flow_set": [{"x": [[[{}]]]}]}, "order": null},
                    {"order": 7, "name": "two", "pk": 12}], "future": null}"#;

    #[test]
    fn rows_keep_what_their_type_keeps() {
        let page = page(TWO).expect("a page");
        assert_eq!((page.next, page.count), (2, 5));
        let row = |name: &str, order| Row { name: name.to_owned(), order };
        let expected =
            [(Some("a-1".to_owned()), row("one", None)), (Some("12".to_owned()), row("two", Some(7)))];
        assert_eq!(page.rows, expected);
    }

    #[test]
    fn order_of_the_keys_does_not_matter_and_the_last_page_may_say_null() {
        let page = page(r#"{"results":[],"pagination":{"next":null,"count":0}}"#).expect("a page");
        assert_eq!((page.next, page.count, page.rows.len()), (0, 0, 0));
    }

    #[test]
    fn a_row_that_does_not_fit_names_its_pk_wherever_that_stands() {
        let text =
            r#"{"results":[{"name":"a","pk":1},{"name":42,"pk":"b"}],"pagination":{"next":0,"count":2}}"#;
        let PageError::Row { pk, reason } = page(text).expect_err("a bad row") else {
            panic!("not a row's error")
        };
        assert_eq!(pk.as_deref(), Some("b"));
        assert!(reason.contains("invalid type: integer `42`, expected a string"), "{reason}");
        let nameless = page(r#"{"results":[{"pk":null}],"pagination":{"next":0,"count":1}}"#);
        assert!(matches!(nameless, Err(PageError::Row { pk: None, .. })), "{nameless:?}");
        let text_row = page(r#"{"results":["x"],"pagination":{"next":0,"count":1}}"#);
        assert!(matches!(text_row, Err(PageError::Row { pk: None, .. })), "{text_row:?}");
    }

    #[test]
    fn what_is_no_page_says_what_is_missing() {
        for (text, missing) in [
            (r#"{"results":[]}"#, "pagination"),
            (r#"{"pagination":{"next":0,"count":0}}"#, "results"),
            ("[]", "an object with pagination and results"),
            (r#"{"results":{},"pagination":{"next":0,"count":0}}"#, "a list of rows"),
            (r#"{"results":[],"pagination":{"next":0}}"#, "count"),
        ] {
            let Err(PageError::Shape(reason)) = page(text) else {
                panic!("{text} should have the wrong shape")
            };
            assert!(reason.contains(missing), "{reason}");
        }
    }

    #[test]
    fn broken_json_is_garbage_wherever_it_breaks() {
        for end in 1..TWO.len() {
            let error = page(&TWO[..end]).expect_err("only the beginning of a page");
            assert!(matches!(error, PageError::Garbage(_)), "cut at {end}: {error:?}");
        }
        assert!(matches!(page(&format!("{TWO}x")), Err(PageError::Garbage(_))));
        assert!(matches!(page("<html>"), Err(PageError::Garbage(_))));
    }

    #[tokio::test]
    async fn pieces_may_be_cut_anywhere() {
        let (sender, decoded) = decoder::<Row>();
        for piece in TWO.as_bytes().chunks(3) {
            sender.send(Bytes::copy_from_slice(piece)).await.expect("the decoder listens");
        }
        drop(sender);
        assert_eq!(decoded.await.expect("no panic").expect("a page").rows.len(), 2);
    }
}
