use std::time::Duration;

/// Reads digits and `ms`, `s`, `m`, `h` or `d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(unit);
    let count: u64 = count.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(count)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    count.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_a_unit_are_a_duration() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("1s", 1_000),
            ("007m", 420_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "1",
            "s",
            "1.5s",
            "-1s",
            "+1s",
            "1 s",
            " 1s",
            "1s ",
            "1S",
            "1w",
            "1sec",
            "1s1s",
            "99999999999999999999s",
            "18446744073709551615d",
            "٣s",
            "∞",
        ] {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }
}
