//! The function below the attribute: its own attributes told apart, its body left as it is. May use `above`, `mistakes`.

use crate::above;
use crate::mistakes::Mistakes;
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::path::PathBuf;
use syn::parse::Parser;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Meta, Signature, Visibility};

/// A function with what matters of it.
pub struct Item {
    /// The attributes that say something of the test and do nothing to it: docs, `#[ignore]`, `cfg`, lints.
    pub attributes: Vec<Attribute>,
    /// `#[test]` and this attribute once more.
    pub tests: Vec<TestAttribute>,
    /// Attributes that let tests of one process wait for each other: `#[serial]`.
    pub turns: Vec<Attribute>,
    /// All others, in the order written: they do something to the function, and may make a test of it.
    pub around: Vec<Attribute>,
    /// The `#[should_panic]`, which is the runner's to judge.
    pub should_panic: ShouldPanic,
    /// `pub` and the like.
    pub visibility: Visibility,
    /// Everything from `async fn` up to the body.
    pub signature: Signature,
    /// The body with its braces; not parsed, so that nothing of it can change.
    pub body: Group,
}

/// The `#[should_panic]` of a function.
pub enum ShouldPanic {
    /// Not there.
    No,
    /// `#[should_panic]`.
    Yes,
    /// `#[should_panic(expected = "…")]`.
    Expected(LitStr),
}

/// An attribute that makes a test of the function.
pub struct TestAttribute {
    /// As written.
    pub attribute: Attribute,
    /// What it is.
    pub kind: TestKind,
}

/// The kinds of attributes that make a test of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TestKind {
    /// `#[test]` or the same by its full path.
    Plain,
    /// The same, but written by another attribute above ours, the path of which this is (or the variable of a `macro_rules` macro).
    PlainFrom(String),
    /// `#[leak_test]` or `#[memleak::test]` once more.
    LeakTest,
}

/// What is to be done with an attribute of the function.
enum Place {
    Stays,
    ShouldPanic,
    Test(TestKind),
    Turn,
    Around,
}

impl Item {
    /// Where our attribute stands, for errors about it as a whole. With the function's hygiene, so that the compiler takes it for the user's
    /// and not for something that a macro wrote.
    pub fn attribute_span(&self) -> Span {
        self.signature.fn_token.span.located_at(Span::call_site())
    }

    /// The attribute that has written this function and put a `#[test]` over it, which is gone by now: test-case does so for a case that is not
    /// async.
    pub fn registered_by(&self) -> Option<String> {
        let writer = above::path(&self.signature.fn_token.span.source_text()?)?;
        let name = writer.rsplit("::").next()?;
        (TEST_CASES.contains(&name) && self.signature.asyncness.is_none() && self.tests.is_empty()).then_some(writer)
    }

    /// Whether an attribute above has put the body into a runtime of its own: there is something `async`, or a call of a function
    /// `…block_on`, that the user has not written.
    pub fn is_in_a_runtime(&self) -> bool {
        has_generated_runtime(self.body.stream(), file(self.signature.ident.span()).as_ref())
    }

    /// The body, with what an attribute above has made of it, where it is not async any more: the user's own braces are put through `wrap` if
    /// what is around them is async. None if they are not found.
    pub fn wrap_inside(&self, wrap: impl Fn(&Group) -> TokenStream) -> Option<TokenStream> {
        let file = file(self.signature.ident.span());
        let mut wrapping = Wrapping { file, wrap, found: 0 };
        // The braces of the function itself may be the user's and what is in them not.
        let mut body = Group::new(Delimiter::Brace, wrapping.tokens(self.body.stream(), false));
        body.set_span(self.body.span());
        (wrapping.found == 1).then(|| TokenTree::Group(body).into())
    }
}

/// Looks for the user's braces in what an attribute has made of a body.
struct Wrapping<W> {
    /// The file that the user has written the function in.
    file: Option<PathBuf>,
    wrap: W,
    /// How many there are; one more for each that is not in async code, so that it cannot be taken for the body.
    found: usize,
}

impl<W: Fn(&Group) -> TokenStream> Wrapping<W> {
    /// Only the user's braces have themselves as their source text; those of an attribute have the attribute.
    fn is_users(&self, group: &Group) -> bool {
        group.delimiter() == Delimiter::Brace
            && group.span().source_text().is_some_and(|text| text.starts_with('{'))
            && file(group.span()) == self.file
    }

    fn tokens(&mut self, tokens: TokenStream, is_async: bool) -> TokenStream {
        let mut wrapped = TokenStream::new();
        let mut statement_is_async = is_async;
        for tree in tokens {
            match tree {
                TokenTree::Group(group) if self.is_users(&group) => {
                    self.found += if statement_is_async { 1 } else { 2 };
                    wrapped.extend((self.wrap)(&group));
                }
                TokenTree::Group(group) => {
                    let mut inside = Group::new(group.delimiter(), self.tokens(group.stream(), statement_is_async));
                    inside.set_span(group.span());
                    if group.delimiter() == Delimiter::Brace {
                        statement_is_async = is_async;
                    }
                    wrapped.extend([TokenTree::Group(inside)]);
                }
                other => {
                    match &other {
                        TokenTree::Ident(name) if name == "async" => statement_is_async = true,
                        TokenTree::Punct(mark) if mark.as_char() == ';' => statement_is_async = is_async,
                        _ => {}
                    }
                    wrapped.extend([other]);
                }
            }
        }
        wrapped
    }
}

/// Parses the function. None (and a mistake) if it is not a function.
pub fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Option<Item> {
    let Parsed { attributes: written, visibility, signature, body } = match Parsed::parse.parse2(tokens) {
        Ok(parsed) => parsed,
        Err(error) => {
            mistakes.add(error);
            return None;
        }
    };
    let mut item = Item {
        attributes: Vec::new(),
        tests: Vec::new(),
        turns: Vec::new(),
        around: Vec::new(),
        should_panic: ShouldPanic::No,
        visibility,
        signature,
        body,
    };
    for attribute in written {
        match place(&attribute) {
            Place::Stays => item.attributes.push(attribute),
            Place::ShouldPanic => item.should_panic = should_panic(&attribute, mistakes),
            Place::Test(kind) => item.tests.push(TestAttribute { attribute, kind }),
            Place::Turn => item.turns.push(attribute),
            Place::Around => item.around.push(attribute),
        }
    }
    Some(item)
}

/// A function of which only the attributes were looked at.
pub struct Unparsed {
    /// As written.
    pub attributes: Vec<Attribute>,
    /// All that follows.
    pub rest: TokenStream,
}

impl Parse for Unparsed {
    fn parse(input: ParseStream) -> syn::Result<Unparsed> {
        Ok(Unparsed { attributes: input.call(Attribute::parse_outer)?, rest: input.parse()? })
    }
}

struct Parsed {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: Group,
}

impl Parse for Parsed {
    fn parse(input: ParseStream) -> syn::Result<Parsed> {
        let attributes = input.call(Attribute::parse_outer)?;
        let first = input.span();
        let not_a_function = |_| {
            syn::Error::new(first, "`#[leak_test]` belongs on a function: `fn name() { … }` or `async fn name() { … }`")
        };
        let visibility = input.parse().map_err(not_a_function)?;
        let signature: Signature = input.parse().map_err(not_a_function)?;
        let body = body(input.parse().map_err(not_a_function)?)
            .ok_or_else(|| syn::Error::new(signature.span(), "a leak test needs a body: `{ … }`"))?;
        input.parse::<syn::parse::Nothing>()?;
        Ok(Parsed { attributes, visibility, signature, body })
    }
}

/// The braces of the body; a `macro_rules` macro that takes it as `$body:block` wraps it into an invisible group.
fn body(tree: TokenTree) -> Option<Group> {
    match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inside = group.stream().into_iter();
            let only = inside.next()?;
            inside.next().is_none().then(|| body(only))?
        }
        _ => None,
    }
}

/// What an attribute writes has the attribute as its source text; what a `macro_rules` macro writes is often in another file.
fn has_generated_runtime(tokens: TokenStream, users_file: Option<&PathBuf>) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Group(group) => has_generated_runtime(group.stream(), users_file),
        TokenTree::Ident(name) => {
            let name_text = name.to_string();
            (name_text == "async" || name_text.ends_with("block_on"))
                && (name.span().source_text().is_some_and(|text| text != name_text)
                    || file(name.span()).as_ref() != users_file)
        }
        _ => false,
    })
}

/// None in unit tests, which are not run by the compiler.
fn file(span: Span) -> Option<PathBuf> {
    proc_macro::is_available().then(|| span.unwrap().local_file()).flatten()
}

fn should_panic(attribute: &Attribute, mistakes: &mut Mistakes) -> ShouldPanic {
    let expected = match &attribute.meta {
        Meta::Path(_) => return ShouldPanic::Yes,
        Meta::NameValue(pair) => syn::parse2::<LitStr>(pair.value.to_token_stream()),
        Meta::List(list) => list.parse_args_with(|input: ParseStream| {
            let name: syn::Ident = input.parse()?;
            if name != "expected" {
                return Err(syn::Error::new(name.span(), "unknown"));
            }
            input.parse::<syn::Token![=]>()?;
            let text = input.parse()?;
            input.parse::<Option<syn::Token![,]>>()?;
            Ok(text)
        }),
    };
    match expected {
        Ok(text) => ShouldPanic::Expected(text),
        Err(_) => {
            mistakes.on(
                attribute,
                "`should_panic` is written `#[should_panic]` or `#[should_panic(expected = \"part of the message\")]`",
            );
            ShouldPanic::Yes
        }
    }
}

/// The attributes of serial_test. Their locks are for the process of the test run: in the test's own process nobody else would wait, and a
/// lock that both take would be waited for without end.
const TURNS: [&str; 4] = ["serial", "parallel", "file_serial", "file_parallel"];

/// Whether the attribute of this path locks something that only tests of the same process wait for.
pub fn locks_in_its_process(path: &str) -> bool {
    matches!(path.rsplit("::").next(), Some("serial" | "parallel"))
}

fn place(attribute: &Attribute) -> Place {
    let names: Vec<String> = attribute.path().segments.iter().map(|segment| segment.ident.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names[..] {
        ["should_panic"] => Place::ShouldPanic,
        ["test"] | ["core" | "std", "prelude", _, "test"] => Place::Test(match written_by(attribute) {
            Some(other) => TestKind::PlainFrom(other),
            None => TestKind::Plain,
        }),
        [.., "leak_test"] | ["memleak", "test"] => Place::Test(TestKind::LeakTest),
        ["cfg" | "cfg_attr" | "doc" | "ignore" | "allow" | "warn" | "deny" | "forbid" | "expect"]
        | ["deprecated" | "must_use" | "inline" | "cold" | "track_caller"]
        | ["rustfmt" | "clippy" | "diagnostic" | "coverage", ..] => Place::Stays,
        [.., name] if TURNS.contains(&name) => Place::Turn,
        _ => Place::Around,
    }
}

/// Whether an attribute makes a test of a function by itself, and so brings a runtime for an async one.
pub fn makes_a_test(attribute: &Attribute) -> bool {
    last_name(attribute).is_some_and(|name| name == "test" || name == "apply")
}

/// Whether an attribute makes several tests of the function: `#[rstest]`, `#[test_case(…)]`.
pub fn makes_cases(attribute: &Attribute) -> bool {
    last_name(attribute).is_some_and(|name| name == "rstest" || TEST_CASES.iter().any(|test_case| name == test_case))
}

/// Whether an attribute is a `#[case(…)]` or `#[case::name(…)]` of rstest.
pub fn is_case(attribute: &Attribute) -> bool {
    attribute.path().segments.first().is_some_and(|segment| segment.ident == "case")
}

/// The attributes of the crate test-case.
const TEST_CASES: [&str; 2] = ["test_case", "test_matrix"];

fn last_name(attribute: &Attribute) -> Option<&syn::Ident> {
    attribute.path().segments.last().map(|segment| &segment.ident)
}

/// The path of the attribute macro that generated this attribute, if one did: its tokens then have the whole of that macro's call as their
/// source text.
fn written_by(attribute: &Attribute) -> Option<String> {
    above::path(&Span::source_text(&attribute.pound_token.span)?)
}
