//! What may be shown of a text that came from outside: one line, bounded, and never the token.

/// Stands in for the token wherever a server or a library repeats it.
const HIDDEN: &str = "[token]";

/// Texts from outside, made fit to be shown.
#[derive(Clone, Copy)]
pub(crate) struct Cleaner<'a> {
    token: &'a str,
}

impl<'a> Cleaner<'a> {
    /// Hides `token`; an empty one hides nothing.
    pub(crate) fn new(token: &'a str) -> Self {
        Self { token }
    }

    /// One line of at most `limit` characters. The token goes first, so that cutting cannot leave a part of
    /// it.
    pub(crate) fn clean(self, text: &str, limit: usize) -> String {
        if self.token.is_empty() {
            return one_line(text, limit);
        }
        one_line(&text.replace(self.token, HIDDEN), limit)
    }
}

/// `text` with every run of blanks and control characters as one blank, cut to `limit` characters.
fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::with_capacity(text.len().min(limit.saturating_mul(4)));
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        for character in word.chars() {
            if length >= limit {
                line.push('…');
                return line;
            }
            line.push(character);
            length += 1;
        }
    }
    line
}

/// The first `limit` characters of `text`, with an ellipsis when some are missing.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cleaner, cut};

    #[test]
    fn a_text_becomes_one_line() {
        assert_eq!(Cleaner::new("").clean("  a\r\n\tb\u{0}c  ", 80), "a b c");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(Cleaner::new("").clean("äöüß", 3), "äöü…");
        assert_eq!(Cleaner::new("").clean("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äöü…");
        assert_eq!(cut("äöü", 3), "äöü");
    }

    #[test]
    fn the_token_is_hidden_even_where_the_cut_would_halve_it() {
        let cleaner = Cleaner::new("s3cret-token");
        assert_eq!(cleaner.clean("got s3cret-token twice: s3cret-token", 80), "got [token] twice: [token]");
        assert_eq!(cleaner.clean("got s3cret-token", 8), "got [tok…");
    }
}
