//! The attributes that stand over ours. Uses nothing of this crate.
//!
//! The compiler expands them first and hands us what is left: a builtin `#[test]` over ours is gone without a trace, and the test
//! would be registered twice; `#[tokio::test]` has already wrapped the body into a runtime of its own. So they are read from the source
//! file. Where there is no file to read (a language server), nothing is found, and the runner has to notice.

/// The attributes right over the one at `span`, as written, nearest first.
pub fn attributes(span: proc_macro::Span) -> Vec<String> {
    let source = span.local_file().and_then(|file| std::fs::read_to_string(file).ok());
    source.map(|source| attributes_over(&source, span.line(), span.column())).unwrap_or_default()
}

/// The same, for the attribute that begins at this line and column (both count from 1, columns in characters).
fn attributes_over(source: &str, line: usize, column: usize) -> Vec<String> {
    let mut found = Vec::new();
    let Some(mut rest) = text_before(source, line, column) else { return found };
    loop {
        rest = rest.trim_end();
        let last_line = rest.rsplit('\n').next().unwrap_or(rest);
        if last_line.trim_start().starts_with("//") {
            rest = &rest[..rest.len() - last_line.len()];
            continue;
        }
        let Some(start) = rest.strip_suffix(']').and_then(attribute_start) else { return found };
        found.push(rest[start..].to_owned());
        rest = &rest[..start];
    }
}

fn text_before(source: &str, line: usize, column: usize) -> Option<&str> {
    let line_start = match line.checked_sub(1)? {
        0 => 0,
        line => source.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let in_line: usize = source[line_start..].chars().take(column.checked_sub(1)?).map(char::len_utf8).sum();
    source.get(..line_start + in_line)
}

/// Where the `#[` is that belongs to a `]` after `text`. Brackets inside of string literals are counted like others: with an odd one
/// among them no attribute is found.
fn attribute_start(text: &str) -> Option<usize> {
    let mut open = 1;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b']' => open += 1,
            b'[' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return text[..at].ends_with('#').then(|| at - 1);
        }
    }
    None
}

/// The path of an attribute, from its text `#[path…`.
pub fn path(attribute: &str) -> Option<String> {
    let inside = attribute.strip_prefix("#[")?;
    let end = inside.find(['(', '=', ']', '{', '[']).unwrap_or(inside.len());
    let path: String = inside[..end].split_whitespace().collect();
    (!path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::attributes_over;

    fn above(source: &str) -> Vec<String> {
        let at = source.find("#[ours]").expect("the source has the attribute");
        let line = source[..at].matches('\n').count() + 1;
        let column = source[..at].rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        attributes_over(source, line, column)
    }

    #[test]
    fn finds_what_stands_right_over_it() {
        assert_eq!(above("#[test]\n#[ours]\nfn f() {}"), ["#[test]"]);
        assert_eq!(above("#[test] #[ours] fn f() {}"), ["#[test]"]);
        assert_eq!(above("/* ä */ #[test] #[ours] fn f() {}"), ["#[test]"]);
        assert_eq!(
            above(
                "#[tokio::test(flavor = \"x\")]\n/// Text. [link]\n// more\n#[cfg_attr(a, b([c]))]\n#[ours]\nfn f() {}"
            ),
            ["#[cfg_attr(a, b([c]))]", "#[tokio::test(flavor = \"x\")]"]
        );
    }

    #[test]
    fn does_not_take_what_belongs_to_another_item() {
        assert_eq!(above("#[test]\nfn other() {}\n#[ours]\nfn f() {}"), [""; 0]);
        assert_eq!(above("#[ours]\nfn f() {}"), [""; 0]);
        assert_eq!(above("static A: [u8; 1] = [1]\n#[ours]\nfn f() {}"), [""; 0]);
    }
}
