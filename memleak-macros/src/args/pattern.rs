//! What can be said of a type pattern without the types: whether it is well formed. What it matches is found out when the test runs.
//! Uses nothing of this crate.

/// What is wrong with the pattern, and what to write; none if nothing is.
pub fn mistake(pattern: &str) -> Option<String> {
    if pattern.trim().is_empty() {
        return Some(
            "an empty pattern names no type: write the name of one, such as \"Session\" or \"chat::Session\""
                .to_owned(),
        );
    }
    if let Some(text) = unbalanced(pattern) {
        return Some(text);
    }
    let doubled = pattern.replace("::", "\u{0}");
    if doubled.contains(':') {
        return Some(format!("segments are parted by two colons: write {:?}", doubled.replace([':', '\u{0}'], "::")));
    }
    if doubled.ends_with('\u{0}') || doubled.contains("\u{0}\u{0}") {
        return Some(
            "a segment is missing next to `::`; for any segment write `*`, for any number of them `**`".to_owned(),
        );
    }
    None
}

fn unbalanced(pattern: &str) -> Option<String> {
    let mut open = Vec::new();
    let mut before = ' ';
    for character in pattern.chars() {
        let opener = match character {
            '<' | '(' | '[' | '{' => {
                open.push(character);
                continue;
            }
            '>' if before != '-' => '<',
            ')' => '(',
            ']' => '[',
            '}' => '{',
            _ => {
                before = character;
                continue;
            }
        };
        if open.pop() != Some(opener) {
            return Some(format!(
                "this `{character}` closes nothing: a pattern with generics is written \"Link<Tcp>\", and without them matches any"
            ));
        }
        before = character;
    }
    open.pop().map(|opener| {
        format!("this `{opener}` is not closed: a pattern with generics is written \"Link<Tcp>\", and without them matches any")
    })
}

#[cfg(test)]
mod tests {
    use super::mistake;
    use memleak_core::query::pattern::Pattern;

    #[test]
    fn patterns_that_can_be_matched_pass() {
        for pattern in [
            "Session",
            " Session ",
            "_",
            "Link<_>",
            "*Session",
            "db::**",
            "&Session",
            "&mut dyn Chat",
            "chat::Session",
            "Link<Tcp>",
            "db::*",
            "**::Conn",
            "Conn::Open",
            "dyn Chat",
            "dyn Chat + Send",
            "HashMap<u64, Arc<Session>>",
            "(u8, u16)",
            "[u8; 4]",
            "fn(u8) -> u16",
            "Box<dyn Fn(u8) -> u16>",
            "chat::serve::{async_fn_env#0}",
            "::chat::Session",
        ] {
            assert_eq!(mistake(pattern), None, "{pattern:?}");
            assert_eq!(Pattern::parse(pattern).err(), None, "{pattern:?}");
        }
    }

    #[test]
    fn malformed_patterns_do_not_and_could_not_be_matched() {
        for (pattern, part) in [
            ("", "empty"),
            ("  ", "empty"),
            ("Link<Tcp", "`<` is not closed"),
            ("Link<Tcp>>", "`>` closes nothing"),
            ("Link<(A>)", "`>` closes nothing"),
            ("chat:Session", "write \"chat::Session\""),
            ("a::b:C", "write \"a::b::C\""),
            ("chat::", "segment is missing"),
            ("a::::b", "segment is missing"),
        ] {
            let text = mistake(pattern).unwrap_or_else(|| panic!("{pattern:?} is taken for well formed"));
            assert!(text.contains(part), "{pattern:?}: {text}");
            assert!(Pattern::parse(pattern).is_err(), "{pattern:?} could be matched");
        }
    }
}
