//! The `Retry-After` header.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// No wait is taken for longer than this: a wrong clock must not silence the client for years.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The time to wait that the server asks for, given as seconds or as a date. A date counts from the answer's
/// own `Date`, so that the two clocks need not agree. A value that is neither counts as absent, a date that
/// has passed as no wait.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let now = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let wait = date.duration_since(now.unwrap_or_else(SystemTime::now)).unwrap_or_default();
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

    use super::{LONGEST, retry_after};

    fn after(value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Mon, 23 Nov 2026 12:00:00 GMT"));
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        retry_after(&headers)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(after("5"), Some(Duration::from_secs(5)));
        assert_eq!(after(" 0 "), Some(Duration::ZERO));
        assert_eq!(after("Mon, 23 Nov 2026 12:01:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(after("Mon, 23 Nov 2026 11:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_counts_as_absent_and_eternity_is_bounded() {
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
        assert_eq!(after("99999999999"), Some(LONGEST));
        assert_eq!(after("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST));
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
