//! A leak that is accepted is named, with the reason.

use memleak::leak_test;

#[leak_test(ignore, ignore(), ignore("tracing::*"))]
fn shapes() {}

#[leak_test(ignore(type = "tracing::*"))]
fn why() {}

#[leak_test(ignore(reason = "known"))]
fn what() {}

#[leak_test(ignore(held_by = "", reason = "known"))]
fn held() {}

#[leak_test(ignore(type = tracing::Span, function = "third_party::", because = "known"), unreachable = "ignore")]
fn values() {}
