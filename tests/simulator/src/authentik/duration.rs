//! Durations as authentik writes them: `hours=1;minutes=30`.

use super::python;

const UNITS: [(&str, f64); 7] = [
    ("microseconds", 1e-6),
    ("milliseconds", 1e-3),
    ("seconds", 1.0),
    ("minutes", 60.0),
    ("hours", 3_600.0),
    ("days", 86_400.0),
    ("weeks", 604_800.0),
];

/// The longest that Python's timedelta can hold, in seconds: a thousand million days.
const LONGEST: f64 = 1e9 * 86_400.0;

/// What authentik makes of a duration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    Unreadable,
    /// Python's timedelta overflows, and authentik breaks (recordings `validate-patch-threshold-*`).
    Overflow,
}

/// Checks a duration as authentik does: units that it does not know are skipped, one must be known.
pub(crate) fn check(text: &str) -> Verdict {
    let mut seconds = None;
    for pair in text.split(';') {
        let mut parts = pair.split('=');
        let (Some(unit), Some(number), None) = (parts.next(), parts.next(), parts.next()) else {
            return Verdict::Unreadable;
        };
        let Some((_, length)) = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)) else {
            continue;
        };
        let Some(number) = python::float(number) else { return Verdict::Unreadable };
        seconds = Some(seconds.unwrap_or(0.0) + number * length);
    }
    match seconds {
        None => Verdict::Unreadable,
        Some(seconds) if seconds.is_nan() => Verdict::Unreadable,
        Some(seconds) if seconds.abs() >= LONGEST => Verdict::Overflow,
        Some(_) => Verdict::Fine,
    }
}
