//! Collects the mistakes of one use of the attribute, so that all of them are reported at once. Uses nothing of this crate.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// Every mistake found so far.
#[derive(Default)]
pub struct Mistakes(Option<syn::Error>);

impl Mistakes {
    /// Notes a mistake at a token.
    pub fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    /// Notes a mistake that takes up all these tokens.
    pub fn on(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// Notes a mistake that was made into an error elsewhere.
    pub fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            none => *none = Some(error),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// One `compile_error!` for each.
    pub fn to_compile_errors(&self) -> TokenStream {
        self.0.as_ref().map(syn::Error::to_compile_error).unwrap_or_default()
    }
}
