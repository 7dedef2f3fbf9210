//! What is told: a few lines to standard output.

use std::{
    io::{self, Write},
    time::Instant,
};

/// Prints a text. Whoever closed standard output does not want to know.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints a text with each line moved to the right, and an empty line before and after it.
pub(crate) fn show(text: &str) {
    say("");
    text.trim_end().lines().for_each(|line| say(format!("   {line}").trim_end()));
    say("");
}

/// Something that takes a while: one line, whose end tells how long.
pub(crate) struct Step {
    begun: Instant,
    open: bool,
}

impl Step {
    /// Prints what happens now.
    pub(crate) fn begin(text: &str) -> Self {
        let mut stdout = io::stdout();
        let _ = write!(stdout, "{text} ... ");
        let _ = stdout.flush();
        Self { begun: Instant::now(), open: true }
    }

    /// Ends the line.
    pub(crate) fn end(mut self, outcome: &str) {
        self.open = false;
        say(&format!("{outcome} {:.1} s", self.begun.elapsed().as_secs_f32()));
    }
}

impl Drop for Step {
    /// What is said next, of what went wrong, begins a line.
    fn drop(&mut self) {
        if self.open {
            say("");
        }
    }
}
