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
    let pattern = without_state(pattern);
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

/// The pattern without what the fields of a value have to be, `{ closed: true }` or `(7, _)`, which has a syntax of its own.
fn without_state(pattern: &str) -> &str {
    if ["dyn ", "fn", "unsafe ", "extern "].iter().any(|word| pattern.trim_start().starts_with(word)) {
        return pattern;
    }
    let mut depth = 0u32;
    for (at, character) in pattern.char_indices() {
        let before = pattern[..at].trim_end();
        let path_ends = before.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | '>' | '*' | '}'));
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            '{' | '(' if depth == 0 && path_ends => return &pattern[..at],
            _ => {}
        }
    }
    pattern
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
            "Session { closed: true, user: User { name: \"a(d}a:\" } }",
            "Conn::Open(3, _)",
            "chat::serve::{async_fn_env#0} { a: 1 }",
        ] {
            assert_eq!(mistake(pattern), None, "{pattern:?}");
            assert_eq!(Pattern::parse_with_state(pattern).err(), None, "{pattern:?}");
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
            ("chat:Session { closed: true }", "write \"chat::Session"),
        ] {
            let text = mistake(pattern).unwrap_or_else(|| panic!("{pattern:?} is taken for well formed"));
            assert!(text.contains(part), "{pattern:?}: {text}");
            assert!(Pattern::parse_with_state(pattern).is_err(), "{pattern:?} could be matched");
        }
    }
}
