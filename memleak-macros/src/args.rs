//! The arguments of the attribute, each understood by itself; rules between them are in `check`. May use `mistakes`.
//!
//! A mistake in one argument does not hide the next: the rest of a bad one is skipped.

mod duration;
mod ignore;
mod names;
mod pattern;
mod size;
mod value;

pub use value::bare;

use crate::mistakes::Mistakes;
use proc_macro2::{Span, TokenStream, TokenTree};
use std::time::Duration;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, LitStr, Path, Token, Type, token};

/// What is written in the attribute.
#[derive(Default)]
pub struct Args {
    /// From `expect_zero`, `expect_at_most` and `expect_exactly`.
    pub expectations: Vec<Expected>,
    /// `unreachable = "allow"`.
    pub unreachable: Option<Given<Unreachable>>,
    /// `possibly = "fail"`.
    pub possibly: Option<Given<Possibly>>,
    /// `max_live_bytes = "64 KiB"`.
    pub max_live_bytes: Option<u64>,
    /// `max_peak_bytes = "10 MB"`.
    pub max_peak_bytes: Option<u64>,
    /// `max_allocated_bytes = "1.5 MiB"`.
    pub max_allocated_bytes: Option<u64>,
    /// `max_allocations = 1000`.
    pub max_allocations: Option<u64>,
    /// `max_allocated("Session" = 10)`.
    pub max_allocated: Vec<(Subject, u64)>,
    /// `iterations = 20`.
    pub iterations: Option<Given<u32>>,
    /// `warmup = 3`.
    pub warmup: Option<Given<u32>>,
    /// `max_growth = "0"`.
    pub max_growth: Option<Given<u64>>,
    /// From every `ignore(…)`.
    pub ignores: Vec<Ignore>,
    /// `settle = "1s"`.
    pub settle: Option<Given<Duration>>,
    /// `timeout = "60s"`.
    pub timeout: Option<Given<Duration>>,
    /// `unsupported = "skip"`.
    pub unsupported: Option<Given<Unsupported>>,
    /// `harness = false`.
    pub harness: Option<Given<bool>>,
    /// `crate = path`.
    pub krate: Option<Given<Path>>,
    /// `flavor = "multi_thread"`.
    pub flavor: Option<Given<Flavor>>,
    /// `worker_threads = 4`.
    pub worker_threads: Option<Given<usize>>,
    /// `start_paused = true`.
    pub start_paused: Option<Given<bool>>,
    /// Whether something in the attribute was not understood, so that more may be meant than is here.
    pub flawed: bool,
}

/// The value of an argument.
pub struct Given<T> {
    /// The name of the argument, for errors about it.
    pub name: Ident,
    /// Where the value stands.
    pub at: Span,
    /// The value.
    pub value: T,
}

/// A type and how many instances of it may live.
pub struct Expected {
    /// Whose instances.
    pub subject: Subject,
    /// How many.
    pub bound: Bound,
}

/// How many instances may live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// No more.
    AtMost(u64),
    /// No more and no fewer.
    Exactly(u64),
}

/// The type an expectation is about.
pub enum Subject {
    /// A string: a pattern for the names of types.
    Pattern(LitStr),
    /// A path, or `dyn Trait`, that the compiler resolves.
    Type(Box<Type>),
}

/// Leaks that are known: `ignore(type = "…", function = "…", held_by = "…", reason = "…")`.
pub struct Ignore {
    /// A pattern for the names of types; this or one of the next two is there.
    pub ty: Option<LitStr>,
    /// A pattern for the paths of functions.
    pub function: Option<LitStr>,
    /// The name of something that holds others.
    pub held_by: Option<LitStr>,
    /// Why they are accepted.
    pub reason: LitStr,
}

/// `unreachable = …`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreachable {
    /// `"fail"`, the default.
    Fail,
    /// `"allow"`.
    Allow,
}

/// `possibly = …`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Possibly {
    /// `"show"`, the default.
    Show,
    /// `"fail"`.
    Fail,
}

/// `unsupported = …`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsupported {
    /// `"fail"`, the default.
    Fail,
    /// `"skip"`.
    Skip,
}

/// `flavor = …`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavor {
    /// `"current_thread"`, the default.
    CurrentThread,
    /// `"multi_thread"`.
    MultiThread,
}

/// Parses the arguments.
pub fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Args {
    let mut args = Args::default();
    let mut seen = Vec::new();
    let all = |input: ParseStream| {
        while !input.is_empty() {
            if let Err(error) = argument(input, &mut args, &mut seen, mistakes) {
                mistakes.add(error);
                skip_to_next(input);
            }
            if !input.is_empty()
                && let Err(error) = input.parse::<Token![,]>()
            {
                mistakes.at(error.span(), "expected `,` between two arguments");
                skip_to_next(input);
                let _comma: Option<Token![,]> = input.parse()?;
            }
        }
        Ok(())
    };
    if let Err(error) = all.parse2(tokens) {
        mistakes.add(error);
    }
    args.flawed = !mistakes.is_empty();
    args
}

fn argument(input: ParseStream, args: &mut Args, seen: &mut Vec<Ident>, mistakes: &mut Mistakes) -> syn::Result<()> {
    let name = argument_name(input, seen)?;
    let form = names::find(&name)?;
    if seen.contains(&name) && !form.repeats() {
        return Err(syn::Error::new(name.span(), form.given_twice()));
    }
    seen.push(name.clone());
    if form.takes_list() {
        if !input.peek(token::Paren) {
            return Err(form.write_instead(&name));
        }
        let list;
        syn::parenthesized!(list in input);
        match form.name {
            "ignore" => args.ignores.extend(ignore::parse(&name, &list, form, mistakes)),
            "max_allocated" => args.max_allocated = value::numbered_subjects(&name, &list, form, mistakes),
            _ => {
                let bound = if form.name == "expect_exactly" { Bound::Exactly } else { Bound::AtMost };
                let numbered = value::numbered_subjects(&name, &list, form, mistakes);
                let expected = |(subject, number)| Expected { subject, bound: bound(number) };
                args.expectations.extend(numbered.into_iter().map(expected));
            }
        }
        return Ok(());
    }
    if !input.peek(Token![=]) || input.peek(Token![==]) || input.peek(Token![=>]) {
        return Err(form.write_instead(&name));
    }
    input.parse::<Token![=]>()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(form.write_instead(&name));
    }
    let at = input.span();
    match form.name {
        "expect_zero" => value::subjects(&name, input, &mut args.expectations, mistakes)?,
        "unreachable" => {
            let choices = [("fail", Unreachable::Fail), ("allow", Unreachable::Allow)];
            args.unreachable = Some(Given { at, value: value::choice(&name, input, choices)?, name });
        }
        "possibly" => {
            let choices = [("show", Possibly::Show), ("fail", Possibly::Fail)];
            args.possibly = Some(Given { at, value: value::choice(&name, input, choices)?, name });
        }
        "max_live_bytes" => args.max_live_bytes = Some(value::size(&name, input, form)?),
        "max_peak_bytes" => args.max_peak_bytes = Some(value::size(&name, input, form)?),
        "max_allocated_bytes" => args.max_allocated_bytes = Some(value::size(&name, input, form)?),
        "max_allocations" => args.max_allocations = Some(value::number(&name, input, form, 0)?),
        "iterations" => args.iterations = Some(Given { at, value: value::number(&name, input, form, 1)?, name }),
        "warmup" => args.warmup = Some(Given { at, value: value::number(&name, input, form, 0)?, name }),
        "max_growth" => args.max_growth = Some(Given { at, value: value::size(&name, input, form)?, name }),
        "settle" => args.settle = Some(Given { at, value: value::duration(&name, input, form)?, name }),
        "timeout" => args.timeout = Some(Given { at, value: value::duration(&name, input, form)?, name }),
        "unsupported" => {
            let choices = [("skip", Unsupported::Skip), ("fail", Unsupported::Fail)];
            args.unsupported = Some(Given { at, value: value::choice(&name, input, choices)?, name });
        }
        "flavor" => {
            let choices = [("current_thread", Flavor::CurrentThread), ("multi_thread", Flavor::MultiThread)];
            args.flavor = Some(Given { at, value: value::choice(&name, input, choices)?, name });
        }
        "worker_threads" => {
            args.worker_threads = Some(Given { at, value: value::number(&name, input, form, 1)?, name })
        }
        "start_paused" => args.start_paused = Some(Given { at, value: value::truth(&name, input, form)?, name }),
        "harness" => args.harness = Some(Given { at, value: value::truth(&name, input, form)?, name }),
        "crate" => args.krate = Some(Given { at, value: value::krate(input)?, name }),
        other => unreachable!("`{other}` is in the list of arguments, so it has a case here"),
    }
    Ok(())
}

/// The name an argument begins with; a type or a pattern in its place gets an error that says where to put it.
fn argument_name(input: ParseStream, seen: &[Ident]) -> syn::Result<Ident> {
    let at = input.span();
    let several = seen.iter().any(|name| name == "expect_zero");
    if several && (input.peek(LitStr) || is_type(input)) {
        return Err(syn::Error::new(at, "several types go into brackets: `expect_zero = [\"Session\", \"Conn\"]`"));
    }
    if let Ok(text) = input.fork().parse::<LitStr>() {
        let text = text.value();
        return Err(syn::Error::new(at, format!("say what is expected of this type: `expect_zero = {text:?}`")));
    }
    if is_type(input) {
        return Err(syn::Error::new(at, "say what is expected of this type: write `expect_zero = ` before it"));
    }
    input
        .call(Ident::parse_any)
        .map_err(|_| syn::Error::new(at, format!("expected an argument such as `{}`", names::EXAMPLE)))
}

/// Whether a type stands where the name of an argument should be.
fn is_type(input: ParseStream) -> bool {
    let ahead = input.fork();
    let Ok(name) = ahead.call(Ident::parse_any) else { return false };
    let is_argument = ahead.peek(Token![=]) || ahead.peek(token::Paren);
    name == "dyn"
        || ahead.peek(Token![::])
        || ahead.peek(Token![<])
        || (!is_argument && name.to_string().starts_with(char::is_uppercase))
}

/// Skips what is left of a bad argument, up to the comma before the next one. A comma between generics is not taken for it, because no
/// argument begins after it.
fn skip_to_next(input: ParseStream) {
    while !input.is_empty() && !next_is_argument(input) {
        let _skipped: syn::Result<TokenTree> = input.parse();
    }
}

fn next_is_argument(input: ParseStream) -> bool {
    let ahead = input.fork();
    if ahead.parse::<Token![,]>().is_err() {
        return false;
    }
    if ahead.is_empty() {
        return true;
    }
    let Ok(name) = ahead.call(Ident::parse_any) else { return false };
    names::is_known(&name) || (ahead.peek(Token![=]) && !ahead.peek(Token![==])) || ahead.peek(token::Paren)
}
