//! Durations as people write them in runbooks and settings: `15 min`, `45s`, `1 h`.

/// Reads a duration in seconds; `None` when it is not one.
#[must_use]
pub fn parse_seconds(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().ok()?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Writes seconds for people: `45 s`, `5 min`, `1 h 30 min`.
#[must_use]
pub fn for_people(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, 0, rest) => format!("{rest} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        for (text, seconds) in [
            ("45s", Some(45)),
            ("15 min", Some(900)),
            ("1 h", Some(3_600)),
            ("2 days", Some(172_800)),
            ("soon", None),
            ("5", None),
            ("99999999999 s", None),
            ("4000000 h", None),
        ] {
            assert_eq!(parse_seconds(text), seconds, "{text}");
        }
        assert_eq!(for_people(5_400), "1 h 30 min");
        assert_eq!(for_people(61), "1 min 1 s");
    }
}
