//! authentik's version numbers, as `/admin/version/` writes them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A version of authentik, such as `2026.2.2` or `2026.5.0-rc1`. A release candidate comes before its
/// release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Version {
    /// The year, for instance 2026.
    pub year: u16,
    /// The month of the release, for instance 2.
    pub month: u16,
    /// The patch, 0 when it is absent.
    pub patch: u16,
    /// What follows the first dash, for instance `rc1`.
    pub candidate: Option<String>,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a version of authentik, such as 2026.2.2")]
pub struct NotAVersion(String);

impl Version {
    /// Year and month: what decides which fields and values authentik knows.
    pub fn minor(&self) -> (u16, u16) {
        (self.year, self.month)
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotAVersion(text.to_owned());
        // What follows a plus is build metadata and orders nothing.
        let trimmed = text.trim().split('+').next().unwrap_or_default();
        let (numbers, candidate) = match trimmed.split_once('-') {
            Some((numbers, candidate)) => (numbers, Some(candidate.to_owned())),
            None => (trimmed, None),
        };
        let numbers = numbers.split('.').map(str::parse).collect::<Result<Vec<u16>, _>>();
        let (year, month, patch) = match numbers.map_err(|_| refuse())?.as_slice() {
            [year, month] => (*year, *month, 0),
            [year, month, patch] => (*year, *month, *patch),
            _ => return Err(refuse()),
        };
        Ok(Self { year, month, patch, candidate })
    }
}

impl TryFrom<String> for Version {
    type Error = NotAVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.year, self.month, self.patch)?;
        match &self.candidate {
            Some(candidate) => write!(f, "-{candidate}"),
            None => Ok(()),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.year, v.month, v.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (&self.candidate, &other.candidate) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(left), Some(right)) => ordinal(left).cmp(&ordinal(right)),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `rc10` as `("rc", 10, "rc10")`, so that it comes after `rc9`; the whole text keeps the order total.
fn ordinal(candidate: &str) -> (&str, u64, &str) {
    let word = candidate.trim_end_matches(|c: char| c.is_ascii_digit());
    (word, candidate[word.len()..].parse().unwrap_or(0), candidate)
}

#[cfg(test)]
mod tests {
    use super::Version;

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn versions_are_read_and_written() {
        for text in ["2026.2.2", "2025.10.4", "2026.5.0-rc1"] {
            assert_eq!(version(text).to_string(), text);
        }
        assert_eq!(version(" 2026.2\n").to_string(), "2026.2.0");
        assert_eq!(version("2026.2.2+build.7").to_string(), "2026.2.2");
        assert_eq!(version("2025.10.4").minor(), (2025, 10));
    }

    #[test]
    fn versions_have_an_order() {
        let ordered =
            ["2024.12.3", "2025.2.0", "2025.10.4", "2026.5.0-rc2", "2026.5.0-rc10", "2026.5.0", "2026.5.1"];
        for pair in ordered.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{} before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn what_is_no_version_is_refused_in_one_line() {
        for text in ["", "latest", "2026", "2026.2.2.2", "2026.-2", "-rc1", "99999999.1"] {
            let error = text.parse::<Version>().expect_err("no version");
            assert!(error.to_string().starts_with(&format!("“{text}” is not a version")), "{error}");
        }
    }
}
