//! Names as people read them: `Arc<chat::Session>` for `alloc::sync::Arc<chat::Session, alloc::alloc::Global>`, and
//! `chat::heartbeat` for `chat::heartbeat::{async_fn#0}<u8>`.

use super::name::{self, Dialect, Name, Path, Segment, Word};
use super::pattern::is_std_default;
use std::fmt::Write as _;

/// A type's name with default allocator and hasher left out, and the standard library's types without their path.
pub fn short(name: &str) -> String {
    match name::parse(name, Dialect::DebugInfo) {
        Ok(parsed) if !contains_unread(&parsed) => text(&parsed),
        _ => name.to_owned(),
    }
}

/// What is in a block, as people call it: the type as [`short`] has it, a task of tokio by its future.
pub fn short_block(name: &str) -> String {
    const TABLE: &str = "hash table of ";
    const TASK: &str = "tokio::runtime::task::core::Cell<";
    if let Some(element) = name.strip_prefix(TABLE) {
        return format!("{TABLE}{}", short(element));
    }
    let task = name.starts_with(TASK).then(|| name::parse(name, Dialect::DebugInfo).ok()).flatten();
    let Some(Name::Path(path)) = task else { return short(name) };
    let future = path.segments.last().and_then(|last| last.arguments.as_ref()?.first());
    future.map_or_else(|| short(name), |future| format!("task {}", text(&with_futures_named(future.clone()))))
}

/// A name that was taken apart, as [`short`] has it.
pub(super) fn text(name: &Name) -> String {
    let mut text = String::new();
    write_name(name, &mut text);
    text
}

/// The type of a field as a reader of the field wants it: no type with its path, futures by what they are, and inner generics left out where
/// there are many: `HashMap<u64, Arc<Session>>`.
pub fn brief(name: &str) -> String {
    const LONG: usize = 90;
    const DEEPEST: usize = 6;
    match name::parse(name, Dialect::DebugInfo) {
        Ok(parsed) if !contains_unread(&parsed) => {
            let named = with_futures_named(parsed);
            let written = |depth| text(&without_paths(named.clone(), depth));
            (1..=DEEPEST).rev().map(written).find(|text| text.chars().count() <= LONG).unwrap_or_else(|| written(1))
        }
        _ => name.to_owned(),
    }
}

/// The name with each path reduced to its last segment, and generics below `depth` others to `…`.
fn without_paths(name: Name, depth: usize) -> Name {
    let inner = |name: Name| without_paths(name, depth);
    let boxed = |name: Name| Box::new(without_paths(name, depth));
    match name {
        Name::Path(path) => Name::Path(without_path(path, depth)),
        Name::Dyn(bounds) => Name::Dyn(bounds.into_iter().map(|bound| without_path(bound, depth)).collect()),
        Name::Reference { mutable, target } => Name::Reference { mutable, target: boxed(*target) },
        Name::Pointer { mutable, target } => Name::Pointer { mutable, target: boxed(*target) },
        Name::Slice(element) => Name::Slice(boxed(*element)),
        Name::Array(element, length) => Name::Array(boxed(*element), length),
        Name::Tuple(items) => Name::Tuple(items.into_iter().map(inner).collect()),
        Name::Function { qualifiers, parameters, returns } => Name::Function {
            qualifiers,
            parameters: parameters.into_iter().map(inner).collect(),
            returns: boxed(*returns),
        },
        Name::Binding(word, value) => Name::Binding(word, boxed(*value)),
        Name::Any | Name::Unread | Name::Never | Name::Literal(_) => name,
    }
}

fn without_path(path: Path, depth: usize) -> Path {
    let last = path.segments.last().filter(|last| matches!(last.word, Word::Plain(_))).cloned();
    let Some(mut last) = last else { return path };
    if let Some(arguments) = last.arguments.as_mut() {
        let kept = arguments.iter().rposition(|name| !is_std_default(name)).map_or(0, |last| last + 1);
        arguments.truncate(kept);
        *arguments = match depth.checked_sub(1) {
            Some(depth) => arguments.drain(..).map(|name| without_paths(name, depth)).collect(),
            None if arguments.is_empty() => Vec::new(),
            None => {
                let left_out = Segment { word: Word::Plain("…".to_owned()), arguments: None };
                vec![Name::Path(Path { anchored: false, segments: vec![left_out] })]
            }
        };
    }
    Path { anchored: false, segments: vec![last] }
}

/// A function's path without its generics, the body of an async fn as the async fn, and closures without their numbers.
pub fn short_function(path: &str) -> String {
    let Ok(Name::Path(parsed)) = name::parse(path, Dialect::DebugInfo) else { return path.to_owned() };
    let mut words: Vec<String> = Vec::new();
    for (i, segment) in parsed.segments.iter().enumerate() {
        let own_generics = i + 1 == parsed.segments.len();
        match &segment.word {
            Word::Plain(word) if own_generics => words.push(word.clone()),
            Word::Plain(word) => words.push(format!("{word}{}", brief_arguments(segment))),
            Word::Braces(inner) => {
                let kind = inner.split('#').next().unwrap_or_default().trim_end_matches("_env");
                if !matches!(kind, "impl" | "async_fn") {
                    words.push(format!("{{{}}}", kind.replace('_', " ")));
                }
            }
            Word::Segments => {}
        }
    }
    words.join("::")
}

/// A future as a user would call it: an async fn by its path, `async block in chat::serve`, `closure in chat::serve`, and any other type as
/// [`short`] has it, with the futures in its generics named so: `tokio::time::timeout::Timeout<chat::heartbeat>`.
pub fn short_future(name: &str) -> String {
    match name::parse(name, Dialect::DebugInfo) {
        Ok(parsed) if !contains_unread(&parsed) => text(&with_futures_named(parsed)),
        _ => name.to_owned(),
    }
}

/// The name with each coroutine and closure in it replaced by one word that says what it is.
fn with_futures_named(name: Name) -> Name {
    match name {
        Name::Path(mut path) => {
            if let Some(word) = coroutine_or_closure(&path) {
                let segment = Segment { word: Word::Plain(word), arguments: None };
                return Name::Path(Path { anchored: false, segments: vec![segment] });
            }
            for segment in &mut path.segments {
                segment.arguments =
                    segment.arguments.take().map(|names| names.into_iter().map(with_futures_named).collect());
            }
            Name::Path(path)
        }
        Name::Reference { mutable, target } => {
            Name::Reference { mutable, target: Box::new(with_futures_named(*target)) }
        }
        Name::Tuple(items) => Name::Tuple(items.into_iter().map(with_futures_named).collect()),
        other => other,
    }
}

/// What to call the coroutine or closure of this path; none if it is another type.
fn coroutine_or_closure(path: &Path) -> Option<String> {
    let (Segment { word: Word::Braces(inner), .. }, around) = path.segments.split_last()? else { return None };
    let kind = inner.split('#').next().unwrap_or_default().trim_end_matches("_env");
    // A closure in an async block in a function is called by all of them; the innermost says enough.
    let named = around.iter().filter_map(|segment| match &segment.word {
        Word::Plain(word) => Some(word.as_str()),
        _ => None,
    });
    let function = named.collect::<Vec<_>>().join("::");
    match kind {
        "async_fn" => Some(function),
        "async_block" | "async_closure" | "closure" => Some(format!("{} in {function}", kind.replace('_', " "))),
        _ => None,
    }
}

/// The generics of the type a method belongs to, unless they are long.
fn brief_arguments(segment: &Segment) -> String {
    const LONG: usize = 32;
    let mut text = String::new();
    write_arguments(segment, &mut text);
    if text.len() > LONG { "<…>".to_owned() } else { text }
}

fn contains_unread(name: &Name) -> bool {
    let path = |path: &Path| path.segments.iter().filter_map(|s| s.arguments.as_ref()).flatten().any(contains_unread);
    match name {
        Name::Unread => true,
        Name::Any | Name::Never | Name::Literal(_) => false,
        Name::Path(p) => path(p),
        Name::Dyn(bounds) => bounds.iter().any(path),
        Name::Reference { target, .. } | Name::Pointer { target, .. } => contains_unread(target),
        Name::Slice(element) | Name::Array(element, _) | Name::Binding(_, element) => contains_unread(element),
        Name::Tuple(items) => items.iter().any(contains_unread),
        Name::Function { parameters, returns, .. } => {
            parameters.iter().any(contains_unread) || contains_unread(returns)
        }
    }
}

fn write_name(name: &Name, out: &mut String) {
    match name {
        Name::Any | Name::Unread => out.push('_'),
        Name::Never => out.push('!'),
        Name::Literal(text) => out.push_str(text),
        Name::Path(path) => write_path(path, out),
        Name::Dyn(bounds) => {
            out.push_str("dyn ");
            for (i, bound) in bounds.iter().enumerate() {
                out.push_str(if i > 0 { " + " } else { "" });
                write_path(bound, out);
            }
        }
        Name::Reference { mutable, target } => {
            out.push_str(if *mutable { "&mut " } else { "&" });
            write_name(target, out);
        }
        Name::Pointer { mutable, target } => {
            out.push_str(if *mutable { "*mut " } else { "*const " });
            write_name(target, out);
        }
        Name::Slice(element) => {
            out.push('[');
            write_name(element, out);
            out.push(']');
        }
        Name::Array(element, length) => {
            out.push('[');
            write_name(element, out);
            out.push_str("; ");
            write_name(length, out);
            out.push(']');
        }
        Name::Tuple(items) => {
            write_list('(', items, out);
            out.push_str(if items.len() == 1 { ",)" } else { ")" });
        }
        Name::Function { qualifiers, parameters, returns } => {
            out.push_str(if qualifiers.contains("unsafe") { "unsafe fn" } else { "fn" });
            write_list('(', parameters, out);
            out.push(')');
            write_return(returns, out);
        }
        Name::Binding(word, value) => {
            let _ = write!(out, "{word} = ");
            write_name(value, out);
        }
    }
}

fn write_return(returns: &Name, out: &mut String) {
    if *returns != Name::Tuple(Vec::new()) {
        out.push_str(" -> ");
        write_name(returns, out);
    }
}

fn write_list(open: char, items: &[Name], out: &mut String) {
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        out.push_str(if i > 0 { ", " } else { "" });
        write_name(item, out);
    }
}

fn write_path(path: &Path, out: &mut String) {
    let known = |segment: &Segment| matches!(&segment.word, Word::Plain(word) if ["core", "alloc", "std"].contains(&word.as_str()));
    let plain = |segment: &Segment| matches!(segment.word, Word::Plain(_));
    let segments = match path.segments.as_slice() {
        [first, .., _] if known(first) && path.segments.iter().all(plain) => {
            // From the type on: behind it may be the variant of an enum.
            let is_type =
                |segment: &Segment| matches!(&segment.word, Word::Plain(word) if word.starts_with(char::is_uppercase));
            let start = path.segments.iter().position(is_type).unwrap_or(path.segments.len() - 1);
            &path.segments[start..]
        }
        all => all,
    };
    for (i, segment) in segments.iter().enumerate() {
        out.push_str(if i > 0 { "::" } else { "" });
        match &segment.word {
            Word::Plain(word) => out.push_str(word),
            Word::Braces(inner) => {
                let _ = write!(out, "{{{inner}}}");
            }
            Word::Segments => out.push_str("**"),
        }
        write_arguments(segment, out);
    }
}

fn write_arguments(segment: &Segment, out: &mut String) {
    let arguments = segment.arguments.as_deref().unwrap_or_default();
    match (&segment.word, arguments) {
        // `Fn(A) -> B`.
        (Word::Plain(word), [Name::Tuple(inputs), Name::Binding(_, output)]) if word.starts_with("Fn") => {
            write_list('(', inputs, out);
            out.push(')');
            write_return(output, out);
        }
        _ => {
            let kept = arguments.iter().rposition(|name| !is_std_default(name)).map_or(0, |last| last + 1);
            let kept = if ends_with_default_function(&arguments[..kept]) { kept - 1 } else { kept };
            if kept > 0 {
                write_list('<', &arguments[..kept], out);
                out.push('>');
            }
        }
    }
}

/// `LazyLock<T, fn() -> T>`.
fn ends_with_default_function(arguments: &[Name]) -> bool {
    matches!(arguments, [.., value, Name::Function { parameters, returns, .. }]
        if parameters.is_empty() && **returns == *value)
}

#[cfg(test)]
mod tests {
    use super::{brief, short, short_block, short_function, short_future};

    #[test]
    fn what_is_in_a_block() {
        let names = [
            ("hash table of (alloc::string::String, chat::Session)", "hash table of (String, chat::Session)"),
            ("[alloc::string::String]", "[String]"),
            (
                "tokio::runtime::task::core::Cell<chat::heartbeat::{async_fn_env#0}, alloc::sync::Arc<tokio::Handle>>",
                "task chat::heartbeat",
            ),
            ("tokio::runtime::task::core::Cell<chat::main::{async_block_env#1}, S>", "task async block in chat::main"),
            ("tokio::runtime::task::core::Header", "tokio::runtime::task::core::Header"),
        ];
        for (name, expected) in names {
            assert_eq!(short_block(name), expected);
        }
    }

    #[test]
    fn what_is_left_of_a_name() {
        let names = [
            ("chat::Session", "chat::Session"),
            ("alloc::sync::Arc<chat::Session, alloc::alloc::Global>", "Arc<chat::Session>"),
            ("core::option::Option<alloc::string::String>::None", "Option<String>::None"),
            ("core::net::ip_addr::IpAddr::V4", "IpAddr::V4"),
            (
                "core::option::Option<alloc::boxed::Box<net::Link<net::Tcp>, alloc::alloc::Global>>",
                "Option<Box<net::Link<net::Tcp>>>",
            ),
            (
                "std::collections::hash::map::HashMap<u64, (u8), std::hash::random::RandomState, alloc::alloc::Global>",
                "HashMap<u64, (u8,)>",
            ),
            ("alloc::vec::Vec<u8, chat::Arena>", "Vec<u8, chat::Arena>"),
            (
                "chat::heartbeat::{async_fn_env#0}<[u8; 4], &mut [u8], *const u8>",
                "chat::heartbeat::{async_fn_env#0}<[u8; 4], &mut [u8], *const u8>",
            ),
            (
                "alloc::boxed::Box<(dyn core::ops::function::Fn<(&net::Tcp, u8), Output=u8> + core::marker::Send), alloc::alloc::Global>",
                "Box<dyn Fn(&net::Tcp, u8) -> u8 + Send>",
            ),
            ("dyn core::future::future::Future<Output=()>", "dyn Future<Output = ()>"),
            ("unsafe extern \"C\" fn(u8) -> !", "unsafe fn(u8) -> !"),
            ("std::sync::lazy_lock::LazyLock<u8, fn() -> u8>", "LazyLock<u8>"),
            ("std::sync::lazy_lock::LazyLock<u8, fn() -> u16>", "LazyLock<u8, fn() -> u16>"),
            ("core::option::Option<u8>::Some", "Option<u8>::Some"),
            ("net::Link<%odd>", "net::Link<%odd>"),
        ];
        for (name, expected) in names {
            assert_eq!(short(name), expected);
        }
    }

    #[test]
    fn types_of_fields() {
        let deep = "a::A<b::B<c::C<d::D<e::Eeeeeeeeeeeeeeeeeeeeeeeeeeeee<f::Fffffffffffffffffffffffffffffffff<g::Ggggggggggg, h::Hhhhhhhhhhhhhhhhhhhhhh>>>>>>";
        let names = [
            ("chat::Session", "Session"),
            (
                "std::collections::hash::map::HashMap<u64, alloc::sync::Arc<chat::Session, alloc::alloc::Global>, std::hash::random::RandomState, alloc::alloc::Global>",
                "HashMap<u64, Arc<Session>>",
            ),
            (
                "alloc::boxed::Box<dyn chat::Chat<chat::Tcp> + core::marker::Send, alloc::alloc::Global>",
                "Box<dyn Chat<Tcp> + Send>",
            ),
            (
                "core::pin::Pin<alloc::boxed::Box<chat::serve::{async_block_env#0}<u8>, alloc::alloc::Global>>",
                "Pin<Box<async block in chat::serve>>",
            ),
            ("&[*const chat::Session]", "&[*const Session]"),
            ("(chat::A, fn(chat::B) -> chat::C, [chat::D; 4])", "(A, fn(B) -> C, [D; 4])"),
            ("chat::{impl#2}::make::{closure_env#0}", "closure in chat::make"),
            (deep, "A<B<C<D<Eeeeeeeeeeeeeeeeeeeeeeeeeeeee<Fffffffffffffffffffffffffffffffff<…>>>>>>"),
            ("net::Link<%odd>", "net::Link<%odd>"),
        ];
        for (name, expected) in names {
            assert_eq!(brief(name), expected);
        }
    }

    #[test]
    fn functions() {
        let names = [
            ("chat::Session::connect", "chat::Session::connect"),
            ("chat::heartbeat::{async_fn#0}<u8>", "chat::heartbeat"),
            ("chat::heartbeat::{async_fn#0}::{closure#1}", "chat::heartbeat::{closure}"),
            ("chat::main::{async_block#2}", "chat::main::{async block}"),
            ("chat::main::{closure_env#0}", "chat::main::{closure}"),
            ("chat::session::{impl#2}::drop", "chat::session::drop"),
            ("net::Link<net::Tcp>::open<u8>", "net::Link<net::Tcp>::open"),
            ("net::Link<net::Buffered<net::Encrypted<net::Tcp>>>::open", "net::Link<…>::open"),
            ("main", "main"),
            ("_ZN%odd", "_ZN%odd"),
        ];
        for (name, expected) in names {
            assert_eq!(short_function(name), expected);
        }
    }

    #[test]
    fn futures() {
        let names = [
            ("chat::heartbeat::{async_fn_env#0}<u8>", "chat::heartbeat"),
            ("chat::session::{impl#2}::run::{async_fn_env#0}", "chat::session::run"),
            ("chat::serve::{async_fn#0}::{async_block_env#1}", "async block in chat::serve"),
            ("chat::main::{async_block#0}::{closure_env#0}", "closure in chat::main"),
            ("tokio::sync::notify::Notified", "tokio::sync::notify::Notified"),
            (
                "tokio::time::timeout::Timeout<chat::heartbeat::{async_fn_env#0}>",
                "tokio::time::timeout::Timeout<chat::heartbeat>",
            ),
            (
                "core::pin::Pin<alloc::boxed::Box<(dyn core::future::future::Future<Output=()> + core::marker::Send), alloc::alloc::Global>>",
                "Pin<Box<dyn Future<Output = ()> + Send>>",
            ),
            ("core::pin::Pin<&mut chat::main::{async_block_env#0}>", "Pin<&mut async block in chat::main>"),
            ("net::Link<%odd>", "net::Link<%odd>"),
        ];
        for (name, expected) in names {
            assert_eq!(short_future(name), expected);
        }
    }
}
