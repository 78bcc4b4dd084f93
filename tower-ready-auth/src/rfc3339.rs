//! Dates as RFC 3339 §5.6 writes them, for the records of API keys.

use crate::time::Millis;

/// `2026-11-21T13:43:44Z`, with or without a fraction, or with an offset.
pub(crate) fn parse(text: &str) -> Option<Millis> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, mut rest) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    // A leap second is the last second of its day.
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if day == 0 || day > days_in(year, month) {
        return None;
    }
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = fraction.split_at(digits);
        let three: String = digits.chars().chain("00".chars()).take(3).collect();
        millis = (!digits.is_empty()).then(|| three.parse::<i64>().ok())??;
        rest = after;
    }
    let offset = match rest.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign @ ("+" | "-"), offset) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 60 + minutes;
            if sign == "+" { offset } else { -offset }
        }
        _ => return None,
    };
    let seconds = days_before(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Millis((seconds - offset * 60) * 1_000 + millis))
}

/// In UTC and whole seconds.
pub(crate) fn format(time: Millis) -> String {
    let seconds = time.0.div_euclid(1_000);
    let (mut days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut year = 1970 + days.div_euclid(366);
    while days >= days_before(year + 1, 1, 1) {
        year += 1;
    }
    days -= days_before(year, 1, 1);
    let mut month = 1;
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        days + 1,
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

fn numbers<const N: usize>(text: &str, between: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next()?;
        if part.len() != length || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from the Unix epoch to a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let last = year - 1;
    let leaps = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let years = (year - 1970) * 365 + leaps(last) - leaps(1969);
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_those_of_the_standard() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1985-04-12T23:20:50Z", 482_196_050),
            ("1996-12-19T16:39:57-08:00", 851_042_397),
            ("1990-12-31T23:59:60Z", 662_688_000),
            ("1937-01-01T12:00:27+00:20", -1_041_337_173),
            ("2000-02-29t00:00:00z", 951_782_400),
        ] {
            assert_eq!(parse(text), Some(Millis(seconds * 1_000)), "{text}");
        }
        assert_eq!(parse("1970-01-01T00:00:00.25Z"), Some(Millis(250)));
        assert_eq!(parse("1970-01-01T00:00:00.123456Z"), Some(Millis(123)));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T13:43:44",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T13:43:44.Z",
            "2026-11-21T13:43:44+1:00",
            "2026-11-21T13:43:44Zx",
            "+026-11-21T13:43:44Z",
            "2026-1-21T13:43:44Z",
            "2026-11-21T13:43:4\u{661}Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(seconds in 0_i64..253_402_300_800) {
            let time = Millis(seconds * 1_000);
            prop_assert_eq!(parse(&format(time)), Some(time));
        }
    }
}
