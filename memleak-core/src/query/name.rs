//! Type names as trees. Three dialects are read: patterns, `core::any::type_name`, and debug info.
//!
//! May use nothing but `pattern`'s error type. What the dialects do differently (seen with rustc 1.95):
//!
//! | | `type_name` | debug info |
//! |---|---|---|
//! | defaulted parameters | left out: `Arc<T>` | written: `Arc<T, alloc::alloc::Global>` |
//! | lifetimes | `Life<'_, T>`, `&'_ T` | never |
//! | async fn, closure, block | `{{closure}}`, generics on the function | `{async_fn_env#0}`, `{closure_env#0}<T>` |
//! | items in impls | `Type::method::Local`, `<T as Trait>::…`, `m::<impl T>::…` | `m::{impl#2}::method::Local` |
//! | tuples of one | `(T,)` | `(T)` |
//! | trait objects | `dyn Any + Send` | `(dyn Any + Send)` |
//! | | `dyn Fn(A) -> B` | `dyn Fn<(A), Output=B>` |
//! | `char` parameters | `'a'` | `{CONST#27d96aba666aa2f7}` |

use super::pattern::PatternError;

/// A type's name, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Name {
    /// `_`, and `*` as a generic argument: every type.
    Any,
    /// What could not be read; only debug info yields it, and only `Any` matches it.
    Unread,
    Path(Path),
    /// `dyn A + B`; lifetimes are left out.
    Dyn(Vec<Path>),
    Reference {
        mutable: bool,
        target: Box<Name>,
    },
    Pointer {
        mutable: bool,
        target: Box<Name>,
    },
    Slice(Box<Name>),
    Array(Box<Name>, Box<Name>),
    Tuple(Vec<Name>),
    Function {
        /// `unsafe extern "C"`, without spaces.
        qualifiers: String,
        parameters: Vec<Name>,
        returns: Box<Name>,
    },
    Never,
    /// A constant: `4`, `-3`, `'a'`.
    Literal(String),
    /// `Output = ()`, in generic arguments only.
    Binding(String, Box<Name>),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Path {
    /// Written with a leading `::`: the first segment is the crate.
    pub(super) anchored: bool,
    pub(super) segments: Vec<Segment>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    pub(super) word: Word,
    /// None if no generics are written.
    pub(super) arguments: Option<Vec<Name>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// May hold `*` in a pattern.
    Plain(String),
    /// `{closure#0}` without its braces; empty for `{{closure}}`, `<impl T>` and `<T as Trait>`, which say less.
    Braces(String),
    /// `**`.
    Segments,
}

/// Which rules a text follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dialect {
    Pattern,
    TypeName,
    DebugInfo,
}

/// Deeper than any type a person writes, and shallow enough for a small stack.
const DEEPEST: u32 = 200;

/// Reads a whole text as one type.
pub(super) fn parse(text: &str, dialect: Dialect) -> Result<Name, PatternError> {
    let mut reader = Reader { text, at: 0, dialect, depth: 0 };
    let name = reader.ty(true)?;
    reader.skip_spaces();
    match reader.peek() {
        None => Ok(name),
        Some(c) => Err(reader.unexpected(c)),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
    depth: u32,
}

type Parsed<T> = Result<T, PatternError>;

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes `token` if it is next, after spaces.
    fn eat(&mut self, token: &str) -> bool {
        self.skip_spaces();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Takes `word` if it is next and ends there.
    fn eat_word(&mut self, word: &str) -> bool {
        self.skip_spaces();
        let after = self.rest().strip_prefix(word);
        let found = after.is_some_and(|after| !after.starts_with(is_name_char) && !after.starts_with("::"));
        if found {
            self.at += word.len();
        }
        found
    }

    fn error<T>(&self, at: core::ops::Range<usize>, message: impl Into<String>) -> Parsed<T> {
        let end = at.end.min(self.text.len());
        Err(PatternError { at: at.start..end, message: message.into() })
    }

    fn expect(&mut self, token: &str, opened: usize) -> Parsed<()> {
        if self.eat(token) {
            return Ok(());
        }
        match self.peek() {
            None => self.error(
                opened..opened + 1,
                format!("this `{}` is never closed: write `{token}`", &self.text[opened..=opened]),
            ),
            Some(c) => Err(self.unexpected(c)),
        }
    }

    fn unexpected(&self, c: char) -> PatternError {
        let message = match c {
            '>' => "no `<` opens this: leave the `>` out".to_owned(),
            ')' | ']' | '}' => format!("nothing opens this: leave the `{c}` out"),
            ',' => "a pattern names one type: for several write a list, `[\"Session\", \"db::Conn\"]`".to_owned(),
            ':' => "write `::` between the segments of a path".to_owned(),
            '{' => "write `::` before a segment in braces".to_owned(),
            '+' => "`+` belongs to trait objects: write `dyn Chat + Send`".to_owned(),
            c if is_name_char(c) => "a pattern names one type: leave this out, or write a list".to_owned(),
            c => format!("`{c}` has no place in a type's name: leave it out"),
        };
        PatternError { at: self.at..self.at + c.len_utf8(), message }
    }

    /// A type. Without `plus`, a trait object ends at its first bound, as in a function's return type.
    fn ty(&mut self, plus: bool) -> Parsed<Name> {
        self.skip_spaces();
        let start = self.at;
        self.depth += 1;
        let name = if self.depth > DEEPEST {
            self.error(start..start + 1, "this is nested too deeply: write `_` for what need not match")
        } else {
            self.shape(plus)
        };
        self.depth -= 1;
        match name {
            // One argument that cannot be read must not hide the type that has it.
            Err(_) if self.dialect == Dialect::DebugInfo => {
                self.at = start;
                self.skip_type();
                Ok(Name::Unread)
            }
            other => other,
        }
    }

    fn shape(&mut self, plus: bool) -> Parsed<Name> {
        let start = self.at;
        let Some(first) = self.peek() else {
            return self.error(start..start, "write a type's name here, such as `Session` or `chat::Session`");
        };
        match first {
            '&' => {
                self.at += 1;
                self.lifetime();
                let mutable = self.eat_word("mut");
                Ok(Name::Reference { mutable, target: Box::new(self.ty(plus)?) })
            }
            '(' => self.tuple(),
            '[' => self.slice(),
            '!' => {
                self.at += 1;
                Ok(Name::Never)
            }
            '0'..='9' | '-' | '\'' => self.literal(),
            _ if self.eat_word("for") => {
                self.eat("<");
                self.skip_until_closed();
                self.ty(plus)
            }
            _ if self.eat_word("dyn") => self.trait_object(plus),
            _ if self.eat_word("impl") => {
                self.error(start..self.at, "`impl Trait` is not a type's name: write `dyn Trait`, or the type itself")
            }
            _ if self.eat_word("_") => Ok(Name::Any),
            _ => match self.pointer(plus)? {
                Some(pointer) => Ok(pointer),
                None => match self.function(plus)? {
                    Some(function) => Ok(function),
                    None => Ok(Name::Path(self.path()?)),
                },
            },
        }
    }

    /// `*const T`, `*mut T`; a `*` before anything else is a wildcard.
    fn pointer(&mut self, plus: bool) -> Parsed<Option<Name>> {
        for (token, mutable) in [("*const", false), ("*mut", true)] {
            if self.rest().strip_prefix(token).is_some_and(|after| after.starts_with(char::is_whitespace)) {
                self.at += token.len();
                return Ok(Some(Name::Pointer { mutable, target: Box::new(self.ty(plus)?) }));
            }
        }
        Ok(None)
    }

    fn function(&mut self, plus: bool) -> Parsed<Option<Name>> {
        let start = self.at;
        let mut qualifiers = String::new();
        if self.eat_word("unsafe") {
            qualifiers.push_str("unsafe");
        }
        if self.eat_word("extern") {
            qualifiers.push_str("extern");
            if self.eat("\"") {
                let abi = self.rest().split('"').next().unwrap_or_default().to_owned();
                self.at = (self.at + abi.len() + 1).min(self.text.len());
                qualifiers.push_str(&abi);
            }
        }
        let after_word = self.at;
        if !(self.eat_word("fn") && self.eat("(")) {
            if !qualifiers.is_empty() {
                return self.error(start..after_word, "write `fn(…)` after this");
            }
            self.at = start;
            return Ok(None);
        }
        let parameters = self.list(")", self.at - 1)?.0;
        let returns = if self.eat("->") { self.ty(plus)? } else { Name::Tuple(Vec::new()) };
        Ok(Some(Name::Function { qualifiers, parameters, returns: Box::new(returns) }))
    }

    fn tuple(&mut self) -> Parsed<Name> {
        let opened = self.at;
        self.at += 1;
        let (mut items, trailing_comma) = self.list(")", opened)?;
        let grouped = match self.dialect {
            Dialect::DebugInfo => matches!(items.as_slice(), [Name::Dyn(bounds)] if bounds.len() > 1),
            _ => items.len() == 1 && !trailing_comma,
        };
        Ok(if grouped { items.remove(0) } else { Name::Tuple(items) })
    }

    fn slice(&mut self) -> Parsed<Name> {
        let opened = self.at;
        self.at += 1;
        let element = Box::new(self.ty(true)?);
        let length = if self.eat(";") { Some(self.ty(true)?) } else { None };
        self.expect("]", opened)?;
        Ok(match length {
            Some(length) => Name::Array(element, Box::new(length)),
            None => Name::Slice(element),
        })
    }

    fn literal(&mut self) -> Parsed<Name> {
        let rest = self.rest();
        let end = if let Some(quoted) = rest.strip_prefix('\'') {
            let escape = usize::from(quoted.starts_with('\\'));
            quoted.char_indices().skip(1 + escape).find(|(_, c)| *c == '\'').map(|(i, _)| i + 2)
        } else {
            let digits = rest.strip_prefix('-').unwrap_or(rest);
            let sign = rest.len() - digits.len();
            let end = sign + digits.find(|c: char| !is_name_char(c)).unwrap_or(digits.len());
            (end > sign).then_some(end)
        };
        match end {
            Some(end) => {
                let text = rest[..end].to_owned();
                self.at += end;
                Ok(Name::Literal(text))
            }
            None => self.error(self.at..self.at + 1, "write a type or a whole constant here"),
        }
    }

    /// Takes a lifetime, if one is next.
    fn lifetime(&mut self) -> bool {
        self.skip_spaces();
        let Some(after) = self.rest().strip_prefix('\'') else { return false };
        let end = after.find(|c: char| !is_name_char(c)).unwrap_or(after.len());
        let found = end > 0 && !after[end..].starts_with('\'');
        if found {
            self.at += 1 + end;
        }
        found
    }

    fn trait_object(&mut self, plus: bool) -> Parsed<Name> {
        let mut bounds = Vec::new();
        loop {
            self.skip_spaces();
            if self.eat_word("for") {
                self.eat("<");
                self.skip_until_closed();
                self.skip_spaces();
            }
            if !self.lifetime() {
                if !self.peek().is_some_and(|c| is_name_char(c) || c == ':' || c == '*') {
                    return self.error(self.at..self.at, "write a trait's name here, such as `dyn Chat`");
                }
                bounds.push(self.path_with_sugar()?);
            }
            if !(plus && self.eat("+")) {
                return Ok(Name::Dyn(bounds));
            }
        }
    }

    /// A trait's path, where `Fn(A) -> B` is `Fn<(A,), Output = B>`.
    fn path_with_sugar(&mut self) -> Parsed<Path> {
        let mut path = self.path()?;
        if self.eat("(") {
            let inputs = Name::Tuple(self.list(")", self.at - 1)?.0);
            let output = if self.eat("->") { self.ty(false)? } else { Name::Tuple(Vec::new()) };
            if let Some(last) = path.segments.last_mut() {
                last.arguments = Some(vec![inputs, Name::Binding("Output".to_owned(), Box::new(output))]);
            }
        }
        Ok(path)
    }

    fn path(&mut self) -> Parsed<Path> {
        let anchored = self.eat("::");
        let mut segments = Vec::new();
        loop {
            segments.push(self.segment(segments.is_empty())?);
            if !self.eat("::") {
                return Ok(Path { anchored, segments });
            }
        }
    }

    fn segment(&mut self, first: bool) -> Parsed<Segment> {
        self.skip_spaces();
        let start = self.at;
        let word = match self.peek() {
            Some('{') => self.braces()?,
            Some('<') if self.dialect == Dialect::TypeName => {
                self.at += 1;
                self.skip_until_closed();
                return Ok(Segment { word: Word::Braces(String::new()), arguments: None });
            }
            _ => self.word(first)?,
        };
        if self.dialect == Dialect::Pattern && self.at_turbofish() {
            self.eat("::");
        }
        self.skip_spaces();
        if self.peek() != Some('<') {
            return Ok(Segment { word, arguments: None });
        }
        if word == Word::Segments {
            return self.error(start..self.at, "`**` has no generics: write `**::*<…>`");
        }
        let opened = self.at;
        self.at += 1;
        Ok(Segment { word, arguments: Some(self.list(">", opened)?.0) })
    }

    /// Whether `::<` is next, as in `Vec::<T>`.
    fn at_turbofish(&self) -> bool {
        self.rest().trim_start().strip_prefix("::").is_some_and(|after| after.trim_start().starts_with('<'))
    }

    fn word(&mut self, first: bool) -> Parsed<Word> {
        if self.rest().starts_with("r#") {
            self.at += 2;
        }
        let start = self.at;
        let wild = self.dialect == Dialect::Pattern;
        let rest = self.rest();
        let end = rest.find(|c: char| !(is_name_char(c) || wild && c == '*')).unwrap_or(rest.len());
        let word = rest[..end].to_owned();
        if end == 0 {
            let message = match self.peek() {
                _ if !first => "write a name after `::`".to_owned(),
                Some(c) => return Err(self.unexpected(c)),
                None => "write a type's name here, such as `Session` or `chat::Session`".to_owned(),
            };
            return self.error(start.saturating_sub(2 * usize::from(!first))..start, message);
        }
        self.at += end;
        if word == "**" {
            return Ok(Word::Segments);
        }
        if word.contains("**") {
            return self
                .error(start..self.at, "`**` stands for whole segments: write `a::**::b`, or `*` inside a segment");
        }
        if wild
            && first
            && matches!(word.as_str(), "crate" | "self" | "super" | "Self")
            && self.text[self.at..].starts_with("::")
        {
            return self.error(
                start..self.at + 2,
                format!(
                    "a pattern does not know which module it stands in: write the crate's name, or leave `{word}::` out"
                ),
            );
        }
        Ok(Word::Plain(word))
    }

    fn braces(&mut self) -> Parsed<Word> {
        let opened = self.at;
        let Some(end) = self.rest().find('}') else {
            return self.error(opened..opened + 1, "this `{` is never closed: write `}`");
        };
        let inner = self.rest()[1..end].to_owned();
        self.at += end + 1;
        if inner.starts_with('{') {
            self.eat("}");
            return Ok(Word::Braces(String::new()));
        }
        Ok(Word::Braces(inner.trim().to_owned()))
    }

    /// Types up to `close`, and whether a comma stood before it. Lifetimes among them are left out.
    fn list(&mut self, close: &str, opened: usize) -> Parsed<(Vec<Name>, bool)> {
        let mut items = Vec::new();
        let mut comma = false;
        loop {
            if self.eat(close) {
                return Ok((items, comma));
            }
            if !self.lifetime() {
                if self.rest().is_empty() {
                    self.expect(close, opened)?;
                }
                items.push(self.item()?);
            }
            comma = self.eat(",");
            if !comma {
                self.expect(close, opened)?;
                return Ok((items, comma));
            }
        }
    }

    fn item(&mut self) -> Parsed<Name> {
        let name = self.ty(true)?;
        if let Name::Path(path) = &name {
            if let [Segment { word: Word::Plain(word), arguments: None }] = path.segments.as_slice() {
                if word == "*" {
                    return Ok(Name::Any);
                }
                if self.eat("=") {
                    let word = word.clone();
                    return Ok(Name::Binding(word, Box::new(self.ty(true)?)));
                }
            }
            if path.segments.iter().all(|segment| segment.word == Word::Segments) {
                return Ok(Name::Any);
            }
        }
        Ok(name)
    }

    /// Skips to behind the `>` that closes an already taken `<`.
    fn skip_until_closed(&mut self) {
        self.skip_balanced(|_| false);
        self.eat(">");
    }

    /// Skips to the comma or bracket that ends the type here.
    fn skip_type(&mut self) {
        self.skip_balanced(|c| matches!(c, ',' | ';'));
    }

    /// Skips to the first closing bracket that was not opened here, or to the first character outside of brackets that `ends`.
    fn skip_balanced(&mut self, ends: fn(char) -> bool) {
        let mut open = 0_u32;
        let mut before = ' ';
        for (i, c) in self.rest().char_indices() {
            match c {
                '<' | '(' | '[' | '{' => open += 1,
                '>' if before == '-' => {}
                '>' | ')' | ']' | '}' if open == 0 => {
                    self.at += i;
                    return;
                }
                '>' | ')' | ']' | '}' => open -= 1,
                c if open == 0 && ends(c) => {
                    self.at += i;
                    return;
                }
                _ => {}
            }
            before = c;
        }
        self.at = self.text.len();
    }
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
