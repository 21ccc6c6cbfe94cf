//! The attribute of the `memleak` crate. Use it through `memleak`, whose documentation is the manual.
//!
//! A test goes through these files in order; each may use only those before it in this list, and this file only routes.
//!
//! | file | what it does |
//! |---|---|
//! | `mistakes` | collects errors, so that all are reported at once |
//! | `above` | the attribute that stands over ours, read from the source file |
//! | `args` | what is written in the attribute; knows each argument by itself |
//! | `item` | the function below it, its attributes and its untouched body |
//! | `check` | the rules between arguments and function; gives a plan without spans to look after |
//! | `expand` | the plan as tokens |

mod above;
mod args;
mod check;
mod expand;
mod item;
mod mistakes;

use proc_macro::TokenStream;

/// Makes a function a leak test. Documented where `memleak` re-exports it.
#[proc_macro_attribute]
pub fn leak_test(args: TokenStream, item: TokenStream) -> TokenStream {
    let surroundings =
        check::Surroundings { tokio: cfg!(feature = "tokio"), above: above::attributes(proc_macro::Span::call_site()) };
    leak_test_tokens(args.into(), item.into(), &surroundings).into()
}

/// The same on `proc_macro2`, so that unit tests can call it.
fn leak_test_tokens(
    args: proc_macro2::TokenStream,
    tokens: proc_macro2::TokenStream,
    surroundings: &check::Surroundings,
) -> proc_macro2::TokenStream {
    let mut mistakes = mistakes::Mistakes::default();
    let args_written = args.clone();
    let args = args::parse(args, &mut mistakes);
    if mistakes.is_empty()
        && let Ok(function) = syn::parse2::<item::Unparsed>(tokens.clone())
        && function.attributes.iter().any(item::makes_cases)
    {
        return expand::below_cases(&args_written, args.krate.as_ref().map(|given| &given.value), &function);
    }
    let Some(item) = item::parse(tokens.clone(), &mut mistakes) else {
        return expand::untouched(tokens, &mistakes);
    };
    match check::check(args, &item, surroundings, &mut mistakes) {
        Some(plan) => expand::test(&item, &plan),
        None => expand::failure(&item, &mistakes),
    }
}

#[cfg(test)]
mod tests;
