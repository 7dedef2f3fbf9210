//! A flow's background: what is stored, and the URL that comes of it.

use serde_json::{Value, json};

use super::version::Version;

const DEFAULT: &str = "/static/dist/assets/images/flow_background.jpg";
const THEME: &str = "%(theme)s";

/// Whether the text can stand for a background (recordings `flow-patch-background-*`).
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || is_passed_on(text) {
        return Ok(());
    }
    let named = text.replace(THEME, "theme");
    if !named.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c)) {
        return Err(
            "File name can only contain letters (a-z, A-Z), numbers (0-9), dots (.), hyphens (-), underscores \
                    (_), forward slashes (/), and the placeholder %(theme)s for theme-specific files",
        );
    }
    if text.contains("//") {
        return Err("File name cannot contain duplicate /");
    }
    if text.starts_with('/') {
        return Err("Absolute paths are not allowed");
    }
    if text.split('/').any(|part| part == "..") {
        return Err("Parent directory references ('..') are not allowed");
    }
    if text.starts_with('.') {
        return Err("Paths cannot start with '.'");
    }
    if text.chars().count() > 1024 {
        return Err("File name too long (max 1024 characters)");
    }
    Ok(())
}

fn is_passed_on(text: &str) -> bool {
    ["http://", "https://", "fa://", "/static"].iter().any(|start| text.starts_with(start))
}

/// The fields of an answer that show a background. Files carry a token that differs at each reading.
pub(crate) fn show(version: &Version, stored: &str) -> Vec<(&'static str, Value)> {
    if !version.background_is_writable() {
        return vec![("background", json!(media_url(stored)))];
    }
    let url = |name: &str| {
        if name.is_empty() {
            return DEFAULT.to_owned();
        }
        if is_passed_on(name) {
            return name.to_owned();
        }
        format!("/files/media/public/{name}?token={}", uuid::Uuid::new_v4().simple())
    };
    let themed = stored.contains(THEME).then(|| {
        json!({"light": url(&stored.replace(THEME, "light")), "dark": url(&stored.replace(THEME, "dark"))})
    });
    vec![
        ("background", json!(stored)),
        ("background_url", json!(url(stored))),
        ("background_themed_urls", json!(themed)),
    ]
}

/// The URL of the background alone, as a stage's `flow_set` shows it.
pub(crate) fn show_in_flow_set(version: &Version, stored: &str) -> (&'static str, Value) {
    let shown = show(version, stored);
    let field = if version.background_is_writable() { "background_url" } else { "background" };
    let value = shown.into_iter().find(|(name, _)| *name == field).map_or(Value::Null, |(_, value)| value);
    (field, value)
}

/// Up to 2025.10: URLs and absolute paths as they are, everything else below the media folder (recordings
/// `old-bg-get-after-url-*`).
fn media_url(stored: &str) -> String {
    if stored.is_empty() {
        return DEFAULT.to_owned();
    }
    if stored.starts_with("http") || stored.starts_with('/') {
        return stored.to_owned();
    }
    let mut parts = vec!["public"];
    for part in stored.split('/').filter(|part| !part.is_empty()) {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    format!("/media/{}", parts.iter().map(|part| quote(part)).collect::<Vec<_>>().join("/"))
}

/// Percent-encodes what a path may not hold, leaving what Django leaves.
fn quote(part: &str) -> String {
    part.bytes()
        .map(|byte| {
            let plain = byte.is_ascii_alphanumeric() || b"-_.~!*'()".contains(&byte);
            if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
        })
        .collect()
}
