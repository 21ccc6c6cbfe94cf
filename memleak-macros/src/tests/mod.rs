//! Expansions and error texts. What the compiler makes of them, and where an error stands, is in `tests/ui` and `tests/hygiene` of the
//! facade.

mod expansions;
mod mistakes;

use crate::check::Surroundings;
use crate::leak_test_tokens;
use expect_test::Expect;
use proc_macro2::{TokenStream, TokenTree};

fn with_tokio() -> Surroundings {
    Surroundings { tokio: true, above: Vec::new() }
}

fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn expands(args: &str, item: &str, expected: Expect) {
    let expansion = leak_test_tokens(tokens(args), tokens(item), &with_tokio());
    let file = syn::parse2(expansion.clone()).unwrap_or_else(|error| panic!("{error}: {expansion}"));
    expected.assert_eq(&prettyplease::unparse(&file));
}

/// The error texts, one a line, and what else is emitted has to be an item.
fn errors_in(surroundings: &Surroundings, args: &str, item: &str) -> String {
    let expansion = leak_test_tokens(tokens(args), tokens(item), surroundings);
    assert!(syn::parse2::<syn::File>(expansion.clone()).is_ok(), "not items: {expansion}");
    let mut lines = String::new();
    let mut trees = expansion.into_iter().peekable();
    while let Some(tree) = trees.next() {
        if matches!(&tree, TokenTree::Ident(name) if name == "compile_error")
            && let Some(TokenTree::Group(group)) = trees.nth(1)
        {
            let text: syn::LitStr = syn::parse2(group.stream()).expect("compile_error! has one string");
            lines.push_str(&text.value());
            lines.push('\n');
        }
    }
    lines
}

fn refuses(args: &str, item: &str, expected: Expect) {
    expected.assert_eq(&errors_in(&with_tokio(), args, item));
}

fn refuses_args(args: &str, expected: Expect) {
    refuses(args, "async fn t() {}", expected);
}

/// What is said to each of these uses, in one text.
fn refuses_each(uses: impl IntoIterator<Item = (String, String)>, expected: Expect) {
    let mut text = String::new();
    for (args, item) in uses {
        let errors = errors_in(&with_tokio(), &args, &item);
        assert!(!errors.is_empty(), "accepted: #[leak_test({args})] {item}");
        text.push_str(&format!("({args}) {item}\n"));
        text.extend(errors.lines().map(|line| format!("    {line}\n")));
    }
    expected.assert_eq(&text);
}

fn refuses_each_args<T: Into<String>, const N: usize>(args: [T; N], expected: Expect) {
    refuses_each(args.map(|args| (args.into(), "async fn t() {}".to_owned())), expected);
}

fn refuses_each_item<T: Into<String>, const N: usize>(items: [T; N], expected: Expect) {
    refuses_each(items.map(|item| ("expect_zero = \"S\"".to_owned(), item.into())), expected);
}
