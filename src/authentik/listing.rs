//! Lists: page after page, and again from the start when the list changes in between.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use reqwest::Method;
use serde::de::DeserializeOwned;

use super::client::Client;
use super::error::{Cause, Error};
use super::page::{Page, PageError, decoder};

/// The largest page that every version honours with its default settings.
const PAGE_SIZE: &str = "100";
/// So often is a list read that changes under the reader's eyes.
const READINGS: usize = 4;
/// So many characters of a decoder's words are kept.
const KEPT: usize = 300;

impl Client {
    /// All rows of a collection that match `query`, in authentik's `ordering` (which should name a unique
    /// field, since several lists have no order of their own, and rows that tie may change places between two
    /// pages).
    ///
    /// `T` decides what is kept of a row: everything else is skipped while the page arrives. A row that `T`
    /// refuses fails the list and is named, so that no object looks gone that is merely odd. Each row comes
    /// once, by its `pk`.
    ///
    /// A list that changes between two of its pages (another count, a row that appears on two pages, a page
    /// that is gone) is read again from the start, up to four times, then it is [`Error::Unsettled`]. A
    /// change may still stay unseen, so a row that is missing here proves nothing. authentik ignores filters
    /// that it does not know: check the rows.
    pub async fn list<T>(
        &self,
        collection: &str,
        query: &[(&str, &str)],
        ordering: &str,
    ) -> Result<Vec<T>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let mut query = query.to_vec();
        query.extend([("ordering", ordering), ("page_size", PAGE_SIZE)]);
        for _ in 0..READINGS {
            if let Some(rows) = self.read_through(collection, &query).await? {
                return Ok(rows);
            }
        }
        let at = self.call(Method::GET, collection, &[], &[])?.at;
        Err(Error::Unsettled { at, readings: READINGS })
    }

    /// The rows that match both `query` and `wanted`, of a query that leaves a handful: a single page is
    /// read. `wanted` is there because authentik ignores filters that it does not know; when there are more
    /// rows than the page has, this is [`Error::TooMany`].
    pub async fn find<T>(
        &self,
        collection: &str,
        query: &[(&str, &str)],
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let mut query = query.to_vec();
        query.push(("page_size", PAGE_SIZE));
        let page = self.page::<T>(collection, &query).await?;
        if page.next != 0 {
            let at = self.call(Method::GET, collection, &[], &[])?.at;
            return Err(Error::TooMany { at, count: page.count });
        }
        let mut seen = HashSet::new();
        let mut rows = page.rows;
        rows.retain(|(pk, row)| pk.as_ref().is_none_or(|pk| seen.insert(pk.clone())) && wanted(row));
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Reads the list once; `None` when it changed meanwhile.
    async fn read_through<T>(&self, collection: &str, query: &[(&str, &str)]) -> Result<Option<Vec<T>>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let mut rows = Vec::new();
        // Each key with the number of the page that it was on: a query that joins tables may repeat a row,
        // the next page may not.
        let mut seen = HashMap::new();
        let mut count = None;
        let mut number = 1;
        loop {
            let text = number.to_string();
            let mut query = query.to_vec();
            query.push(("page", &text));
            let page = match self.page::<T>(collection, &query).await {
                // There was a page with this number when the page before was read.
                Err(Error::NotFound { .. }) if number > 1 => return Ok(None),
                page => page?,
            };
            if *count.get_or_insert(page.count) != page.count {
                return Ok(None);
            }
            for (pk, row) in page.rows {
                match pk.map(|pk| seen.entry(pk)) {
                    Some(Entry::Occupied(known)) if *known.get() < number => return Ok(None),
                    Some(Entry::Occupied(_)) => {}
                    Some(Entry::Vacant(new)) => {
                        new.insert(number);
                        rows.push(row);
                    }
                    None => rows.push(row),
                }
            }
            match page.next {
                0 => return Ok(Some(rows)),
                next if next > number => number = next,
                next => {
                    let at = self.call(Method::GET, collection, &[], &[])?.at;
                    let reason = format!("after page {number} it names page {next} as the next");
                    return Err(Error::Undecodable { at, pk: None, reason });
                }
            }
        }
    }

    /// One page.
    async fn page<T>(&self, collection: &str, query: &[(&str, &str)]) -> Result<Page<T>, Error>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let mut answer = self.send(self.call(Method::GET, collection, &[], query)?).await?;
        let (pieces, page) = decoder::<T>();
        while let Some(piece) = answer.piece().await? {
            // The decoder stops listening when it cannot go on; it says why below.
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
        drop(pieces);
        let clean = |text: &str| answer.cleaner().clean(text, KEPT);
        let undecodable =
            |pk, reason: &str| Error::Undecodable { at: answer.at.clone(), pk, reason: clean(reason) };
        match page.await {
            Ok(Ok(page)) => Ok(page),
            Ok(Err(PageError::Garbage(reason))) => Err(answer.unreachable(Cause::Garbage(clean(&reason)))),
            Ok(Err(PageError::Shape(reason))) => Err(undecodable(None, &reason)),
            Ok(Err(PageError::Row { pk, reason })) => Err(undecodable(pk.map(|pk| clean(&pk)), &reason)),
            Err(stopped) => match stopped.try_into_panic() {
                // A defect in the caller's type: it must not look like authentik's.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(undecodable(None, "the runtime is shutting down")),
            },
        }
    }
}
