//! The page: what can be told of it without a browser, and what Chromium says of it.

use super::{MOST, html};
use crate::document::{Document, Holder, Outcome, Step};
use crate::examples;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

/// Names that would be markup, a script or a link if they were taken for it.
const ODD: &str = "a::B<\"&'<script>alert(1)</script><img src=http://example.com/x onerror=alert(1)>\u{1}";

/// A page with all that a page can have.
fn page() -> String {
    let mut odd = examples::held();
    odd.test.name = format!("tests::{ODD}");
    odd.text = format!("2 live `{ODD}`\n");
    let group = &mut odd.findings.expectations[0].groups[0];
    (group.type_name, group.type_short) = (ODD.to_owned(), ODD.to_owned());
    let Holder { steps, .. } = &mut group.holders[0];
    let step = Step { type_name: ODD.to_owned(), type_short: ODD.to_owned(), ..steps[0].clone() };
    steps.extend(std::iter::repeat_n(step, 10));
    let mut again = examples::cycle();
    again.test.name = "tests::again".to_owned();
    again.findings.heap_file = Some("heaps/chat/a.b.heapsnapshot".to_owned());
    again.findings.unreachable[0].values = vec![ODD.to_owned()];
    let passed = Document { outcome: Outcome::Passed, findings: Default::default(), ..examples::held() };
    html(&[examples::held(), examples::cycle(), again, odd, passed], Some("../"))
}

/// The tags of a page: name, whether it ends an element, and attributes.
struct Tag<'p> {
    name: &'p str,
    ends: bool,
    attributes: BTreeMap<&'p str, &'p str>,
}

/// Reads the strict form that we write: every attribute has a value in quotation marks, and every `<` begins a tag.
fn tags(page: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("it says what it is");
    while let Some((_, from)) = rest.split_once('<') {
        let (inside, after) = from.split_once('>').expect("a tag has its end");
        rest = after;
        let (ends, inside) = inside.strip_prefix('/').map_or((false, inside), |inside| (true, inside));
        let (name, mut left) = inside.split_once(' ').unwrap_or((inside.trim_end_matches('/'), ""));
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{inside}");
        let mut attributes = BTreeMap::new();
        while let Some((attribute, value)) = left.split_once("=\"") {
            let (value, more) = value.split_once('"').unwrap_or_else(|| panic!("{inside}"));
            assert!(attributes.insert(attribute.trim(), value).is_none(), "twice: {inside}");
            left = more;
        }
        assert!(matches!(left.trim(), "" | "/"), "{inside}");
        tags.push(Tag { name, ends, attributes });
        if name == "style" && !ends {
            rest = &rest[rest.find("</style>").expect("the style has its end")..];
        }
    }
    tags
}

#[test]
fn elements_are_inside_of_each_other() {
    /// Elements without an end, and the pictures' parts that we end at once.
    const EMPTY: [&str; 3] = ["meta", "link", "rect"];
    let page = page();
    let mut open = Vec::new();
    let mut before = "";
    for tag in tags(&page) {
        let is_path =
            tag.name == "path" && page.contains("<path class=\"tip\"") && tag.attributes.get("class") == Some(&"tip");
        if tag.ends {
            assert_eq!(open.pop(), Some(tag.name), "after {before}");
        } else if !EMPTY.contains(&tag.name) && !is_path {
            open.push(tag.name);
        }
        before = tag.name;
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let page = page();
    for tag in tags(&page) {
        assert!(!matches!(tag.name, "script" | "img" | "iframe" | "object" | "form"), "{}", tag.name);
        for (name, value) in tag.attributes {
            assert!(!name.starts_with("on") && name != "src", "{name}={value}");
            let ours = |value: &str| value.starts_with('#') || value.starts_with("../heaps/") || value == "data:,";
            assert!(name != "href" || ours(value), "{name}={value}");
        }
    }
    assert!(!include_str!("../page.css").contains("url("));
}

#[test]
fn what_is_named_is_there_once() {
    let page = page();
    let tags = tags(&page);
    let mut ids = BTreeSet::new();
    for id in tags.iter().filter_map(|tag| tag.attributes.get("id")) {
        assert!(ids.insert(*id), "`{id}` is there twice");
    }
    let mut named = 0;
    for tag in &tags {
        for (name, value) in &tag.attributes {
            let id = match *name {
                "href" => value.strip_prefix('#'),
                "marker-end" => value.strip_prefix("url(#").and_then(|value| value.strip_suffix(')')),
                "aria-labelledby" => Some(*value),
                _ => continue,
            };
            named += usize::from(id.is_some());
            assert!(id.is_none_or(|id| ids.contains(id)), "nothing is `{value}`");
        }
    }
    assert!(named > 15, "{named}");
}

#[test]
fn a_reader_that_sees_nothing_is_told_all() {
    let page = page();
    let tags = tags(&page);
    let begin = |name: &'static str| tags.iter().filter(move |tag| tag.name == name && !tag.ends);
    assert_eq!(begin("html").next().and_then(|tag| tag.attributes.get("lang")), Some(&"en"));
    for name in ["h1", "main"] {
        assert_eq!(begin(name).count(), 1, "{name}");
    }
    assert!(page.contains("<title>memleak: 4 tests failed</title>"));
    assert!(begin("svg").count() >= 3);
    for picture in begin("svg") {
        assert_eq!(picture.attributes.get("role"), Some(&"img"));
        assert!(picture.attributes["aria-label"].len() > 10);
    }
    for header in begin("th") {
        assert!(header.attributes.contains_key("scope"));
    }
    assert_eq!(begin("table").count(), begin("caption").count());
    for section in begin("section") {
        assert!(section.attributes.contains_key("aria-labelledby"));
    }
    // What can be moved by keyboard has a name.
    for moved in tags.iter().filter(|tag| tag.attributes.contains_key("tabindex")) {
        assert_eq!(moved.attributes.get("role"), Some(&"group"));
        assert!(moved.attributes.contains_key("aria-label"));
    }
    let mut level = 0;
    for tag in tags.iter().filter(|tag| !tag.ends) {
        let Some(next) = tag.name.strip_prefix('h').and_then(|level| level.parse::<u32>().ok()) else { continue };
        assert!(next <= level + 1, "h{next} after h{level}");
        level = next;
    }
    assert_eq!(begin("details").count(), begin("summary").count());
}

#[test]
fn odd_names_stay_names() {
    let page = page();
    assert!(page.contains("a::B&lt;&quot;&amp;'&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=http://example.com/x"));
    assert!(!page.contains("<script") && !page.contains('\u{1}'));
}

#[test]
fn a_page_has_an_end() {
    let mut document = examples::held();
    let groups = &mut document.findings.expectations[0].groups;
    *groups = vec![groups[0].clone(); 1_000];
    let page = html(&[document], None);
    assert_eq!(page.matches("<article>").count(), MOST);
    assert!(page.contains("… and 950 more places in the report (JSON)."));
}

/// The contrast of two colours, as WCAG 2 computes it.
fn contrast(a: &str, b: &str) -> f64 {
    let luminance = |colour: &str| {
        let digits = colour.strip_prefix('#').expect("a colour");
        let digits = if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
        let part = |at: usize| f64::from(u8::from_str_radix(&digits[at..at + 2], 16).expect("a colour")) / 255.0;
        let linear = |part: f64| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
        0.2126 * linear(part(0)) + 0.7152 * linear(part(2)) + 0.0722 * linear(part(4))
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_can_be_read_in_light_and_dark() {
    let css = include_str!("../page.css");
    assert!((contrast("#fff", "#000") - 21.0).abs() < 1e-9);
    let themes: Vec<&str> =
        css.split(":root {").skip(1).map(|theme| theme.split_once('}').expect("an end").0).collect();
    assert_eq!(themes.len(), 2, "light and dark");
    for theme in themes {
        let colours: BTreeMap<&str, &str> = theme
            .split(';')
            .filter_map(|line| line.split_once(':'))
            .map(|(name, to)| (name.trim(), to.trim()))
            .collect();
        for text in ["--text", "--soft"] {
            for ground in ["--ground", "--box", "--root", "--target"] {
                let contrast = contrast(colours[text], colours[ground]);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
            }
        }
        for text in ["--bad", "--good", "--odd", "--link"] {
            let contrast = contrast(colours[text], colours["--ground"]);
            assert!(contrast >= 4.5, "{text}: {contrast:.2}");
        }
    }
}

#[test]
fn chromium_opens_it_and_says_nothing() {
    let chromium = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].into_iter().find(|name| {
        let version = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    });
    let Some(chromium) = chromium else {
        // Past what the test harness captures of a test that passes.
        let said = b"SKIPPED: there is no Chromium here, so no browser has opened the page of reports\n";
        io::stderr().write_all(said).unwrap();
        return;
    };
    let directory = std::env::temp_dir().join(format!("memleak-page-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let file = directory.join("index.html");
    let open = |page: &str| {
        fs::write(&file, page).unwrap();
        let output = Command::new(chromium)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--enable-logging=stderr", "--timeout=30000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", directory.join("profile").display()))
            .arg(format!("file://{}", file.display()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let console: Vec<String> = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        (String::from_utf8(output.stdout).unwrap(), console)
    };
    let page = page();
    let (dom, console) = open(&page);
    assert_eq!(console, [""; 0]);
    // What it read is what we wrote: nothing was moved or closed for us.
    for name in ["section", "article", "svg", "li", "details", "tr", "h4"] {
        let begin = format!("<{name}");
        assert_eq!(dom.matches(&begin).count(), page.matches(&begin).count(), "{name}");
    }
    assert!(dom.contains("a::B&lt;\"&amp;'&lt;script&gt;"), "{dom}");
    // It would say something.
    let (_, console) = open(&page.replace("<h1 id", "<img src=\"http://192.0.2.1/x.png\" alt=\"\"><h1 id"));
    assert!(!console.is_empty(), "what the page may not load is not said");
    fs::remove_dir_all(&directory).unwrap();
}
