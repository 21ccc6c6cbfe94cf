//! `ignore(type = "…", function = "…", held_by = "…", reason = "…")`: known leaks. May use `names`, `pattern`, `value`.

use super::names::Form;
use super::{Ignore, pattern, value};
use crate::mistakes::Mistakes;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, LitStr, Token};

/// What may be said of an ignored leak, as errors name it.
const PARTS: &str = "`ignore` takes `type`, `function`, `held_by` and `reason`";

/// The parts that are there so far.
#[derive(Default)]
struct Parts {
    ty: Option<LitStr>,
    function: Option<LitStr>,
    held_by: Option<LitStr>,
    reason: Option<LitStr>,
    /// Every name that was written, whatever became of its value.
    seen: Vec<String>,
    /// Whether something was written that may be meant for one that is missing.
    unclear: bool,
}

/// Parses what is between the parentheses. None (and mistakes) if it is not understood.
pub fn parse(name: &Ident, list: ParseStream, form: &Form, mistakes: &mut Mistakes) -> Option<Ignore> {
    if list.is_empty() {
        mistakes.at(name.span(), format!("say what is ignored, and why: `{}`", form.example));
        return None;
    }
    let mut parts = Parts::default();
    value::each(list, "the parts of `ignore`", mistakes, |list| part(list, &mut parts));
    let wrote = |part: &str| parts.seen.iter().any(|name| name == part);
    if !parts.unclear && !["type", "function", "held_by"].into_iter().any(wrote) {
        mistakes.at(
            name.span(),
            "say what is ignored: add `type = \"tracing::*\"` for what leaks, `function = \"third_party::init\"` for who \
             allocated it, or `held_by = \"CACHE\"` for what holds it",
        );
    }
    if !parts.unclear && !wrote("reason") {
        mistakes.at(name.span(), "say why this is accepted: add `reason = \"…\"`; the test shows it");
    }
    let Parts { ty, function, held_by, reason, .. } = parts;
    let something = ty.is_some() || function.is_some() || held_by.is_some();
    reason.filter(|_| something).map(|reason| Ignore { ty, function, held_by, reason })
}

/// One part: `type = "tracing::*"`.
fn part(list: ParseStream, parts: &mut Parts) -> syn::Result<()> {
    let at = list.span();
    let Ok(name) = list.call(Ident::parse_any) else {
        parts.unclear = true;
        return Err(syn::Error::new(at, format!("{PARTS}, each with a text in quotes")));
    };
    let word = name.to_string();
    let twice = parts.seen.contains(&word);
    parts.seen.push(word.clone());
    let wrong = |message: String| Err(syn::Error::new(at, message));
    let example = match word.as_str() {
        "type" => "type = \"tracing::*\"",
        "function" => "function = \"third_party::init\"",
        "reason" => "reason = \"lives as long as the process\"",
        "held_by" => "held_by = \"CACHE\"",
        _ => {
            parts.unclear = true;
            return wrong(unknown(&word));
        }
    };
    if twice {
        let instead = if word == "reason" { "keep one of them" } else { "write `ignore(…)` once for each" };
        return wrong(format!("`{word}` is given twice: {instead}"));
    }
    if list.parse::<Token![=]>().is_err() {
        return wrong(format!("`{word}` is written `{example}`"));
    }
    let at = list.span();
    let text = list
        .parse::<LitStr>()
        .map_err(|_| syn::Error::new(at, format!("`{word}` takes a text in quotes: `{example}`")))?;
    parts.unclear |= !list.is_empty() && !list.peek(Token![,]);
    let mistake = match (word.as_str(), text.value().trim().is_empty()) {
        ("type", _) => pattern::mistake(&text.value()),
        ("function", true) => Some(format!("an empty pattern names no function: `{example}`")),
        ("function", false) => pattern::mistake(&text.value()),
        ("held_by", true) => Some(format!("an empty text names nothing that holds others: `{example}`")),
        (_, true) => Some("say why this is accepted; the test shows it".to_owned()),
        (_, false) => None,
    };
    if let Some(mistake) = mistake {
        return Err(syn::Error::new(text.span(), mistake));
    }
    match word.as_str() {
        "type" => parts.ty = Some(text),
        "function" => parts.function = Some(text),
        "held_by" => parts.held_by = Some(text),
        _ => parts.reason = Some(text),
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let meant = match name {
        "types" | "ty" | "named" | "of" => "type",
        "fn" | "functions" | "func" | "site" | "allocated_in" | "allocated_by" => "function",
        "holder" | "owner" | "owned_by" | "held" | "root" | "static" => "held_by",
        "why" | "because" | "note" | "comment" => "reason",
        _ => return format!("`ignore` has no `{name}`: {PARTS}"),
    };
    format!("`ignore` has no `{name}`: write `{meant}`")
}
