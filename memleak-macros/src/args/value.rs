//! The values of arguments. May use `duration`, `names`, `pattern`, `size`.

use super::names::Form;
use super::{Bound, Expected, Subject, duration, pattern, size};
use crate::mistakes::Mistakes;
use proc_macro2::TokenTree;
use std::fmt::{Display, Write as _};
use std::str::FromStr;
use std::time::Duration;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Ident, Lit, LitBool, LitInt, LitStr, Path, Token, Type, token};

/// `"Session"`, `chat::Session`, `["Session", chat::Conn]`.
pub fn subjects(
    name: &Ident,
    input: ParseStream,
    into: &mut Vec<Expected>,
    mistakes: &mut Mistakes,
) -> syn::Result<()> {
    if !input.peek(token::Bracket) {
        let subject = subject(name, input)?;
        into.push(Expected { subject, bound: Bound::AtMost(0) });
        return Ok(());
    }
    let list;
    let brackets = syn::bracketed!(list in input);
    if list.is_empty() {
        return Err(syn::Error::new(
            brackets.span.join(),
            format!("`{name}` with an empty list expects nothing: name a type"),
        ));
    }
    each(&list, TYPES, mistakes, |list| {
        into.push(Expected { subject: subject(name, list)?, bound: Bound::AtMost(0) });
        Ok(())
    });
    Ok(())
}

/// `"Session" = 3, chat::Conn = 1`.
pub fn numbered_subjects(name: &Ident, list: ParseStream, form: &Form, mistakes: &mut Mistakes) -> Vec<(Subject, u64)> {
    if list.is_empty() {
        mistakes.at(name.span(), format!("`{name}` names no type: write `{}`", form.example));
    }
    let what = match form.name {
        "expect_at_most" => "may live",
        "expect_exactly" => "have to live",
        _ => "may be allocated",
    };
    let mut numbered = Vec::new();
    each(list, TYPES, mistakes, |list| {
        let at = list.span();
        let subject = subject(name, list)?;
        let wrong = |span| {
            syn::Error::new(span, format!("say how many of this type {what}, with a whole number: `\"Session\" = 3`"))
        };
        if list.parse::<Token![=]>().is_err() {
            return Err(wrong(at));
        }
        let number = list.span();
        let value = list.parse::<LitInt>().and_then(|number| number.base10_parse()).map_err(|_| wrong(number))?;
        numbered.push((subject, value));
        Ok(())
    });
    numbered
}

/// What the items of a list are, for the error about a missing comma.
const TYPES: &str = "the types of a list";

/// Parses the items of a list; the rest of a bad one is skipped.
pub(super) fn each(
    list: ParseStream,
    items: &str,
    mistakes: &mut Mistakes,
    mut item: impl FnMut(ParseStream) -> syn::Result<()>,
) {
    while !list.is_empty() {
        let parsed = item(list).and_then(|()| {
            if list.is_empty() || list.peek(Token![,]) {
                return Ok(());
            }
            Err(syn::Error::new(list.span(), format!("expected `,` between {items}")))
        });
        if let Err(error) = parsed {
            mistakes.add(error);
            while !list.is_empty() && !list.peek(Token![,]) {
                let _skipped: syn::Result<TokenTree> = list.parse();
            }
        }
        let _comma: syn::Result<Token![,]> = list.parse();
    }
}

fn subject(name: &Ident, input: ParseStream) -> syn::Result<Subject> {
    let at = input.span();
    // Not `parse` alone: it takes another literal away, too.
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        return match pattern::mistake(&text.value()) {
            None => Ok(Subject::Pattern(text)),
            Some(mistake) => Err(syn::Error::new(text.span(), mistake)),
        };
    }
    let mut accepted = format!(
        "`{name}` takes types: a pattern in quotes (\"Session\"), a path (chat::Session) or a trait object (dyn Chat)"
    );
    if name != "expect_zero" {
        accepted += &format!(", each with a number: `{name}(\"Session\" = 3)`");
    }
    if let Ok(literal) = input.parse::<Lit>() {
        let number = if matches!(literal, Lit::Int(_)) && name == "expect_zero" {
            "; with a number it is written `expect_at_most(\"Session\" = 3)`"
        } else {
            ""
        };
        return Err(syn::Error::new(at, accepted + number));
    }
    let path = input.peek(Ident::peek_any);
    let written = input.parse::<Type>().map_err(|error| {
        let why = if path { format!("; this is none, because it is not complete ({error})") } else { String::new() };
        syn::Error::new(at, accepted.clone() + &why)
    })?;
    let instead = match bare(&written) {
        Type::Path(_) | Type::TraitObject(_) => return Ok(Subject::Type(Box::new(written))),
        Type::ImplTrait(_) => "; write `dyn` instead of `impl`",
        Type::Tuple(_) => "; several of them go into brackets: [\"Session\", chat::Conn]",
        Type::Reference(_) | Type::Ptr(_) => "; write the type that is pointed to",
        _ => "",
    };
    Err(syn::Error::new_spanned(&written, accepted + instead))
}

/// A type without parentheses, and without the invisible ones that `$t:ty` of a `macro_rules` macro has around it.
pub fn bare(written: &Type) -> &Type {
    match written {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

/// `"500ms"`.
pub fn duration(name: &Ident, input: ParseStream, form: &Form) -> syn::Result<Duration> {
    let at = input.span();
    let text: syn::Result<LitStr> = input.parse();
    text.ok().and_then(|text| duration::parse(&text.value())).ok_or_else(|| {
        let example = form.example;
        syn::Error::new(
            at,
            format!(
                "`{name}` takes a whole number with a unit, in quotes: \"500ms\", \"1s\" or \"2m\", as in `{example}`"
            ),
        )
    })
}

/// One of a few words in quotes.
pub fn choice<T: Copy, const N: usize>(name: &Ident, input: ParseStream, choices: [(&str, T); N]) -> syn::Result<T> {
    let at = input.span();
    let text = input.parse::<LitStr>().map(|text| text.value()).unwrap_or_default();
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let mut message = format!("`{name}` takes ");
    for (index, (word, _)) in choices.iter().enumerate() {
        let _infallible = write!(message, "{}\"{word}\"", if index == 0 { "" } else { " or " });
    }
    Err(syn::Error::new(at, message))
}

/// A whole number of at least `least`.
pub fn number<T: FromStr<Err: Display> + From<u8> + PartialOrd>(
    name: &Ident,
    input: ParseStream,
    form: &Form,
    least: u8,
) -> syn::Result<T> {
    let at = input.span();
    match input.parse::<LitInt>().and_then(|number| number.base10_parse()) {
        Ok(number) if number >= T::from(least) => Ok(number),
        _ => {
            let of_at_least = if least > 0 { format!(" of at least {least}") } else { String::new() };
            Err(syn::Error::new(at, format!("`{name}` takes a whole number{of_at_least}, as in `{}`", form.example)))
        }
    }
}

/// `"64 KiB"`.
pub fn size(name: &Ident, input: ParseStream, form: &Form) -> syn::Result<u64> {
    let at = input.span();
    let text: syn::Result<LitStr> = input.parse();
    text.ok().and_then(|text| size::parse(&text.value())).ok_or_else(|| {
        let example = form.example;
        syn::Error::new(
            at,
            format!(
                "`{name}` takes a size with its unit, in quotes: \"0\", \"512 B\", \"64 KiB\" or \"1.5 MiB\", as in `{example}`"
            ),
        )
    })
}

/// `true` or `false`.
pub fn truth(name: &Ident, input: ParseStream, form: &Form) -> syn::Result<bool> {
    let at = input.span();
    let value: syn::Result<LitBool> = input.parse();
    value
        .map(|value| value.value)
        .map_err(|_| syn::Error::new(at, format!("`{name}` takes `true` or `false`, as in `{}`", form.example)))
}

/// A path to memleak.
pub fn krate(input: ParseStream) -> syn::Result<Path> {
    let at = input.span();
    if let Ok(text) = input.parse::<LitStr>() {
        return Err(syn::Error::new(at, format!("`crate` takes a path without quotes: `crate = {}`", text.value())));
    }
    input
        .call(Path::parse_mod_style)
        .map_err(|_| syn::Error::new(at, "`crate` takes the path by which memleak is reached: `crate = my_memleak`"))
}
