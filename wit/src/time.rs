//! Instants as registries write them, in milliseconds since 1970. No clock: whoever needs now takes it.

/// Reads an ISO 8601 instant as registries write it, to milliseconds since 1970: `2024-02-27T16:27:13.411Z`,
/// `…+00:00`, with or without a fraction of any length. `None` if it is none.
pub fn parse_time(text: &str) -> Option<i64> {
    let bytes = text.trim().as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        bytes
            .get(from..to)?
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let separated = |at: usize, by: &[u8]| bytes.get(at).is_some_and(|byte| by.contains(byte));
    if !separated(4, b"-") || !separated(7, b"-") {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_since_1970(year, month, day) * 86_400_000;
    if bytes.len() == 10 {
        return Some(midnight);
    }
    if !separated(10, b"Tt ") || !separated(13, b":") || !separated(16, b":") {
        return None;
    }
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut millis = 0;
    if separated(19, b".") {
        let mut scale = 100;
        at = 20;
        while let Some(byte) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
            millis += i64::from(byte - b'0') * scale;
            scale /= 10;
            at += 1;
        }
    }
    let offset = match bytes.get(at..)? {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let minutes_at = if separated(at + 3, b":") { at + 4 } else { at + 3 };
            let minutes = digits(at + 1, at + 3)? * 60 + digits(minutes_at, minutes_at + 2)?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    Some(midnight + ((hour * 60 + minute - offset) * 60 + second) * 1000 + millis)
}

/// An instant as registries write it: `2024-02-27T16:27:13.411Z`.
pub fn format_time(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (mut year, mut month) = (1970 + days.div_euclid(366), 12);
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    while days_since_1970(year, month, 1) > days {
        month -= 1;
    }
    let day = days - days_since_1970(year, month, 1) + 1;
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

/// Days of the Gregorian calendar, counted in years that begin in March so that a leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_form_registries_write() {
        let expected = Some(1_709_051_233_411);
        assert_eq!(parse_time("2024-02-27T16:27:13.411Z"), expected);
        assert_eq!(parse_time("2024-02-27T16:27:13.411123+00:00"), expected);
        assert_eq!(parse_time("2024-02-27T18:27:13.411+02:00"), expected);
        assert_eq!(parse_time("2024-02-27T11:27:13.411-0500"), expected);
        assert_eq!(parse_time("2024-02-27T16:27:13Z"), Some(1_709_051_233_000));
        assert_eq!(parse_time("1970-01-01"), Some(0));
        assert_eq!(parse_time("2000-02-29T00:00:00Z"), Some(951_782_400_000));
        for text in ["", "yesterday", "2024-13-01", "2024-02-27T16:27", "2024-02-27T16:27:13"] {
            assert_eq!(parse_time(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_instant_is_written_as_it_is_read() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "2024-02-29T23:59:59.999Z",
            "2999-12-31T12:00:00.001Z",
            "1969-12-31T00:00:00.000Z",
        ] {
            assert_eq!(format_time(parse_time(text).unwrap()), text);
        }
    }
}
