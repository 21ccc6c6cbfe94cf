//! The names a misspelt name may have meant.

use super::short::short;
use crate::debuginfo::code::CodeKind;
use std::collections::{BTreeMap, HashMap};

/// The most names that are shown.
const MOST: usize = 5;

/// How much worse than the best a name may be to be shown.
const MUCH_WORSE: usize = 3;

/// A name that exists.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// In full, as in `debuginfo::types::Type::name`.
    pub name: &'a str,
    /// Whose type it is: of two equally near names the user's own comes first.
    pub kind: CodeKind,
}

/// The candidates most like `written`, the likeliest first, at most five: as one would write them in a pattern.
///
/// Like is: the same last segment in another module or with other generics, a difference in case, a few letters, a part of the name.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = Candidate<'a>>) -> Vec<String> {
    let Some(wanted) = Wanted::new(written) else { return Vec::new() };
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    // A binary has far more names than last words.
    let mut distances: HashMap<&str, Option<usize>> = HashMap::new();
    for candidate in candidates {
        let Some(word) = wanted.comparable(candidate.name) else { continue };
        let Some(distance) = *distances.entry(word).or_insert_with(|| wanted.distance(word)) else { continue };
        let penalty = match candidate.kind {
            CodeKind::User => 0,
            CodeKind::Dependency => 2,
            CodeKind::Std => 4,
        };
        let best = found.entry(wanted.shown(candidate.name)).or_insert(usize::MAX);
        *best = (*best).min(distance + penalty);
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_cached_key(|(name, score)| (*score, strsim::levenshtein(name, written), name.clone()));
    let limit = found.first().map_or(0, |(_, score)| score + MUCH_WORSE);
    found.into_iter().take_while(|(_, score)| *score <= limit).take(MOST).map(|(name, _)| name).collect()
}

struct Wanted {
    word: String,
    lower: String,
    generics: bool,
    braces: bool,
    trait_object: bool,
}

impl Wanted {
    fn new(written: &str) -> Option<Wanted> {
        let written = written.trim();
        let trait_object = written.starts_with("dyn ");
        let word = last_word(written)?.trim_matches('*').to_owned();
        let lower = word.to_lowercase();
        (!word.is_empty()).then(|| Wanted {
            word,
            lower,
            generics: written.contains('<'),
            braces: written.ends_with('}'),
            trait_object,
        })
    }

    /// The word of `name` to compare; none if it is a name of another kind.
    fn comparable<'a>(&self, name: &'a str) -> Option<&'a str> {
        let same_kind = name.starts_with("dyn ") == self.trait_object && name.ends_with('}') == self.braces;
        if same_kind { last_word(name) } else { None }
    }

    /// How far `word` is from what was written, in halves of a letter; none if too far.
    fn distance(&self, word: &str) -> Option<usize> {
        if word == self.word {
            return Some(0);
        }
        let lower = word.to_lowercase();
        if lower == self.lower {
            return Some(1);
        }
        let allowed = (self.lower.len() / 3).clamp(1, 4);
        if lower.len().abs_diff(self.lower.len()) <= allowed {
            let letters = strsim::osa_distance(&lower, &self.lower);
            if letters <= allowed {
                return Some(2 * letters);
            }
        }
        let part =
            self.lower.len() >= 4 && lower.contains(&self.lower) || lower.len() >= 4 && self.lower.contains(&lower);
        part.then_some(2 * allowed + 1)
    }

    /// The candidate as one would write it: generics only if generics were written.
    fn shown(&self, name: &str) -> String {
        if self.generics {
            return short(name);
        }
        let start = last_segment(name);
        let end = start + name[start..].find('<').unwrap_or(name.len() - start);
        name[..end].to_owned()
    }
}

/// The last word of a path that is not in braces, without generics; none for references, tuples and the like.
fn last_word(name: &str) -> Option<&str> {
    if name.starts_with(['&', '(', '[', '!', '<']) || name.starts_with("*const ") || name.starts_with("*mut ") {
        return None;
    }
    let name = name.strip_prefix("dyn ").unwrap_or(name);
    let start = last_segment(name);
    let word = name[start..].split('<').next().unwrap_or_default();
    if word.starts_with('{') { name[..start].strip_suffix("::").and_then(last_word) } else { Some(word.trim()) }
}

/// Where the last segment starts.
fn last_segment(name: &str) -> usize {
    let after_colon = |name: &str| name.rfind("::").map_or(0, |colon| colon + 2);
    match name.find('<') {
        None => after_colon(name),
        Some(generics) if name.ends_with('>') => after_colon(&name[..generics]),
        // Generics on the way, as in `Option<chat::Session>::Some`.
        Some(_) => name.rfind(">::").map_or(0, |generics| generics + 3 + after_colon(&name[generics + 3..])),
    }
}

#[cfg(test)]
mod tests {
    use super::{Candidate, nearest};
    use crate::debuginfo::code::CodeKind;

    const BINARY: &[(&str, CodeKind)] = &[
        ("chat::Session", CodeKind::User),
        ("chat::db::Session", CodeKind::User),
        ("chat::HttpSession", CodeKind::User),
        ("chat::Conn", CodeKind::User),
        ("chat::Link<chat::Tcp>", CodeKind::User),
        ("chat::Link<chat::Udp>", CodeKind::User),
        ("chat::heartbeat::{async_fn_env#0}", CodeKind::User),
        ("chat::run::{closure_env#0}", CodeKind::User),
        ("dyn chat::Chat", CodeKind::User),
        ("rustls::Session", CodeKind::Dependency),
        ("tokio::Sessions", CodeKind::Dependency),
        ("core::iter::Session", CodeKind::Std),
        ("alloc::sync::Arc<chat::Session, alloc::alloc::Global>", CodeKind::Std),
        ("&chat::Session", CodeKind::User),
        ("(chat::Session, u8)", CodeKind::User),
        ("u8", CodeKind::Std),
    ];

    fn near(written: &str) -> Vec<String> {
        nearest(written, BINARY.iter().map(|&(name, kind)| Candidate { name, kind }))
    }

    #[test]
    fn a_few_letters() {
        assert_eq!(near("Sesion"), ["chat::Session", "chat::db::Session", "rustls::Session"]);
        assert_eq!(near("chat::Con"), ["chat::Conn"]);
        assert_eq!(near("chat::Xyzzy"), Vec::<String>::new());
    }

    #[test]
    fn another_module_or_case() {
        assert_eq!(near("chat::pg::Session")[..2], ["chat::db::Session", "chat::Session"]);
        assert_eq!(near("session")[0], "chat::Session");
        assert_eq!(near("chat::ARC"), ["alloc::sync::Arc"]);
    }

    #[test]
    fn other_generics() {
        assert_eq!(near("Link<Tpc>"), ["chat::Link<chat::Tcp>", "chat::Link<chat::Udp>"]);
        assert_eq!(near("Lnik"), ["chat::Link"]);
    }

    #[test]
    fn futures_and_trait_objects_keep_to_themselves() {
        assert_eq!(near("heartbaet::{async_fn_env#0}"), ["chat::heartbeat::{async_fn_env#0}"]);
        assert_eq!(near("heartbeat"), Vec::<String>::new());
        assert_eq!(near("dyn Chta"), ["dyn chat::Chat"]);
    }
}
