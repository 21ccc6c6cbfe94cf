//! Sizes as they are written: `"0"`, `"512 B"`, `"64 KiB"`, `"1.5 MiB"`, `"10 MB"`. Uses nothing of this crate.

/// Reads a size. None if it is not one of the accepted forms, or does not fit 64 bits. A part of a byte is left out.
pub fn parse(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at(end);
    let unit: u128 = match unit.trim_start() {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let (whole, part) = match number.split_once('.') {
        None => (number, ""),
        Some((_, part)) if part.is_empty() || part.len() > MOST_DECIMALS || unit == 1 => return None,
        Some((whole, part)) => (whole, part),
    };
    let whole: u64 = whole.parse().ok()?;
    let part: u128 = if part.is_empty() { 0 } else { part.parse::<u64>().ok()?.into() };
    let decimals = number.split_once('.').map_or(0, |(_, part)| part.len() as u32);
    u64::try_from(u128::from(whole) * unit + part * unit / 10u128.pow(decimals)).ok()
}

/// More digits behind the point say nothing of a size.
const MOST_DECIMALS: usize = 6;

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn accepts_units_of_both_kinds() {
        assert_eq!(parse("0"), Some(0));
        assert_eq!(parse("0 B"), Some(0));
        assert_eq!(parse("512 B"), Some(512));
        assert_eq!(parse("512B"), Some(512));
        assert_eq!(parse("64 KiB"), Some(65_536));
        assert_eq!(parse("1.5 MiB"), Some(1_572_864));
        assert_eq!(parse("10 MB"), Some(10_000_000));
        assert_eq!(parse("2 kB"), Some(2_000));
        assert_eq!(parse("0.25 GiB"), Some(268_435_456));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "1",
            "B",
            "-1 B",
            "1.5 B",
            "1. KiB",
            ".5 KiB",
            "1.2.3 KiB",
            "64K",
            "64 kib",
            "64 KiB ",
            " 64 KiB",
            "64 KiBs",
            "1.0000001 MiB",
            "99999999999999999999 B",
            "18446744073709551615 KiB",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
