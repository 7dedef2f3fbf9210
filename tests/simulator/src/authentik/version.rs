//! The versions of authentik that the simulator plays, and what tells them apart.

use std::fmt;
use std::str::FromStr;

/// A minor version: year and month, as authentik counts (`2026.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor(pub u16, pub u8);

/// What `GET /admin/version/` answers for each minor that can be played: the newest patch that a recording or
/// a schema was taken from.
const PLAYED: [(Minor, &str); 10] = [
    (Minor(2024, 12), "2024.12.5"),
    (Minor(2025, 2), "2025.2.4"),
    (Minor(2025, 4), "2025.4.4"),
    (Minor(2025, 6), "2025.6.4"),
    (Minor(2025, 8), "2025.8.6"),
    (Minor(2025, 10), "2025.10.4"),
    (Minor(2025, 12), "2025.12.6"),
    (Minor(2026, 2), "2026.2.2"),
    (Minor(2026, 5), "2026.5.6"),
    (Minor(2026, 8), "2026.8.0-rc6"),
];

/// A version that the simulator plays. Parsed from a minor (`2026.2`) or a full version (`2026.2.2`), in which case the
/// patch is what the version endpoint answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    minor: Minor,
    full: String,
}

impl Version {
    /// The minor that decides about behaviour.
    pub fn minor(&self) -> Minor {
        self.minor
    }

    /// Every version that can be played, oldest first.
    pub fn all() -> impl Iterator<Item = Version> {
        PLAYED.iter().map(|(minor, full)| Version { minor: *minor, full: (*full).to_owned() })
    }

    pub(crate) fn at_least(&self, year: u16, month: u8) -> bool {
        self.minor >= Minor(year, month)
    }

    /// Up to 2025.10 pages have no maximum and hold 100 rows unless told otherwise; later 20 rows, 100 at most
    /// (recordings `flow-page-*` of both versions).
    pub(crate) fn default_page_size(&self) -> usize {
        if self.at_least(2025, 12) { 20 } else { 100 }
    }

    pub(crate) fn maximum_page_size(&self) -> Option<usize> {
        self.at_least(2025, 12).then_some(100)
    }

    /// Since 2025.12 `background` is a writable text and its URL a field of its own; before, it is the computed URL.
    pub(crate) fn background_is_writable(&self) -> bool {
        self.at_least(2025, 12)
    }

    /// Up to 2025.10 a stage's `flow_set` is writable on paper, and any value of it fails (recordings `old-fs-*`).
    pub(crate) fn flow_set_is_writable(&self) -> bool {
        !self.at_least(2025, 12)
    }

    /// Since 2025.12 users have roles of their own; before, a role reaches them through a group.
    pub(crate) fn users_have_roles(&self) -> bool {
        self.at_least(2025, 12)
    }

    /// 2026.2.2 says `application/json`, 2025.10.4 adds the charset; where the change lies in between is not recorded.
    pub(crate) fn json_content_type(&self) -> &'static str {
        if self.at_least(2025, 12) { "application/json" } else { "application/json; charset=utf-8" }
    }
}

impl Default for Version {
    /// The version with the most complete recordings.
    fn default() -> Self {
        Version { minor: Minor(2026, 2), full: "2026.2.2".to_owned() }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

/// A version that cannot be played; the text names those that can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no version {0:?} to play: there are {list}", list = PLAYED.map(|(minor, _)| format!("{}.{}", minor.0, minor.1)).join(", "))]
pub struct UnknownVersion(String);

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownVersion(text.chars().take(40).collect());
        let mut parts = text.splitn(3, '.');
        let year = parts.next().and_then(|part| part.parse().ok()).ok_or_else(unknown)?;
        let month = parts.next().and_then(|part| part.parse().ok()).ok_or_else(unknown)?;
        let (minor, newest) =
            PLAYED.iter().find(|(minor, _)| *minor == Minor(year, month)).ok_or_else(unknown)?;
        let full = match parts.next() {
            None => (*newest).to_owned(),
            Some(patch) if patch.starts_with(|c: char| c.is_ascii_digit()) => text.to_owned(),
            Some(_) => return Err(unknown()),
        };
        Ok(Version { minor: *minor, full })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_or_a_full_version_is_taken() {
        assert_eq!("2026.2".parse::<Version>().expect("a minor").to_string(), "2026.2.2");
        assert_eq!("2025.10.1".parse::<Version>().expect("a full version").to_string(), "2025.10.1");
    }

    #[test]
    fn an_unknown_version_is_one_line_that_names_the_known_ones() {
        for text in ["2023.10", "2026", "latest", "", "2026.2.x"] {
            let error = text.parse::<Version>().expect_err("unknown").to_string();
            assert!(error.contains("2024.12, 2025.2") && !error.contains('\n'), "{error}");
        }
    }
}
