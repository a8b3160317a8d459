//! From when until when a certificate is valid. It is read from the certificate itself (RFC 5280, section 4.1), because the
//! TLS library of a server does not look at it.

/// When a certificate is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which is optional: `[0]`.
const VERSION: u8 = 0xa0;

impl Validity {
    /// Of the certificate with this DER.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate, _) = element(certificate)?;
        let (_, mut fields, _) = element(certificate)?;
        if fields.first() == Some(&VERSION) {
            fields = element(fields)?.2;
        }
        // Serial number, signature algorithm, issuer.
        for _ in 0..3 {
            fields = element(fields)?.2;
        }
        let (tag, validity, _) = element(fields)?;
        let (before_tag, before, rest) = element(validity)?;
        let (after_tag, after, _) = element(rest)?;
        (tag == SEQUENCE).then_some(())?;
        Some(Self { not_before: time(before_tag, before)?, not_after: time(after_tag, after)? })
    }

    /// Why it is not valid at `now`.
    pub(super) fn problem(self, now: i64) -> Option<String> {
        if now > self.not_after {
            Some(format!("has a certificate that expired on {}", date(self.not_after)))
        } else if now < self.not_before {
            Some(format!("has a certificate that is valid only from {}", date(self.not_before)))
        } else {
            None
        }
    }
}

/// Who issued the certificate with this DER: its common name, or its organization, if that is text.
pub fn issuer_of(certificate: &[u8]) -> Option<String> {
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANIZATION: &[u8] = &[0x55, 4, 10];
    let (_, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    // Serial number, signature algorithm.
    for _ in 0..2 {
        fields = element(fields)?.2;
    }
    let (_, name, _) = element(fields)?;
    named(name, COMMON_NAME).or_else(|| named(name, ORGANIZATION))
}

/// The value of the attribute of type `wanted` in a name: a sequence of sets of pairs.
fn named(mut name: &[u8], wanted: &[u8]) -> Option<String> {
    while !name.is_empty() {
        let (_, set, rest) = element(name)?;
        name = rest;
        let (_, pair, _) = element(set)?;
        let (_, kind, value) = element(pair)?;
        if kind == wanted {
            let (_, text, _) = element(value)?;
            let text: String =
                String::from_utf8_lossy(text).chars().filter(|char| !char.is_control()).take(80).collect();
            return Some(text);
        }
    }
    None
}

/// Tag, content and what follows the first element.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Lengths of more than three bytes would be certificates of more than 16 MiB.
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let number = |digits: &[u8]| -> Option<i64> { std::str::from_utf8(digits).ok()?.parse().ok() };
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let parts: Vec<i64> = rest.chunks(2).map(number).collect::<Option<_>>()?;
    let [month, day, hour, minute, second] = parts[..] else { return None };
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A moment for people: `2026-11-29 12:00 UTC`. The same source, the other way round.
pub(super) fn date(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400) + 719_468, seconds.rem_euclid(86_400));
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let (hour, minute) = (of_day / 3_600, of_day % 3_600 / 60);
    format!("{:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        let read = |tag, text: &str| time(tag, text.as_bytes()).unwrap();
        assert_eq!(read(UTC_TIME, "700101000000Z"), 0);
        assert_eq!(read(GENERALIZED_TIME, "20000229123456Z"), 951_827_696);
        assert_eq!(date(951_827_696), "2000-02-29 12:34 UTC");
        for seconds in (-1_000_000_000..5_000_000_000).step_by(86_400 * 13 + 60) {
            let text: String = date(seconds).chars().filter(char::is_ascii_digit).collect();
            assert_eq!(read(GENERALIZED_TIME, &format!("{text}00Z")), seconds - seconds.rem_euclid(60));
        }
        for wrong in ["", "Z", "7001010000Z", "70010100000xZ", "700101000000"] {
            assert_eq!(time(UTC_TIME, wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_validity_and_does_no_harm() {
        for length in 0..64 {
            for byte in [0, SEQUENCE, 0x7f, 0x80, 0x83, 0xff] {
                assert_eq!(Validity::of(&vec![byte; length]), None);
            }
        }
    }

    #[test]
    fn a_certificate_is_valid_within_its_bounds() {
        let validity = Validity { not_before: 100, not_after: 200 };
        assert!(validity.problem(100).is_none() && validity.problem(200).is_none());
        assert!(validity.problem(99).unwrap().contains("only from 1970-01-01"));
        assert!(validity.problem(201).unwrap().contains("expired on 1970-01-01"));
    }
}
