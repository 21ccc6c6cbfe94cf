//! The leaks that a test calls known: which `ignore` matches one, and what each has matched.
//!
//! May use: `query`, `debuginfo`.

use crate::check::Ignore;
use crate::check::verdict::{Frame, Ignored, Obstacle, UnknownName, UnusedIgnore};
use crate::debuginfo::layouts::TypeTable;
use crate::query::functions;
use crate::query::pattern::{Pattern, PatternError};
use crate::query::subjects::{NameError, Subject, Subjects};

/// The ignores of one test.
#[derive(Debug)]
pub struct Ignores(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    written: &'static Ignore,
    ty: Option<Pattern>,
    function: Option<Pattern>,
}

/// What the ignores of one test have matched.
#[derive(Clone, Debug)]
pub struct Matched(Vec<Sum>);

#[derive(Clone, Copy, Default, Debug)]
struct Sum {
    count: u64,
    bytes: u64,
}

impl Ignores {
    /// Reads the patterns.
    ///
    /// # Errors
    /// For every text that is not a pattern.
    pub fn new(ignores: &'static [Ignore]) -> Result<Ignores, Vec<Obstacle>> {
        let mut obstacles = Vec::new();
        let mut parse = |text: Option<&str>| {
            let text = text?;
            let wrong = |error: PatternError| Obstacle::Pattern { written: text.to_owned(), error };
            Pattern::parse(text).map_err(|error| obstacles.push(wrong(error))).ok()
        };
        let rules: Vec<Rule> = ignores
            .iter()
            .map(|written| Rule { written, ty: parse(written.ty), function: parse(written.function) })
            .collect();
        if obstacles.is_empty() { Ok(Ignores(rules)) } else { Err(obstacles) }
    }

    /// Of a test that has none.
    pub fn none() -> Ignores {
        Ignores(Vec::new())
    }

    /// Whether there are none: then no stack need be read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first that matches a leak of this type, if it is known, that this stack allocated.
    pub fn find(&self, type_name: Option<&str>, stack: &[Frame]) -> Option<usize> {
        self.0.iter().position(|rule| {
            let ty = rule.ty.as_ref().is_none_or(|pattern| type_name.is_some_and(|name| pattern.matches(name)));
            let by = |pattern: &Pattern| stack.iter().any(|frame| pattern.matches_function(&frame.function));
            ty && rule.function.as_ref().is_none_or(by)
        })
    }

    /// Nothing matched yet.
    pub fn nothing(&self) -> Matched {
        Matched(vec![Sum::default(); self.0.len()])
    }

    /// What a verdict says of them. `unknown` is asked of those that matched nothing.
    pub fn conclude(
        &self,
        matched: &Matched,
        unknown: impl Fn(&Ignore) -> Vec<UnknownName>,
    ) -> (Vec<Ignored>, Vec<UnusedIgnore>) {
        let mut ignored = Vec::new();
        let mut unused = Vec::new();
        for (rule, sum) in self.0.iter().zip(&matched.0) {
            if sum.count > 0 {
                ignored.push(Ignored { reason: rule.written.reason.to_owned(), count: sum.count, bytes: sum.bytes });
            } else {
                let (ty, function) = (rule.written.ty.map(str::to_owned), rule.written.function.map(str::to_owned));
                unused.push(UnusedIgnore { ty, function, unknown: unknown(rule.written) });
            }
        }
        (ignored, unused)
    }
}

/// Which patterns of an `ignore` name nothing. What cannot be read is not said to.
pub fn unknown_names(types: &'static TypeTable<'static>, ignore: &Ignore) -> Vec<UnknownName> {
    let of_type = ignore.ty.and_then(|written| match Subjects::resolve(types, Subject::Pattern(written)) {
        Err(NameError::Unknown { nearest, .. }) => Some((true, written, nearest)),
        _ => None,
    });
    let of_function = ignore.function.and_then(|written| {
        let nearest = functions::instead_of(types, &Pattern::parse(written).ok()?).ok()??;
        Some((false, written, nearest))
    });
    let unknown = |(is_type, written, nearest): (bool, &str, Vec<String>)| UnknownName {
        is_type,
        written: written.to_owned(),
        nearest,
    };
    of_type.into_iter().chain(of_function).map(unknown).collect()
}

impl Matched {
    /// What either has matched. Both looks see the same leaks: those that were let go of between them only the first.
    #[must_use]
    pub fn or(mut self, other: &Matched) -> Matched {
        for (sum, other) in self.0.iter_mut().zip(&other.0) {
            sum.count = sum.count.max(other.count);
            sum.bytes = sum.bytes.max(other.bytes);
        }
        self
    }

    /// Notes that the ignore which `find` has found matches `count` more instances or leaks.
    pub fn add(&mut self, ignore: usize, count: u64, bytes: u64) {
        self.0[ignore].count += count;
        self.0[ignore].bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debuginfo::code::CodeKind;

    static KNOWN: [Ignore; 3] = [
        Ignore { ty: Some("tracing::*"), function: Some("third_party::init"), reason: "registered once" },
        Ignore { ty: Some("Registry<_>"), function: None, reason: "lives on" },
        Ignore { ty: None, function: Some("main"), reason: "by the program itself" },
    ];

    fn stack(function: &str) -> Vec<Frame> {
        let frame = |function: &str| Frame { function: function.to_owned(), location: None, kind: CodeKind::User };
        vec![frame("alloc::alloc::exchange_malloc"), frame(function), frame("chat::tests::a_test")]
    }

    #[test]
    fn all_that_is_given_has_to_match() {
        let ignores = Ignores::new(&KNOWN).expect("patterns");
        let find = |ty, function| ignores.find(ty, &stack(function));
        assert_eq!(find(Some("tracing::Span"), "third_party::init::{closure#0}"), Some(0));
        assert_eq!(find(Some("tracing::Span"), "third_party::start"), None);
        assert_eq!(find(Some("log::Span"), "third_party::init"), None);
        assert_eq!(find(None, "third_party::init"), None, "a type that is not known is not the one that was named");
        assert_eq!(find(Some("chat::Registry<u8>"), "third_party::init"), Some(1));
        assert_eq!(find(Some("chat::Registry"), "chat::start"), None);
        assert_eq!(find(None, "chat::main"), Some(2));
        assert_eq!(ignores.find(Some("chat::Registry<u8>"), &[]), Some(1));
        assert_eq!(ignores.find(None, &[]), None);
    }

    #[test]
    fn what_matched_nothing_is_known() {
        let ignores = Ignores::new(&KNOWN).expect("patterns");
        let mut matched = ignores.nothing();
        matched.add(1, 2, 100);
        matched.add(1, 1, 11);
        let (ignored, unused) = ignores.conclude(&matched, |_| Vec::new());
        assert_eq!(ignored, [Ignored { reason: "lives on".to_owned(), count: 3, bytes: 111 }]);
        let unused: Vec<_> = unused.iter().map(|ignore| (ignore.ty.as_deref(), ignore.function.as_deref())).collect();
        assert_eq!(unused, [(Some("tracing::*"), Some("third_party::init")), (None, Some("main"))]);
    }

    #[test]
    fn every_broken_pattern_is_an_obstacle() {
        static BROKEN: [Ignore; 2] = [
            Ignore { ty: Some("Link<Tcp"), function: Some("a::"), reason: "?" },
            Ignore { ty: None, function: Some("main"), reason: "?" },
        ];
        let obstacles = Ignores::new(&BROKEN).expect_err("two are no patterns");
        let written: Vec<&str> = obstacles
            .iter()
            .filter_map(|obstacle| match obstacle {
                Obstacle::Pattern { written, .. } => Some(written.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(written, ["Link<Tcp", "a::"]);
    }
}
