//! Decimal seconds.

/// Seconds since some start, as the wire has them: `-1.250000000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds {
    /// Whole seconds, rounded down.
    pub(super) whole: i64,
    /// What is left, 0 to 999,999,999.
    nanos: u32,
}

impl Seconds {
    /// Reads a decimal number with at most nine digits after the point. Its sign is the whole number's:
    /// `-0.5` is half a second before the start.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let only_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !only_digits(whole) || !only_digits(fraction) || fraction.len() > 9 {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
        Some(match (negative, nanos) {
            (false, nanos) => Self { whole, nanos },
            (true, 0) => Self { whole: -whole, nanos: 0 },
            (true, nanos) => Self { whole: -whole - 1, nanos: 1_000_000_000 - nanos },
        })
    }

    /// `.123` with `scale` digits, or as many more as it takes to show all there is; nothing for none.
    pub(super) fn fraction(&self, scale: usize) -> String {
        let all = format!("{:09}", self.nanos);
        let significant = all.trim_end_matches('0').len();
        match scale.min(9).max(significant) {
            0 => String::new(),
            digits => format!(".{}", &all[..digits]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(i64, u32)> {
        Seconds::parse(text).map(|seconds| (seconds.whole, seconds.nanos))
    }

    #[test]
    fn numbers_are_read_as_numbers() {
        assert_eq!(parsed("12"), Some((12, 0)));
        assert_eq!(parsed("12.5"), Some((12, 500_000_000)));
        assert_eq!(parsed("12.000000001"), Some((12, 1)));
        assert_eq!(parsed("-12"), Some((-12, 0)));
        assert_eq!(parsed("-12.25"), Some((-13, 750_000_000)));
        assert_eq!(parsed("-0.5"), Some((-1, 500_000_000)));
        assert_eq!(parsed("-0"), Some((0, 0)));
        for odd in ["", "-", ".", "1.", ".5", "1.0000000001", "1e3", "+1", " 1", "1,5", "9223372036854775808"]
        {
            assert_eq!(parsed(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_fraction_has_its_scale_and_loses_nothing() {
        let fraction = |text: &str, scale| Seconds::parse(text).unwrap().fraction(scale);
        assert_eq!(fraction("1.500000000", 3), ".500");
        assert_eq!(fraction("1.5", 0), ".5");
        assert_eq!(fraction("1", 0), "");
        assert_eq!(fraction("1", 9), ".000000000");
        assert_eq!(fraction("1.123456789", 3), ".123456789");
        assert_eq!(fraction("1", 99), ".000000000");
    }
}
