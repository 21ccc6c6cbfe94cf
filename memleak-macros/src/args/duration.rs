//! Durations as they are written: `"500ms"`, `"1s"`, `"2m"`. Uses nothing of this crate.

use std::time::Duration;

/// Reads a duration. None if it is not one of the accepted forms, or too long to count in milliseconds.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit.trim_start() {
        "ms" => number,
        "s" => number.checked_mul(1_000)?,
        "m" => number.checked_mul(60_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::time::Duration;

    #[test]
    fn accepts_three_units() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("1s"), Some(Duration::from_secs(1)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse("0s"), Some(Duration::ZERO));
        assert_eq!(parse("1 s"), Some(Duration::from_secs(1)));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "1",
            "s",
            "-1s",
            "1.5s",
            "1h",
            "1S",
            "1s ",
            " 1s",
            "1m30s",
            "18446744073709551615m",
            "99999999999999999999ms",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
