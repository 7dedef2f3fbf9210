//! The path below which authentik lives.

use std::str::FromStr;

use http::Uri;

use crate::Error;

/// Where authentik lives below its host: nothing, or `/auth` and the like (authentik's setting `AUTHENTIK_WEB__PATH`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BasePath(String);

/// Where a request points.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into authentik: the target without the base path.
    Inside(Uri),
    /// At the root, from where authentik's front server sends browsers on to the base path.
    Root,
    /// Elsewhere.
    Outside,
}

impl BasePath {
    /// The base path without a slash at its end; empty if there is none.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The base path with a slash at its end.
    pub(crate) fn directory(&self) -> String {
        format!("{}/", self.0)
    }

    pub(crate) fn place(&self, uri: &Uri) -> Place {
        if self.0.is_empty() {
            return Place::Inside(uri.clone());
        }
        let target = uri.path_and_query().map_or("", |target| target.as_str());
        match target.strip_prefix(&self.0) {
            // A part of a valid target that begins with a slash is one.
            Some(rest) if rest.starts_with('/') => rest.parse().map_or(Place::Outside, Place::Inside),
            _ if uri.path() == "/" => Place::Root,
            _ => Place::Outside,
        }
    }
}

impl FromStr for BasePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let inner = text.strip_prefix('/').unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if inner.is_empty() && text.len() <= 1 {
            return Ok(Self::default());
        }
        let segments_are_plain = inner.split('/').all(|segment| {
            !segment.is_empty() && segment.bytes().all(plain) && segment != "." && segment != ".."
        });
        if !segments_are_plain {
            return Err(Error::BasePath(text.to_owned()));
        }
        Ok(Self(format!("/{inner}")))
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::{BasePath, Place};

    #[test]
    fn slashes_at_the_ends_do_not_matter() {
        for text in ["auth", "/auth", "/auth/", "auth/"] {
            assert_eq!(text.parse::<BasePath>().expect(text).as_str(), "/auth");
        }
        for text in ["", "/"] {
            assert_eq!(text.parse::<BasePath>().expect(text).as_str(), "");
        }
        assert_eq!("/a/b/".parse::<BasePath>().expect("two segments").as_str(), "/a/b");
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["//", "/a//b", "/a?b", "/a#b", "/a b", "/a/../b", "/ä", "/a%2Fb"] {
            let error = text.parse::<BasePath>().expect_err(text);
            assert!(error.to_string().contains("base path"), "{error}");
        }
    }

    #[test]
    fn only_what_is_below_reaches_authentik() {
        let base: BasePath = "/auth".parse().expect("a base path");
        let place = |target: &'static str| base.place(&Uri::from_static(target));
        assert_eq!(place("/auth/api/v3/?a=%2D"), Place::Inside(Uri::from_static("/api/v3/?a=%2D")));
        assert_eq!(place("/auth//x"), Place::Inside(Uri::from_static("//x")));
        assert_eq!(place("/auth"), Place::Outside);
        assert_eq!(place("/authentik/"), Place::Outside);
        assert_eq!(place("/authentik"), Place::Outside);
        assert_eq!(place("/auth*"), Place::Outside);
        assert_eq!(place("/api/v3/"), Place::Outside);
        assert_eq!(place("/"), Place::Root);
    }
}
