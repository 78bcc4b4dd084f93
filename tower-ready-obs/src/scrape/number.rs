/// The value of a counter or a gauge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Count(u64),
    Real(f64),
}

impl Number {
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Count(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

/// Writes a number in decimal digits, in place of a formatter that takes three times as long.
pub(super) fn digits(mut number: u64, out: &mut Vec<u8>) {
    let mut text = [0; 20];
    let mut start = text.len();
    loop {
        start -= 1;
        text[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[start..]);
}

/// Writes nanoseconds as seconds, exactly.
pub(super) fn seconds(nanos: u64, out: &mut Vec<u8>) {
    const BILLION: u64 = 1_000_000_000;
    digits(nanos / BILLION, out);
    let rest = nanos % BILLION;
    if rest != 0 {
        let at = out.len();
        // A one in front keeps the zeros, and gives its place to the point.
        digits(BILLION + rest, out);
        out[at] = b'.';
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

pub(super) fn real(number: f64, out: &mut Vec<u8>) {
    use std::io::Write;

    if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        // Writing to memory does not fail.
        let _ = write!(out, "{number}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest::proptest! {
        #[test]
        fn digits_are_those_of_the_formatter(number: u64) {
            assert_eq!(written(|out| digits(number, out)), number.to_string());
        }

        #[test]
        fn seconds_read_back_as_the_nanoseconds(nanos in 0..1_u64 << 52) {
            let text = written(|out| seconds(nanos, out));
            let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
            let rest = format!("{rest:0<9}");
            assert_eq!(format!("{whole}{rest}").parse::<u64>().unwrap(), nanos, "{text}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_written_as_prometheus_reads_them() {
        assert_eq!(written(|out| real(f64::NAN, out)), "NaN");
        assert_eq!(written(|out| real(f64::INFINITY, out)), "+Inf");
        assert_eq!(written(|out| real(f64::NEG_INFINITY, out)), "-Inf");
        assert_eq!(written(|out| real(0.25, out)), "0.25");
        assert_eq!(written(|out| seconds(0, out)), "0");
        assert_eq!(written(|out| seconds(1_500_000_000, out)), "1.5");
        assert_eq!(written(|out| seconds(1, out)), "0.000000001");
    }
}
