//! Type-name patterns: `Session`, `chat::Session`, `Link<Tcp>`, `db::*`, `**::Conn`, `Conn::Open`, `dyn Chat`. The same text can be a pattern
//! for functions: `Session::connect`, `third_party::**`. What the fields of a value have to be, `Session { closed: true }`, is in `state`.
//!
//! The same matching serves a type the compiler resolved (`expect_zero = Session`): its `core::any::type_name` is compared in full.

use super::name::{self, Dialect, Name, Path, Segment, Word};
use super::short::text;
use super::state::{self, State};

/// What types a test names: a parsed pattern, or the name of one resolved type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    name: Name,
    rule: Rule,
    /// A name without this text cannot match; spares reading most names of a binary.
    needle: String,
    /// What the fields of a value have to be.
    state: Option<State>,
}

/// How much of a name has to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    /// Last segments are enough, generics only where written.
    Suffix,
    /// Everything `type_name` says: the whole path, generics without their defaults.
    Exact,
}

/// Why a text is not a pattern, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError {
    /// Byte range of the text at fault; empty where something is missing.
    pub at: core::ops::Range<usize>,
    /// One sentence.
    pub message: String,
}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    /// When the text is not a pattern.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        Ok(Pattern::new(name::parse(text, Dialect::Pattern)?, Rule::Suffix))
    }

    /// Parses a pattern for types that may go on with what the fields of a value have to be: `Session { closed: true }`.
    ///
    /// # Errors
    /// When the text is not such a pattern.
    pub fn parse_with_state(text: &str) -> Result<Pattern, PatternError> {
        match state::begins(text) {
            None => Pattern::parse(text),
            Some(at) => Ok(Pattern::parse(&text[..at])?.with_state(state::parse(text, at)?)),
        }
    }

    pub(super) fn with_state(self, state: State) -> Pattern {
        Pattern { state: Some(state), ..self }
    }

    /// What the fields of a value have to be, if it says.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// The type that `core::any::type_name` calls `type_name`.
    ///
    /// Debug info tells more than `type_name` in one place and less in another: `type_name` leaves generic arguments out that equal their
    /// default, and does not say which impl a function-local type is in. There this matches every candidate; compare sizes to tell them
    /// apart.
    ///
    /// # Errors
    /// When the text is not understood.
    pub fn exact(type_name: &str) -> Result<Pattern, PatternError> {
        Ok(Pattern::new(name::parse(type_name, Dialect::TypeName)?, Rule::Exact))
    }

    fn new(name: Name, rule: Rule) -> Pattern {
        let words = match &name {
            Name::Path(path) => path.segments.as_slice(),
            _ => &[],
        };
        let literals = words.iter().flat_map(|segment| match &segment.word {
            Word::Plain(word) => word.split('*').map(str::to_owned).collect::<Vec<_>>(),
            Word::Braces(_) | Word::Segments => Vec::new(),
        });
        // The tail of an exact path inside an impl is all that debug info repeats; see `exact_path`.
        let literals = literals.filter(|_| rule == Rule::Suffix).chain(words.last().and_then(literal));
        let needle = literals.max_by_key(String::len).unwrap_or_default();
        Pattern { name, rule, needle, state: None }
    }

    /// Whether the type called `name` (in full, as `debuginfo::types::Type::name` has it) matches.
    pub fn matches(&self, name: &str) -> bool {
        self.may_match(name) && read(name).is_some_and(|name| self.rule.matches(&self.name, &name))
    }

    fn may_match(&self, name: &str) -> bool {
        let Some(first) = self.needle.chars().next() else { return true };
        let mut rest = name;
        // A search for one character is compiled code of the standard library; one for a text would be compiled in the user's profile.
        while let Some(at) = rest.find(first) {
            rest = &rest[at..];
            if rest.starts_with(&self.needle) {
                return true;
            }
            rest = &rest[first.len_utf8()..];
        }
        false
    }

    /// Whether the function with this path in the debug info matches: written as the source has it, so a method by its module and its
    /// name, an async function without the `{async_fn#0}` of its body. What is inside of a function, a closure for example, is the function.
    pub fn matches_function(&self, path: &str) -> bool {
        let (Name::Path(pattern), Some(Name::Path(mut name))) = (&self.name, read(path)) else { return false };
        loop {
            if self.rule.matches(&self.name, &Name::Path(name.clone())) {
                return true;
            }
            // A pattern that ends in braces has named what it means.
            let inside = matches!(name.segments.last(), Some(Segment { word: Word::Braces(_), .. }));
            if !inside || matches!(pattern.segments.last(), Some(Segment { word: Word::Braces(_), .. })) {
                return false;
            }
            name.segments.pop();
        }
    }

    /// Whether the variant `variant` of the enum called `name` matches: `Conn::Open` is variant `Open` of every enum that `Conn` matches.
    pub fn matches_variant(&self, name: &str, variant: &str) -> bool {
        let Name::Path(path) = &self.name else { return false };
        let Some((last, of)) = path.segments.split_last() else { return false };
        let written = Word::Plain(variant.to_owned());
        if last.word != written || last.arguments.is_some() || of.is_empty() {
            return false;
        }
        let of = Name::Path(Path { anchored: path.anchored, segments: of.to_vec() });
        read(name).is_some_and(|name| self.rule.matches(&of, &name))
    }

    /// Whether this means the variant `variant` of an enum called `name`: `Open` and `Conn::Open` do.
    pub(super) fn is_variant(&self, name: &str, variant: &str) -> bool {
        let alone = matches!(&self.name, Name::Path(path) if path.segments.len() == 1);
        if alone { self.last_segment() == Some(variant) } else { self.matches_variant(name, variant) }
    }

    /// The last segment without generics, if it has no wildcard: the name of the type's entry in the debug info, up to its `<`.
    pub fn last_segment(&self) -> Option<&str> {
        self.literal_from_end(0)
    }

    /// The segment before the last, under the same conditions: what the enum is called if the pattern names a variant.
    pub fn enum_segment(&self) -> Option<&str> {
        self.literal_from_end(1)
    }

    fn literal_from_end(&self, n: usize) -> Option<&str> {
        let Name::Path(path) = &self.name else { return None };
        match &path.segments.iter().rev().nth(n)?.word {
            Word::Plain(word) if !word.contains('*') => Some(word),
            _ => None,
        }
    }

    /// `Session` of `&Session`, `Box<Session>`, `[Session; 3]`: what a pointer, an array or a slice is of, if the pattern is one. They
    /// have no entry of their own in the debug info.
    pub fn without_pointers(&self) -> Option<String> {
        let mut name = &self.name;
        loop {
            name = match name {
                Name::Reference { target, .. } | Name::Pointer { target, .. } => target,
                Name::Slice(element) | Name::Array(element, _) => element,
                Name::Path(path) => match path.segments.last() {
                    Some(Segment { word: Word::Plain(word), arguments: Some(arguments) }) if word == "Box" => {
                        arguments.first()?
                    }
                    _ => break,
                },
                _ => break,
            }
        }
        (*name != self.name).then(|| text(name))
    }

    /// Whether the pattern is a trait object, `dyn Chat`.
    pub fn is_trait_object(&self) -> bool {
        matches!(self.name, Name::Dyn(_))
    }

    /// Whether the pattern is an object of the trait called `of_trait`, as the name of its vtable has it: without auto traits and without
    /// associated types, so neither are compared.
    pub fn matches_trait(&self, of_trait: &str) -> bool {
        let Name::Dyn(bounds) = &self.name else { return false };
        let is_auto =
            |bound: &&Path| bound.segments.last().and_then(literal).is_some_and(|word| AUTO.contains(&&*word));
        let Some(bound) = bounds.iter().find(|bound| !is_auto(bound)).or(bounds.first()) else { return false };
        let mut bound = bound.clone();
        for arguments in bound.segments.iter_mut().filter_map(|segment| segment.arguments.as_mut()) {
            arguments.retain(|argument| !matches!(argument, Name::Binding(..)));
        }
        read(of_trait).is_some_and(|name| self.rule.matches(&Name::Path(bound), &name))
    }
}

/// The traits that a trait object may have besides its own.
const AUTO: &[&str] = &["Send", "Sync", "Unpin", "UnwindSafe", "RefUnwindSafe"];

fn literal(segment: &Segment) -> Option<String> {
    match &segment.word {
        Word::Plain(word) if !word.contains('*') => Some(word.clone()),
        _ => None,
    }
}

fn read(name: &str) -> Option<Name> {
    name::parse(name, Dialect::DebugInfo).ok()
}

impl Rule {
    fn matches(self, pattern: &Name, name: &Name) -> bool {
        match (pattern, name) {
            (Name::Any, _) => true,
            (Name::Path(pattern), Name::Path(name)) => match self {
                Rule::Suffix => suffix(pattern.anchored, &pattern.segments, &name.segments, true),
                Rule::Exact => exact_path(&pattern.segments, &name.segments),
            },
            (Name::Dyn(pattern), Name::Dyn(name)) => {
                (self == Rule::Suffix || pattern.len() == name.len())
                    && pattern.iter().all(|bound| {
                        name.iter().any(|other| self.matches(&Name::Path(bound.clone()), &Name::Path(other.clone())))
                    })
            }
            (Name::Reference { mutable: a, target: pattern }, Name::Reference { mutable: b, target: name })
            | (Name::Pointer { mutable: a, target: pattern }, Name::Pointer { mutable: b, target: name }) => {
                a == b && self.matches(pattern, name)
            }
            (Name::Slice(pattern), Name::Slice(name)) => self.matches(pattern, name),
            (Name::Array(pattern, length), Name::Array(name, count)) => {
                self.matches(pattern, name) && self.matches(length, count)
            }
            (Name::Tuple(pattern), Name::Tuple(name)) => self.all_match(pattern, name),
            (
                Name::Function { qualifiers: a, parameters: pattern, returns: x },
                Name::Function { qualifiers: b, parameters: name, returns: y },
            ) => a == b && self.all_match(pattern, name) && self.matches(x, y),
            (Name::Never, Name::Never) => true,
            // Debug info has a hash for a constant that is neither a number nor a bool.
            (Name::Literal(_), Name::Path(Path { segments, .. })) => {
                matches!(segments.as_slice(), [Segment { word: Word::Braces(inner), .. }] if inner.starts_with("CONST#"))
            }
            (Name::Literal(a), Name::Literal(b)) => a == b,
            (Name::Binding(a, pattern), Name::Binding(b, name)) => a == b && self.matches(pattern, name),
            _ => false,
        }
    }

    fn all_match(self, patterns: &[Name], names: &[Name]) -> bool {
        patterns.len() == names.len() && patterns.iter().zip(names).all(|(pattern, name)| self.matches(pattern, name))
    }

    /// Generics: those written match in order, those left out have to be defaults.
    fn arguments_match(self, patterns: Option<&Vec<Name>>, names: Option<&Vec<Name>>) -> bool {
        let patterns = match (self, patterns) {
            (Rule::Suffix, None) => return true,
            (Rule::Exact, None) => &[],
            (_, Some(patterns)) => patterns.as_slice(),
        };
        let names = names.map_or(&[][..], Vec::as_slice);
        let is_binding = |name: &&Name| matches!(name, Name::Binding(..));
        let bindings_match = patterns
            .iter()
            .filter(is_binding)
            .all(|pattern| names.iter().filter(is_binding).any(|name| self.matches(pattern, name)));
        let mut names = names.iter().filter(|name| !is_binding(name));
        let in_order = patterns
            .iter()
            .filter(|pattern| !is_binding(pattern))
            .all(|pattern| names.next().is_some_and(|name| self.matches(pattern, name)));
        // Which default a user's own parameter has, debug info does not say.
        bindings_match && in_order && (self == Rule::Exact || names.all(is_std_default))
    }

    fn segment_matches(self, pattern: &Segment, name: &Segment) -> bool {
        self.words_match(&pattern.word, &name.word)
            && self.arguments_match(pattern.arguments.as_ref(), name.arguments.as_ref())
    }

    fn words_match(self, pattern: &Word, name: &Word) -> bool {
        match (pattern, name) {
            (Word::Plain(pattern), Word::Plain(name)) if self == Rule::Exact => pattern == name,
            (Word::Plain(pattern), Word::Plain(name)) => glob(pattern, name),
            (Word::Plain(pattern), Word::Braces(_)) => pattern == "*",
            // `{{closure}}` says neither which nor of what kind.
            (Word::Braces(_), Word::Braces(_)) if self == Rule::Exact => true,
            (Word::Braces(pattern), Word::Braces(name)) => {
                glob(pattern, name) || Some(pattern.as_str()) == name.split('#').next()
            }
            _ => false,
        }
    }
}

/// Whether `names` ends with `pattern`, or is all of it if `anchored`. `last` says that `names` still has its last segment.
fn suffix(anchored: bool, pattern: &[Segment], names: &[Segment], last: bool) -> bool {
    let Some((segment, before)) = pattern.split_last() else { return !anchored || names.is_empty() };
    if segment.word == Word::Segments {
        // `db::**` is what is in `db`, not `db` itself.
        let least = usize::from(last);
        return (least..=names.len()).any(|n| suffix(anchored, before, &names[..names.len() - n], last && n == 0));
    }
    let Some((name, rest)) = names.split_last() else { return false };
    if Rule::Suffix.segment_matches(segment, name) && suffix(anchored, before, rest, false) {
        return true;
    }
    // A closure or impl on the way need not be written: `tests::leaks::Session` for `tests::leaks::{closure#0}::Session`.
    !last && matches!(name.word, Word::Braces(_)) && suffix(anchored, pattern, rest, false)
}

/// Whether a path from `type_name` is this path of the debug info.
fn exact_path(pattern: &[Segment], names: &[Segment]) -> bool {
    // A function's generics are its closure's in debug info, behind the closure: what stands before the last `{…}` has none to compare.
    let last_braces = names.iter().rposition(|segment| matches!(segment.word, Word::Braces(_)));
    let generic = last_braces.map_or(names, |i| &names[i + 1..]).len();
    let matches = |pattern: &[Segment], names: &[Segment]| {
        pattern.len() == names.len()
            && pattern.iter().zip(names).rev().enumerate().all(|(from_end, (pattern, name))| {
                Rule::Exact.words_match(&pattern.word, &name.word)
                    && (from_end >= generic
                        || Rule::Exact.arguments_match(pattern.arguments.as_ref(), name.arguments.as_ref()))
            })
    };
    let is_impl = |segment: &Segment| matches!(&segment.word, Word::Braces(inner) if inner.starts_with("impl#"));
    let Some(block) = names.iter().rposition(is_impl) else {
        return matches(pattern, names);
    };
    // `m::Type::method`, or `m::<impl Type>::method` from another module, or `<Type as Trait>::method` from whichever module.
    let tail = &names[block + 1..];
    let Some(head) = pattern.len().checked_sub(tail.len()).and_then(|head| pattern[..head].split_last()) else {
        return false;
    };
    let same_module = matches!(head.0.word, Word::Braces(_)) && head.1.is_empty()
        || head.1.len() == block && head.1.iter().zip(names).all(|(a, b)| Rule::Exact.words_match(&a.word, &b.word));
    same_module && matches(&pattern[head.1.len() + 1..], tail)
}

/// The allocator and hasher that collections use unless told otherwise; nobody writes them.
pub(super) fn is_std_default(name: &Name) -> bool {
    let Name::Path(Path { segments, .. }) = name else { return false };
    let word = |segment: Option<&Segment>| segment.and_then(literal);
    let (krate, last) = (word(segments.first()), word(segments.last()));
    matches!(
        (krate.as_deref(), last.as_deref()),
        (Some("alloc" | "allocator_api2" | "hashbrown"), Some("Global"))
            | (Some("std" | "ahash" | "foldhash"), Some("RandomState"))
            | (Some("hashbrown"), Some("DefaultHashBuilder"))
    )
}

/// `*` stands for any characters, none included.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(start) else { return false };
    (0..=text.len()).any(|skip| text.is_char_boundary(skip) && glob(rest, &text[skip..]))
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
