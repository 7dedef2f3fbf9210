//! What Python makes of values: authentik's messages quote them so, and its conversions accept what Python accepts.

use serde_json::Value;

/// `str(value)`.
pub(crate) fn str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

/// `repr(value)`.
fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => float_repr(float),
            _ => number.to_string(),
        },
        Value::String(text) if text.contains('\'') && !text.contains('"') => format!("\"{text}\""),
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Value::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let items: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", repr(&Value::String(key.clone())), repr(value)))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

fn float_repr(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    if float.fract() == 0.0 { format!("{float:.1}") } else { float.to_string() }
}

/// The name of a value's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// `int(text)`. What is larger than 128 bits is the largest or smallest that they hold.
pub(crate) fn int(text: &str) -> Option<i128> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let groups = digits.split('_');
    let readable =
        groups.clone().all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    if !readable {
        return None;
    }
    let number = groups.collect::<String>().parse().unwrap_or(i128::MAX);
    Some(if text.starts_with('-') { -number } else { number })
}

/// `float(text)`, as far as durations need it.
pub(crate) fn float(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.trim_start_matches(['+', '-']);
    let named = ["inf", "infinity", "nan"].iter().any(|name| plain.eq_ignore_ascii_case(name));
    if !named && !plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_python_prints_them() {
        let cases = [
            (json!("x"), "x"),
            (json!({"pk": "a"}), "{'pk': 'a'}"),
            (json!([null, true, "it's"]), "[None, True, \"it's\"]"),
            (json!(1.5), "1.5"),
            (json!(6.0), "6.0"),
            (json!(1e30), "1e+30"),
        ];
        for (value, text) in cases {
            assert_eq!(str(&value), text);
        }
    }

    #[test]
    fn integers_are_what_python_takes_for_one() {
        let cases =
            [(" 5 ", Some(5)), ("+5", Some(5)), ("-1_0", Some(-10)), ("_1", None), ("", None), ("1.0", None)];
        for (text, number) in cases {
            assert_eq!(int(text), number, "{text:?}");
        }
        assert_eq!(int(&"9".repeat(100)), Some(i128::MAX));
    }

    #[test]
    fn floats_are_what_python_takes_for_one() {
        assert_eq!(float(" 1"), Some(1.0));
        assert_eq!(float("1e400"), Some(f64::INFINITY));
        assert!(float("nan").is_some_and(f64::is_nan));
        assert_eq!(float("abc"), None);
        assert_eq!(float(""), None);
    }
}
