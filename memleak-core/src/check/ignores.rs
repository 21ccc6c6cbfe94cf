//! The leaks that a test calls known: which `ignore` matches one, and what each has matched.
//!
//! May use: `query`, `heap` (instances), `debuginfo`.

use crate::check::Ignore;
use crate::check::verdict::{Frame, Ignored, Obstacle};
use crate::debuginfo::layouts::TypeTable;
use crate::heap::instances::Instance;
use crate::query::functions;
use crate::query::held::{self, Holder};
use crate::query::pattern::{Pattern, PatternError};
use crate::query::scene::Relations;
use crate::query::subjects::{NameError, Subject, Subjects};

/// The ignores of one test.
#[derive(Debug)]
pub struct Ignores(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    written: &'static Ignore,
    ty: Option<Pattern>,
    function: Option<Pattern>,
    holder: Option<Holder>,
}

/// What the ignores of one test have matched.
#[derive(Clone, Debug)]
pub struct Matched(Vec<Sum>);

#[derive(Clone, Default, Debug)]
struct Sum {
    count: u64,
    bytes: u64,
    /// That nothing is called as the holder.
    no_holder: Option<NameError>,
}

/// What is held by what an `ignore` names, by ignore.
#[derive(Default)]
pub struct Held<'a>(Vec<(usize, held::Held<'a>)>);

impl Held<'_> {
    /// The ignores whose holder holds the instance.
    pub fn of(&self, instance: &Instance) -> Vec<usize> {
        self.0.iter().filter(|(_, held)| held.contains(instance)).map(|(ignore, _)| *ignore).collect()
    }
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
            .map(|written| Rule {
                written,
                ty: parse(written.ty),
                function: parse(written.function),
                holder: written.held_by.map(Holder::parse),
            })
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

    /// Whether one names a holder: then it has to be known who leads to whom.
    pub fn ask_for_holders(&self) -> bool {
        self.0.iter().any(|rule| rule.holder.is_some())
    }

    /// What is held by what they name.
    pub fn held<'a>(&'a self, relations: &'a Relations<'a>, matched: &mut Matched) -> Held<'a> {
        let holders = self.0.iter().enumerate().filter_map(|(ignore, rule)| Some((ignore, rule.holder.as_ref()?)));
        let found = holders.filter_map(|(ignore, holder)| {
            let held = holder.holds(relations.scene, &relations.graph);
            Some((ignore, held.map_err(|error| matched.0[ignore].no_holder = Some(error)).ok()?))
        });
        Held(found.collect())
    }

    /// The first that matches a leak of this type, if it is known, that this stack allocated, and that the holders of these ignores hold.
    pub fn find(&self, type_name: Option<&str>, stack: &[Frame], held: &[usize]) -> Option<usize> {
        (0..self.0.len()).find(|ignore| {
            let rule = &self.0[*ignore];
            let ty = rule.ty.as_ref().is_none_or(|pattern| type_name.is_some_and(|name| pattern.matches(name)));
            let by = |pattern: &Pattern| stack.iter().any(|frame| pattern.matches_function(&frame.function));
            ty && rule.function.as_ref().is_none_or(by) && (rule.holder.is_none() || held.contains(ignore))
        })
    }

    /// Nothing matched yet.
    pub fn nothing(&self) -> Matched {
        Matched(vec![Sum::default(); self.0.len()])
    }

    /// What a verdict says of them: what was left out, which of them are not needed, and what is wrong with others. `unknown` is asked of those
    /// that matched nothing.
    pub fn conclude(
        &self,
        matched: &Matched,
        unknown: impl Fn(&Ignore) -> Vec<Obstacle>,
    ) -> (Vec<Ignored>, Vec<Ignore>, Vec<Obstacle>) {
        let (mut ignored, mut unused, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for (rule, sum) in self.0.iter().zip(&matched.0) {
            if sum.count > 0 {
                ignored.push(Ignored { reason: rule.written.reason.to_owned(), count: sum.count, bytes: sum.bytes });
                continue;
            }
            let no_holder = rule.written.held_by.zip(sum.no_holder.clone());
            let no_holder = no_holder.map(|(written, error)| Obstacle::of_holder(written, error));
            let why: Vec<Obstacle> = unknown(rule.written).into_iter().chain(no_holder).collect();
            if why.is_empty() {
                unused.push(*rule.written);
            }
            wrong.extend(why.into_iter().map(|why| Obstacle::Ignore { ignore: *rule.written, why: Box::new(why) }));
        }
        (ignored, unused, wrong)
    }
}

/// Which patterns of an `ignore` name no type, and no function.
pub fn unknown_names(types: &'static TypeTable<'static>, ignore: &Ignore) -> Vec<Obstacle> {
    let of_type = ignore.ty.and_then(|written| {
        Some(Obstacle::of_name(written, Subjects::resolve(types, Subject::Pattern(written)).err()?))
    });
    let of_function = ignore.function.and_then(|written| {
        let nearest = functions::instead_of(types, &Pattern::parse(written).ok()?).ok()??;
        Some(Obstacle::UnknownFunction { written: written.to_owned(), nearest })
    });
    of_type.into_iter().chain(of_function).collect()
}

impl Matched {
    /// What either has matched. Both looks see the same leaks: those that were let go of between them only the first.
    #[must_use]
    pub fn or(mut self, other: &Matched) -> Matched {
        for (sum, other) in self.0.iter_mut().zip(&other.0) {
            sum.count = sum.count.max(other.count);
            sum.bytes = sum.bytes.max(other.bytes);
            // A thread may have ended since.
            sum.no_holder = sum.no_holder.take().filter(|_| other.no_holder.is_some());
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
        Ignore {
            ty: Some("tracing::*"),
            function: Some("third_party::init"),
            held_by: None,
            reason: "registered once",
        },
        Ignore { ty: Some("Registry<_>"), function: None, held_by: Some("CACHE.entries"), reason: "lives on" },
        Ignore { ty: None, function: Some("main"), held_by: None, reason: "by the program itself" },
    ];

    fn stack(function: &str) -> Vec<Frame> {
        let frame = |function: &str| Frame { function: function.to_owned(), location: None, kind: CodeKind::User };
        vec![frame("alloc::alloc::exchange_malloc"), frame(function), frame("chat::tests::a_test")]
    }

    #[test]
    fn all_that_is_given_has_to_match() {
        let ignores = Ignores::new(&KNOWN).expect("patterns");
        let find = |ty, function| ignores.find(ty, &stack(function), &[1]);
        assert_eq!(find(Some("tracing::Span"), "third_party::init::{closure#0}"), Some(0));
        assert_eq!(find(Some("tracing::Span"), "third_party::start"), None);
        assert_eq!(find(Some("log::Span"), "third_party::init"), None);
        assert_eq!(find(None, "third_party::init"), None, "a type that is not known is not the one that was named");
        assert_eq!(find(Some("chat::Registry<u8>"), "third_party::init"), Some(1));
        assert_eq!(find(Some("chat::Registry"), "chat::start"), None);
        assert_eq!(find(None, "chat::main"), Some(2));
        assert_eq!(ignores.find(Some("chat::Registry<u8>"), &[], &[1]), Some(1));
        assert_eq!(ignores.find(Some("chat::Registry<u8>"), &[], &[]), None, "not held by it");
        assert_eq!(ignores.find(None, &[], &[1]), None);
    }

    #[test]
    fn what_matched_nothing_is_known() {
        let ignores = Ignores::new(&KNOWN).expect("patterns");
        let mut matched = ignores.nothing();
        matched.add(1, 2, 100);
        matched.add(1, 1, 11);
        let unknown = || Obstacle::UnknownFunction { written: "main".to_owned(), nearest: Vec::new() };
        let (ignored, unused, wrong) =
            ignores.conclude(&matched, |ignore| if ignore.ty.is_none() { vec![unknown()] } else { Vec::new() });
        assert_eq!(ignored, [Ignored { reason: "lives on".to_owned(), count: 3, bytes: 111 }]);
        assert_eq!(unused, [KNOWN[0]]);
        assert_eq!(wrong, [Obstacle::Ignore { ignore: KNOWN[2], why: Box::new(unknown()) }]);
    }

    #[test]
    fn every_broken_pattern_is_an_obstacle() {
        static BROKEN: [Ignore; 2] = [
            Ignore { ty: Some("Link<Tcp"), function: Some("a::"), held_by: None, reason: "?" },
            Ignore { ty: None, function: Some("main"), held_by: None, reason: "?" },
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
