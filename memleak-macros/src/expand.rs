//! The plan as tokens: a description that is known at compile time, and one call into memleak. May use `args`, `check`, `item`, `mistakes`.
//!
//! What is generated has the hygiene of this macro but the place of what the user wrote, so that errors point there and lints do not look at
//! it. Only absolute paths are used. The inner function is the user's own, token by token.

use crate::args::{Bound, Expected, Flavor, Ignore, Possibly, Subject, Unreachable, Unsupported, bare};
use crate::check::{Plan, Registration};
use crate::item::{Item, ShouldPanic, Unparsed, is_case, makes_cases};
use crate::mistakes::Mistakes;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use std::time::Duration;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Ident, LitStr, Pat, PatType, Path, ReturnType, Type};

/// The test.
pub fn test(item: &Item, plan: &Plan) -> TokenStream {
    let Item { attributes, visibility, signature, .. } = item;
    let syn::Signature { fn_token, ident, output, .. } = signature;
    // What the compiler has to say about a return type is about the function that is called and its argument.
    let at = if let ReturnType::Type(_, written) = output { written.span() } else { ident.span() };
    let is_around = plan.wrapped || !item.around.is_empty();
    let run = match (is_around, signature.asyncness.is_some()) {
        (false, false) => "run",
        (false, true) => "run_async",
        (true, _) => "run_around",
    };
    let run = Ident::new(run, generated(at));
    let mut inner = ident.clone();
    inner.set_span(ident.span().located_at(at));
    let function = match (plan.wrapped, is_around) {
        (true, _) => wrapped(item, plan),
        (false, true) => around(item, plan),
        (false, false) => body(item),
    };
    // It is in a function so that it is no test of its own.
    let lint = is_around.then(|| quote!(#[allow(unnameable_test_items)]));
    // The compiler leaves a test out of a program that has its own `main`.
    let test = match plan.registration {
        Registration::Ours => quote!(#[::core::prelude::v1::test]),
        Registration::Others => quote!(#[deny(dead_code)]),
        Registration::None => TokenStream::new(),
    };
    let case = case(item, plan, &private(plan, Span::mixed_site()));
    let runner = private(plan, at);
    quote! {
        #(#attributes)*
        #lint
        #test
        #visibility #fn_token #ident() {
            #function
            #runner::#run(&const { #case }, #inner)
        }
    }
}

/// The user's function, without what is said of its arguments to other attributes.
fn body(item: &Item) -> TokenStream {
    let Item { signature, body, .. } = item;
    let syn::Signature { asyncness, fn_token, ident, generics, inputs, output, .. } = signature;
    let inputs = inputs.iter().map(|input| match input {
        FnArg::Receiver(_) => quote!(#input),
        FnArg::Typed(PatType { pat, ty, .. }) => quote!(#pat: #ty),
    });
    quote!(#asyncness #fn_token #ident #generics (#(#inputs),*) #output #body)
}

/// A function for the other attributes, which calls the user's.
fn around(item: &Item, plan: &Plan) -> TokenStream {
    let Item { signature, around, .. } = item;
    let syn::Signature { asyncness, fn_token, ident, generics, inputs, output, .. } = signature;
    let names: Vec<Ident> = inputs.iter().enumerate().map(|(number, input)| argument(number, input)).collect();
    let inputs = inputs.iter().zip(&names).map(|(input, name)| match input {
        FnArg::Receiver(_) => quote!(#input),
        FnArg::Typed(PatType { attrs, ty, .. }) => quote!(#(#attrs)* #name: #ty),
    });
    let function = body(item);
    let private = private(plan, Span::mixed_site());
    let path = path(item);
    let call = match (asyncness.is_some(), names.is_empty()) {
        (true, true) if plan.iterations > 1 => quote!(#private::inside_async_again(#path, #ident).await),
        (false, true) if plan.iterations > 1 => quote!(#private::inside_again(#path, #ident)),
        (true, _) => quote!(#private::inside_async(#path, #ident(#(#names),*)).await),
        (false, true) => quote!(#private::inside(#path, #ident)),
        (false, false) => quote!(#private::inside(#path, move || #ident(#(#names),*))),
    };
    quote! {
        #(#around)*
        #asyncness #fn_token #ident #generics (#(#inputs),*) #output {
            #function
            #call
        }
    }
}

/// What an attribute above has made of the function, with the body inside of it wrapped.
fn wrapped(item: &Item, plan: &Plan) -> TokenStream {
    let Item { signature, around, .. } = item;
    let private = private(plan, Span::mixed_site());
    let path = path(item);
    // A closure cannot say that it returns `impl Trait`.
    let output = &signature.output;
    let is_opaque = output.to_token_stream().into_iter().any(|tree| tree.to_string() == "impl");
    let output = (!is_opaque).then_some(output);
    let body = item.wrap_inside(|body| {
        let unit = matches!(output, Some(ReturnType::Default)).then(|| quote!(-> ()));
        quote!({ #private::inside_async_fn(#path, async move || #unit #output #body).await })
    });
    quote!(#(#around)* #signature #body)
}

/// The name an argument is handed on by: the user's, because some attributes go by it.
fn argument(number: usize, input: &FnArg) -> Ident {
    if let FnArg::Typed(PatType { pat, .. }) = input
        && let Pat::Ident(name) = &**pat
    {
        return name.ident.clone();
    }
    Ident::new(&format!("argument_{number}"), generated(input.span()))
}

/// What the test is called where the name of the test's thread does not say.
fn path(item: &Item) -> TokenStream {
    let name = item.signature.ident.to_string();
    quote!(::core::concat!(::core::module_path!(), "::", #name))
}

/// `#[rstest]` below makes several tests, and so does `#[test_case]`. So this attribute goes below it, where it sees each of them, and below its
/// last case: what stands above a case is about that case.
pub fn below_cases(args: &TokenStream, krate: Option<&Path>, function: &Unparsed) -> TokenStream {
    let Unparsed { attributes, rest } = function;
    let krate = krate.map_or_else(|| quote!(::memleak), ToTokens::to_token_stream);
    let last = attributes.iter().rposition(|attribute| makes_cases(attribute) || is_case(attribute));
    let (of_cases, others) = attributes.split_at(last.map_or(0, |last| last + 1));
    quote!(#(#of_cases)* #[#krate::test(#args)] #(#others)* #rest)
}

/// `Case { … }`; what is not given is the default, and left out.
fn case(item: &Item, plan: &Plan, private: &TokenStream) -> TokenStream {
    let expectations = plan.expectations.iter().map(|expected| expectation(expected, private));
    let mut fields = TokenStream::new();
    if plan.unreachable == Unreachable::Allow {
        fields.extend(quote!(unreachable: #private::Unreachable::Allow,));
    }
    if plan.possibly == Possibly::Fail {
        fields.extend(quote!(possibly: #private::Possibly::Fail,));
    }
    fields.extend(limits(plan, private));
    if plan.iterations > 1 || plan.max_growth.is_some() {
        let (count, warmup) = (plan.iterations, plan.warmup);
        fields.extend(quote!(rounds: #private::Rounds { count: #count, warmup: #warmup },));
    }
    if !plan.ignores.is_empty() {
        let ignores = plan.ignores.iter().map(|ignore| self::ignore(ignore, private));
        fields.extend(quote!(ignores: &const { [#(#ignores),*] },));
    }
    if let Some(settle) = plan.settle {
        let settle = duration(settle);
        fields.extend(quote!(settle: ::core::option::Option::Some(#settle),));
    }
    if let Some(timeout) = plan.timeout {
        let timeout = duration(timeout);
        fields.extend(quote!(timeout: ::core::option::Option::Some(#timeout),));
    }
    if plan.unsupported == Unsupported::Skip {
        fields.extend(quote!(unsupported: #private::Unsupported::Skip,));
    }
    match &item.should_panic {
        ShouldPanic::No => {}
        ShouldPanic::Yes => fields.extend(quote!(should_panic: #private::ShouldPanic::Yes,)),
        ShouldPanic::Expected(text) => fields.extend(quote!(should_panic: #private::ShouldPanic::Expected(#text),)),
    }
    fields.extend(runtime(plan, private));
    fields.extend(turn(item, plan, private));
    let path = path(item);
    if fields.is_empty() {
        quote!(#private::case(#path, &const { [#(#expectations),*] }))
    } else {
        quote!(#private::Case { #fields ..#private::case(#path, &const { [#(#expectations),*] }) })
    }
}

/// A function with the attributes that let the test wait for others; it does no more than go on with the test.
fn turn(item: &Item, plan: &Plan, private: &TokenStream) -> Option<TokenStream> {
    let turns: Vec<&Attribute> = item.turns.iter().chain(&plan.turns_above).collect();
    let name = &item.signature.ident;
    let how = Ident::new(if plan.turns_above.is_empty() { "Attribute" } else { "BodyToo" }, Span::mixed_site());
    (!turns.is_empty()).then(|| {
        quote! {
            turn: #private::Turn::#how({
                #(#turns)*
                fn #name() {
                    #private::take_turn();
                }
                #name
            }),
        }
    })
}

fn expectation(expected: &Expected, private: &TokenStream) -> TokenStream {
    let subject = subject(&expected.subject, private);
    match expected.bound {
        Bound::AtMost(number) => quote!(#private::at_most(#number, #subject)),
        Bound::Exactly(number) => quote!(#private::exactly(#number, #subject)),
    }
}

fn subject(subject: &Subject, private: &TokenStream) -> TokenStream {
    match subject {
        Subject::Pattern(text) => quote!(#private::Subject::Pattern(#text)),
        Subject::Type(written) => {
            let function = Ident::new(
                if matches!(bare(written), Type::TraitObject(_)) { "trait_object" } else { "sized" },
                generated(written.span()),
            );
            quote!(#private::#function::<#written>(::core::stringify!(#written)))
        }
    }
}

fn limits(plan: &Plan, private: &TokenStream) -> Option<TokenStream> {
    let mut fields = TokenStream::new();
    let limits = [
        (quote!(live_bytes), plan.max_live_bytes),
        (quote!(peak_bytes), plan.max_peak_bytes),
        (quote!(allocated_bytes), plan.max_allocated_bytes),
        (quote!(allocations), plan.max_allocations),
        (quote!(growth), plan.max_growth),
    ];
    for (name, limit) in limits {
        fields.extend(limit.map(|limit| quote!(#name: ::core::option::Option::Some(#limit),)));
    }
    if !plan.max_allocated.is_empty() {
        let allocated = plan.max_allocated.iter().map(|(subject, most)| {
            let subject = self::subject(subject, private);
            quote!(#private::Allocated { subject: #subject, most: #most })
        });
        fields.extend(quote!(allocated: &const { [#(#allocated),*] },));
    }
    (!fields.is_empty()).then(|| quote!(limits: #private::Limits { #fields ..#private::Limits::NONE },))
}

fn ignore(ignore: &Ignore, private: &TokenStream) -> TokenStream {
    let option = |text: &Option<LitStr>| match text {
        None => quote!(::core::option::Option::None),
        Some(text) => quote!(::core::option::Option::Some(#text)),
    };
    let [ty, function, held_by] = [&ignore.ty, &ignore.function, &ignore.held_by].map(option);
    let reason = &ignore.reason;
    quote!(#private::Ignore { ty: #ty, function: #function, held_by: #held_by, reason: #reason })
}

fn duration(duration: Duration) -> TokenStream {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_millis(#milliseconds))
}

fn runtime(plan: &Plan, private: &TokenStream) -> Option<TokenStream> {
    if plan.paused_elsewhere {
        let options =
            quote!(#private::RuntimeOptions::new(#private::Flavor::CurrentThread, ::core::option::Option::None));
        return Some(quote!(runtime: #options.paused(|_| {}, #private::sleep),));
    }
    if plan.flavor == Flavor::CurrentThread && plan.start_paused.is_none() {
        return None;
    }
    let flavor = match plan.flavor {
        Flavor::CurrentThread => quote!(CurrentThread),
        Flavor::MultiThread => quote!(MultiThread),
    };
    let workers = match plan.worker_threads {
        None => quote!(::core::option::Option::None),
        Some(workers) => quote!(::core::option::Option::Some(#workers)),
    };
    let paused = plan.start_paused.as_ref().map(|name| paused(name, private));
    Some(quote!(runtime: #private::RuntimeOptions::new(#private::Flavor::#flavor, #workers) #paused,))
}

/// The clock is paused by the method that the user's own feature `test-util` of tokio makes. Without it the trait's method is found
/// instead, and it cannot be called for a reason that names the feature. The trait's other method is called so that the import is used.
fn paused(name: &Ident, private: &TokenStream) -> TokenStream {
    quote_spanned! {generated(name.span())=>
        .paused(
            |builder| {
                use #private::PausedClock as _;
                builder.start_paused(true).done()
            },
            #private::sleep,
        )
    }
}

/// What hygiene and lints take for generated, at the place of what the user wrote.
fn generated(at: Span) -> Span {
    Span::mixed_site().located_at(at)
}

/// `::memleak::__private`, or by the path the user gave.
fn private(plan: &Plan, at: Span) -> TokenStream {
    match &plan.krate {
        None => quote_spanned!(generated(at)=> ::memleak::__private),
        Some(path) => {
            let private = Ident::new("__private", generated(path.span()));
            quote!(#path::#private)
        }
    }
}

/// The mistakes, and the function as it stands, so that nothing that uses it or is used by it is reported too. It is no test then.
pub fn failure(item: &Item, mistakes: &Mistakes) -> TokenStream {
    let errors = mistakes.to_compile_errors();
    // With the arguments of cases the function is accepted only below what makes them.
    let cases = if item.around.iter().any(makes_cases) { &*item.around } else { &[] };
    let attributes = item.attributes.iter().filter(|attribute| !attribute.path().is_ident("ignore"));
    let Item { visibility, signature, body, .. } = item;
    quote! {
        #errors
        #(#cases)*
        #(#attributes)*
        #[allow(unused)]
        #visibility #signature #body
    }
}

/// The mistakes, and an item that is not a function.
pub fn untouched(tokens: TokenStream, mistakes: &Mistakes) -> TokenStream {
    let errors = mistakes.to_compile_errors();
    quote!(#errors #tokens)
}
