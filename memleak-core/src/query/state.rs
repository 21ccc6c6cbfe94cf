//! Predicates on the state of a value, as a pattern has them: `Session { closed: true }`, `Conn::Open { retries: 3 }`, `Some(7)`.
//!
//! May use: nothing but the patterns for names.

use super::pattern::{Pattern, PatternError};
use std::ops::Range;

/// What the fields of a value have to be. Those that are not named may be anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// Names and what is expected; of a tuple `0`, `1`, ….
    pub fields: Vec<(String, Expected)>,
}

/// What a value has to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// `_`.
    Anything,
    /// `true`, `false`.
    Bool(bool),
    /// `7`, `-3`, `0x1f`, `1_000`.
    Integer(i128),
    /// `2.5`, by its bits.
    Float(u64),
    /// `'a'`.
    Char(char),
    /// `"ada"`.
    Text(String),
    /// `Open`, `Conn::Open { retries: 3 }`, `User { admin: true }`: a variant of an enum, or a value of a type.
    Named {
        /// As written, without the state.
        written: String,
        /// The same as a pattern.
        pattern: Box<Pattern>,
    },
}

impl Expected {
    /// As a text about a mistake shows it.
    pub fn written(&self) -> String {
        match self {
            Expected::Anything => "_".to_owned(),
            Expected::Bool(value) => value.to_string(),
            Expected::Integer(value) => value.to_string(),
            Expected::Float(bits) => format!("{:?}", f64::from_bits(*bits)),
            Expected::Char(value) => format!("{value:?}"),
            Expected::Text(value) => format!("{value:?}"),
            Expected::Named { written, .. } => written.clone(),
        }
    }
}

/// Where in a pattern the state begins, if it has one: at a `{` that is no segment of the path, or at the `(` of a tuple's fields.
pub(super) fn begins(text: &str) -> Option<usize> {
    let start = text.trim_start();
    let is_path = start.starts_with(|first: char| first.is_alphanumeric() || matches!(first, '_' | ':' | '*' | '{'));
    let is_other =
        ["dyn ", "fn(", "fn ", "unsafe ", "extern ", "*const ", "*mut "].iter().any(|word| start.starts_with(word));
    if !is_path || is_other {
        return None;
    }
    let mut depth = 0u32;
    let mut before = "";
    let mut segment = false;
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            '>' if !before.ends_with('-') => depth = depth.saturating_sub(1),
            // `heartbeat::{async_fn_env#0}`.
            '{' if depth == 0 && (before.is_empty() || before.ends_with("::")) => segment = true,
            '}' => segment = false,
            '{' | '(' if depth == 0 && !segment => return Some(at),
            _ => {}
        }
        before = text[..at + c.len_utf8()].trim_end();
    }
    None
}

/// Reads the state that begins at `at`, to the end of the text.
pub(super) fn parse(text: &str, at: usize) -> Result<State, PatternError> {
    let mut reader = Reader { text, at };
    let state = reader.state()?;
    reader.skip_spaces();
    match reader.peek() {
        None => Ok(state),
        Some(c) => reader.error(reader.at..reader.at + c.len_utf8(), "a pattern ends with its fields: leave this out"),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_spaces();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn error<T>(&self, at: Range<usize>, message: impl Into<String>) -> Result<T, PatternError> {
        let end = at.end.min(self.text.len());
        Err(PatternError { at: at.start.min(end)..end, message: message.into() })
    }

    /// `{ name: value, … }` or `(value, …)`.
    fn state(&mut self) -> Result<State, PatternError> {
        let opened = self.at;
        let named = self.eat("{");
        let close = if named { "}" } else { ")" };
        if !named {
            self.eat("(");
        }
        let mut fields = Vec::new();
        loop {
            if self.eat(close) {
                return Ok(State { fields });
            }
            if self.eat("..") {
                if self.eat(close) {
                    return Ok(State { fields });
                }
                return self.error(self.at..self.at + 1, format!("`..` stands at the end: write `{close}` here"));
            }
            self.skip_spaces();
            if self.peek().is_none() {
                let opener = &self.text[opened..=opened];
                return self.error(opened..opened + 1, format!("this `{opener}` is never closed: write `{close}`"));
            }
            let name = if named { self.field()? } else { fields.len().to_string() };
            fields.push((name, self.expected()?));
            if !self.eat(",") && !self.rest().trim_start().starts_with(close) {
                self.skip_spaces();
                if self.peek().is_none() {
                    continue;
                }
                return self.error(self.at..self.at + 1, format!("write `,` or `{close}` here"));
            }
        }
    }

    fn field(&mut self) -> Result<String, PatternError> {
        let start = self.at;
        let rest = self.rest().strip_prefix("r#").unwrap_or(self.rest());
        let skipped = self.rest().len() - rest.len();
        let len = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let name = rest[..len].to_owned();
        if name.is_empty() {
            return self.error(start..start + 1, "write the name of a field here, such as `closed: true`");
        }
        self.at += skipped + len;
        if self.eat(":") {
            return Ok(name);
        }
        self.error(start..self.at, format!("write what the field has to be: `{name}: true`"))
    }

    fn expected(&mut self) -> Result<Expected, PatternError> {
        self.skip_spaces();
        let start = self.at;
        match self.peek() {
            None => self.error(start..start, "write a value here: `true`, `7`, `\"ada\"`, `Open`, or `_` for any"),
            Some('"') => self.text(),
            Some('\'') => self.char(),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            Some(c) if is_word(c) || c == ':' => self.word(),
            Some(c) => self.error(
                start..start + c.len_utf8(),
                "write a value here: `true`, `7`, `\"ada\"`, `Open`, or `_` for any",
            ),
        }
    }

    fn text(&mut self) -> Result<Expected, PatternError> {
        let start = self.at;
        let mut value = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + at + 1;
                    return Ok(Expected::Text(value));
                }
                '\\' => match chars.next().and_then(|(_, c)| escaped(c)) {
                    Some(c) => value.push(c),
                    None => {
                        return self.error(
                            start + at..start + at + 2,
                            "escapes are `\\\"`, `\\\\`, `\\n`, `\\r`, `\\t`, `\\0`",
                        );
                    }
                },
                c => value.push(c),
            }
        }
        self.error(start..start + 1, "this text is never closed: write `\"`")
    }

    fn char(&mut self) -> Result<Expected, PatternError> {
        let start = self.at;
        let mut chars = self.rest()[1..].chars();
        let value = match chars.next() {
            Some('\\') => chars.next().and_then(escaped),
            c => c,
        };
        match (value, chars.next()) {
            (Some(value), Some('\'')) => {
                self.at = self.text.len() - chars.as_str().len();
                Ok(Expected::Char(value))
            }
            _ => self.error(start..start + 1, "write one character between two `'`; a text stands between two `\"`"),
        }
    }

    fn number(&mut self) -> Result<Expected, PatternError> {
        let start = self.at;
        let rest = self.rest();
        let len = rest.find(|c: char| !(is_word(c) || matches!(c, '-' | '+' | '.'))).unwrap_or(rest.len());
        let written = rest[..len].replace('_', "");
        self.at += len;
        let (sign, digits) = match written.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, written.as_str()),
        };
        let radix = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find(|(prefix, _)| digits.starts_with(prefix));
        let integer = match radix {
            Some((prefix, radix)) => i128::from_str_radix(&digits[prefix.len()..], radix).ok(),
            None => digits.parse().ok(),
        };
        if let Some(value) = integer {
            return Ok(Expected::Integer(sign * value));
        }
        match written.parse::<f64>() {
            Ok(value) => Ok(Expected::Float(value.to_bits())),
            Err(_) => self.error(start..self.at, "this is not a number; one is written without its type: `7`, `2.5`"),
        }
    }

    fn word(&mut self) -> Result<Expected, PatternError> {
        let start = self.at;
        let end = self.path_end();
        let written = self.text[start..end].trim_end().to_owned();
        self.at = end;
        match written.as_str() {
            "_" => return Ok(Expected::Anything),
            "true" | "false" => return Ok(Expected::Bool(written == "true")),
            _ => {}
        }
        let mut pattern = Pattern::parse(&written).map_err(|error| PatternError {
            at: start + error.at.start..start + error.at.end,
            message: error.message,
        })?;
        self.skip_spaces();
        if matches!(self.peek(), Some('{' | '(')) {
            pattern = pattern.with_state(self.state()?);
        }
        Ok(Expected::Named { written, pattern: Box::new(pattern) })
    }

    /// Where the path that begins here ends, its generics included.
    fn path_end(&self) -> usize {
        let mut depth = 0u32;
        for (at, c) in self.rest().char_indices() {
            match c {
                '<' => depth += 1,
                '>' => depth = depth.saturating_sub(1),
                '{' | '}' | '(' | ')' | ',' if depth == 0 => return self.at + at,
                _ => {}
            }
        }
        self.text.len()
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn escaped(c: char) -> Option<char> {
    match c {
        '"' | '\\' | '\'' => Some(c),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        '0' => Some('\0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> Vec<(String, String)> {
        let state = parse(text, begins(text).expect("a state")).expect(text);
        state.fields.into_iter().map(|(name, expected)| (name, expected.written())).collect()
    }

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_of_every_kind() {
        let text = r#"Session { closed: true, id: 7, big: 1_000, hex: 0xff, low: -3, rate: 2.5, key: 'k', name: "a\"da", any: _, state: Open, .. }"#;
        let expected = [
            ("closed", "true"),
            ("id", "7"),
            ("big", "1000"),
            ("hex", "255"),
            ("low", "-3"),
            ("rate", "2.5"),
            ("key", "'k'"),
            ("name", "\"a\\\"da\""),
            ("any", "_"),
            ("state", "Open"),
        ];
        assert_eq!(state(text), fields(&expected));
        assert_eq!(state("Conn::Open(3, _)"), fields(&[("0", "3"), ("1", "_")]));
        assert_eq!(state("Session{}"), fields(&[]));
        assert_eq!(
            state("Session { user: User { admin: true }, peer: Some(7) }"),
            fields(&[("user", "User"), ("peer", "Some")])
        );
        assert_eq!(state("Link<Tcp> { a: 1 }"), fields(&[("a", "1")]));
    }

    #[test]
    fn what_is_no_state() {
        for text in [
            "Session",
            "heartbeat::{async_fn_env#0}",
            "{closure_env#0}",
            "(A, B)",
            "dyn Fn(u8)",
            "fn(u8) -> A",
            "Box<dyn Fn(u8)>",
            "[A; 3]",
        ] {
            assert_eq!(begins(text), None, "{text}");
        }
        assert_eq!(begins("run::{closure_env#0} { a: 1 }"), Some(21));
    }

    #[test]
    fn mistakes_are_said_where_they_are() {
        let mistake = |text: &str| {
            let error = parse(text, begins(text).expect("a state")).expect_err(text);
            (text[error.at.clone()].to_owned(), error.message)
        };
        let said = |text, at: &str, message: &str| {
            let (found, words) = mistake(text);
            assert_eq!(found, at, "{text}: {words}");
            assert!(words.contains(message), "{text}: {words}");
        };
        said("A { closed }", "closed ", "write what the field has to be");
        said("A { closed: true", "{", "never closed");
        said("A { closed: true } x", "x", "leave this out");
        said("A { name: \"ada }", "\"", "never closed");
        said("A { id: 7u8 }", "7u8", "not a number");
        said("A { id: }", "}", "write a value here");
        said("A { id: 1 b: 2 }", "b", "write `,`");
        said("A { key: 'ab' }", "'", "one character");
        said("A { .., id: 1 }", ",", "stands at the end");
        said("A { state: Link<Tcp }", "}", "leave the `}` out");
    }
}
