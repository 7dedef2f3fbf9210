//! The patterns by which a fault chooses paths.

use serde::{Deserialize, Serialize};

/// A pattern over the path of a request, as it was sent, nothing decoded: without the base path and without the query.
///
/// `*` stands for any characters but `/` (also for none), `**` for any characters; everything else stands for
/// itself, upper and lower case told apart. `/api/v3/flows/instances/*/` is any one flow, `/api/v3/**` is the whole
/// API, `**` is everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// Matches every path.
    pub fn any() -> Self {
        Self("**".to_owned())
    }

    /// Whether the whole of `path` matches.
    pub fn matches(&self, path: &str) -> bool {
        matches(self.0.as_bytes(), path.as_bytes())
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.starts_with(['/', '*']) {
            return Err(format!("path pattern {text:?} can match nothing: it has to start with `/` or `*`"));
        }
        if text.contains('?') {
            return Err(format!(
                "path pattern {text:?} can match nothing: the query is not part of the path"
            ));
        }
        Ok(Self(text))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

/// Tries the newest wildcard with one more character on a mismatch, then the one before it: `*` cannot take a `/`, so
/// an older `**` may still have to.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Of the newest of each kind of wildcard: where the pattern goes on, and where the path does if it takes no more.
    let (mut single, mut double) = (None::<(usize, usize)>, None::<(usize, usize)>);
    loop {
        if pattern[at..].starts_with(b"**") {
            at += 2;
            double = Some((at, seen));
            single = None;
        } else if pattern.get(at) == Some(&b'*') {
            at += 1;
            single = Some((at, seen));
        } else if seen < path.len() && pattern.get(at) == Some(&path[seen]) {
            at += 1;
            seen += 1;
        } else if at == pattern.len() && seen == path.len() {
            return true;
        } else if let Some((after, from)) =
            single.filter(|&(_, from)| from < path.len() && path[from] != b'/')
        {
            (at, seen) = (after, from + 1);
            single = Some((after, from + 1));
        } else if let Some((after, from)) = double.filter(|&(_, from)| from < path.len()) {
            (at, seen) = (after, from + 1);
            double = Some((after, from + 1));
            single = None;
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::try_from(pattern.to_owned()).expect("a good pattern").matches(path)
    }

    #[test]
    fn without_wildcards_only_the_same_path_matches() {
        assert!(matches("/api/v3/flows/instances/", "/api/v3/flows/instances/"));
        assert!(!matches("/api/v3/flows/instances/", "/api/v3/flows/instances"));
        assert!(!matches("/api/v3/flows/instances/", "/api/v3/flows/instances/a/"));
        assert!(!matches("/api/v3/flows/instances/", "/x/api/v3/flows/instances/"));
        assert!(!matches("/a", "/A"));
    }

    #[test]
    fn one_star_stays_within_a_segment() {
        assert!(matches("/flows/*/", "/flows/a/"));
        assert!(matches("/flows/*/", "/flows//"));
        assert!(!matches("/flows/*/", "/flows/a/used_by/"));
        assert!(!matches("/flows/*/", "/flows/"));
        assert!(matches("/flows/*-x/", "/flows/a-x-x/"));
        assert!(matches("/*/*/b", "/a/a/b"));
        assert!(!matches("/*/b", "/a/a/b"));
    }

    #[test]
    fn two_stars_cross_segments() {
        assert!(matches("**", ""));
        assert!(matches("**", "/a/b"));
        assert!(matches("/api/**", "/api/v3/flows/"));
        assert!(!matches("/api/**", "/ap"));
        assert!(matches("**/used_by/", "/api/v3/flows/instances/a/used_by/"));
        assert!(matches("/a/**/*.x", "/a/b/c/d.x"));
        assert!(matches("**/flows/*/used_by/", "/flows/a/flows/b/used_by/"));
        assert!(!matches("**/flows/*/used_by/", "/flows/a/b/used_by/"));
    }

    #[test]
    fn patterns_that_can_match_nothing_are_refused() {
        for text in ["", "api/v3/", "http://host/api/", "/api/v3/?page=2"] {
            let error = Pattern::try_from(text.to_owned()).expect_err(text);
            assert!(error.contains("can match nothing"), "{error}");
        }
    }
}
