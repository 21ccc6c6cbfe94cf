//! The walk compared with gimli's, on units made by hand, and on broken ones.

use super::*;
use crate::debuginfo::load::{Binary, Reader};
use crate::debuginfo::tree::Tree;
use crate::kernel::interface_dies::{NONE, flags};
use std::path::Path;

const NAMESPACE: u8 = 0x39;
const NAMESPACES: Selection<'static> = Selection {
    always: Tags::of(&[NAMESPACE as u16]),
    named: Tags::of(&[]),
    around: Tags::of(&[]),
    names: &[],
    root_only: false,
};

/// What one node should be, as gimli reads the entry.
#[derive(PartialEq, Debug)]
struct Expected {
    offset: u32,
    parent: u32,
    tag: u16,
    name: Option<String>,
    ty: u32,
    origin: u32,
    declaration: bool,
    spans: Vec<(u64, u64)>,
}

/// All entries of a unit that [`Tree::SELECTION`] wants.
fn expected(binary: &Binary, index: u32) -> Vec<Expected> {
    let dwarf = binary.dwarf();
    let unit = binary.unit(index).unwrap();
    let mut found = Vec::new();
    // The open entries: their depth, and the node at or above each.
    let mut open: Vec<(isize, u32)> = Vec::new();
    let mut entries = unit.entries();
    while let Some(entry) = entries.next_dfs().unwrap() {
        let depth = entry.depth();
        open.retain(|(other, _)| *other < depth);
        let parent = open.last().map_or(NONE, |(_, node)| *node);
        if !Tree::SELECTION.always.has(u64::from(entry.tag().0)) {
            open.push((depth, parent));
            continue;
        }
        open.push((depth, found.len() as u32));
        let reference = |name| match entry.attr_value(name) {
            Some(gimli::AttributeValue::UnitRef(offset)) => offset.0 as u32,
            Some(gimli::AttributeValue::DebugInfoRef(offset)) => {
                offset.to_unit_offset(&unit.header).map_or(offset.0, |offset| offset.0) as u32
            }
            _ => 0,
        };
        let text = |value| dwarf.attr_string(unit, value).ok().map(|text: Reader| text.to_string_lossy().into_owned());
        let mut ranges = dwarf.die_ranges(unit, entry).unwrap();
        let mut spans = Vec::new();
        while let Some(range) = ranges.next().unwrap() {
            if range.begin < range.end && range.begin >= binary.lowest_code() {
                spans.push((range.begin, range.end));
            }
        }
        found.push(Expected {
            offset: entry.offset().0 as u32,
            parent,
            tag: entry.tag().0,
            name: entry.attr_value(gimli::DW_AT_name).and_then(text),
            ty: reference(gimli::DW_AT_type),
            origin: reference(gimli::DW_AT_abstract_origin) | reference(gimli::DW_AT_specification),
            declaration: entry.attr_value(gimli::DW_AT_declaration) == Some(gimli::AttributeValue::Flag(true)),
            spans,
        });
    }
    found
}

/// Walks all units of a binary both ways; says how many nodes there were.
fn compare(binary: &Binary) -> usize {
    let mut count = 0;
    for unit in 0..binary.units().len() as u32 {
        let mut found = Found::default();
        binary.walk(unit, &Tree::SELECTION, &mut found).unwrap();
        let mut spans: Vec<Vec<(u64, u64)>> = vec![Vec::new(); found.nodes.len()];
        for span in found.spans.iter().chain(&found.inlined) {
            spans[span.node as usize].push((span.low, span.high));
        }
        let nodes: Vec<Expected> = found
            .nodes
            .iter()
            .zip(spans)
            .map(|(node, spans)| Expected {
                offset: node.offset,
                parent: node.parent,
                tag: node.tag,
                name: crate::debuginfo::tree::name(binary, node).map(String::from),
                ty: node.ty,
                origin: node.origin,
                declaration: node.flags & flags::DECLARATION != 0,
                spans,
            })
            .collect();
        let expected = expected(binary, unit);
        if nodes != expected {
            let first = nodes.iter().zip(&expected).find(|(node, expected)| node != expected);
            panic!("unit {unit}: {} nodes, {} expected; first difference {first:#x?}", nodes.len(), expected.len());
        }
        let mut ends: Vec<u32> = (1..=nodes.len() as u32).collect();
        for (index, node) in nodes.iter().enumerate().rev().filter(|(_, node)| node.parent != NONE) {
            ends[node.parent as usize] = ends[node.parent as usize].max(ends[index]);
        }
        assert!(found.nodes.iter().map(|node| node.end).eq(ends), "unit {unit}");
        count += nodes.len();
    }
    count
}

#[test]
fn all_units_of_this_binary_are_as_gimli_reads_them() {
    let count = compare(&Binary::current().unwrap());
    assert!(count > 50_000, "{count}");
}

#[test]
fn other_versions_and_optimised_units_are_as_gimli_reads_them() {
    for flags in [&["-Cdwarf-version=5"][..], &["-Copt-level=3", "-Cdwarf-version=5"], &["-Copt-level=3"]] {
        let directory = std::env::temp_dir().join(format!("memleak-walk-{}-{}", std::process::id(), flags.concat()));
        std::fs::create_dir_all(&directory).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/functions.rs");
        let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
        let mut command = std::process::Command::new(rustc);
        command.args(["--edition=2024", "-Cdebuginfo=2", "-o"]).arg(directory.join("program")).args(flags).arg(source);
        assert!(command.status().expect("this test needs rustc").success());
        let count = compare(&Binary::open(&directory.join("program")).unwrap());
        assert!(count > 10_000, "{flags:?}: {count}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}

/// A unit made by hand.
#[derive(Clone, Default)]
struct Made {
    info: Vec<u8>,
    abbrev: Vec<u8>,
    str_offsets: Vec<u8>,
    addr: Vec<u8>,
    ranges: Vec<u8>,
    rnglists: Vec<u8>,
}

impl Made {
    /// `abbreviations` without the final zero, `entries` without the header.
    fn new(version: u16, wide: bool, abbreviations: &[&[u8]], entries: &[&[u8]]) -> Made {
        let offset_size = if wide { 8 } else { 4 };
        let mut body = version.to_le_bytes().to_vec();
        if version >= 5 {
            body.extend([1, 8]);
            body.extend(vec![0; offset_size]);
        } else {
            body.extend(vec![0; offset_size]);
            body.push(8);
        }
        body.extend(entries.concat());
        let mut info = Vec::new();
        if wide {
            info.extend([0xff; 4]);
            info.extend((body.len() as u64).to_le_bytes());
        } else {
            info.extend((body.len() as u32).to_le_bytes());
        }
        info.extend(body);
        Made { info, abbrev: [&abbreviations.concat()[..], &[0]].concat(), ..Made::default() }
    }

    fn walk(&self, selection: &Selection) -> Result<Found, WalkError> {
        let mut found = Found::default();
        self.walk_with(&mut Walker::new(), selection, &mut found)?;
        Ok(found)
    }

    fn walk_with(&self, walker: &mut Walker, selection: &Selection, found: &mut Found) -> Result<(), WalkError> {
        let data = Data {
            info: &self.info,
            abbrev: &self.abbrev,
            str_offsets: &self.str_offsets,
            addr: &self.addr,
            ranges: &self.ranges,
            rnglists: &self.rnglists,
            lowest_code: 0x1000,
        };
        walker.walk(&data, selection, 0, found)
    }
}

/// A unit, a namespace with these attributes, and one called by the offset 77.
fn around(version: u16, wide: bool, attributes: &[u8], values: &[u8]) -> Made {
    let end = if wide { vec![2, 77, 0, 0, 0, 0, 0, 0, 0] } else { vec![2, 77, 0, 0, 0] };
    Made::new(
        version,
        wide,
        &[
            &[1, 0x11, 1, 0, 0],
            &[2, NAMESPACE, 0, 0x03, 0x0e, 0, 0],
            &[3, NAMESPACE, 0],
            attributes,
            &[0, 0],
            // The same, of a tag that nobody wants.
            &[4, 0x05, 0],
            attributes,
            &[0, 0],
        ],
        &[&[1], &[4], values, &[3], values, &end, &[0]],
    )
}

/// Every form, the version it is from, and data that its neighbours would not survive if it were taken for longer or shorter.
const FORMS: &[(u8, &[u8], u16)] = &[
    (0x01, &[1, 2, 3, 4, 5, 6, 7, 8], 2),
    (0x03, &[3, 0, 9, 9, 9], 2),
    (0x04, &[2, 0, 0, 0, 9, 9], 2),
    (0x05, &[9, 9], 2),
    (0x06, &[9; 4], 2),
    (0x07, &[9; 8], 2),
    (0x08, b"text\0", 2),
    (0x09, &[0x81, 0, 9], 2),
    (0x0a, &[2, 9, 9], 2),
    (0x0b, &[9], 2),
    (0x0c, &[1], 2),
    (0x0d, &[0xff, 0xff, 0x7f], 2),
    (0x0f, &[0xff, 0xff, 0x7f], 2),
    (0x11, &[9], 2),
    (0x12, &[9; 2], 2),
    (0x13, &[9; 4], 2),
    (0x14, &[9; 8], 2),
    (0x15, &[0x89, 1], 2),
    (0x18, &[0x81, 0x80, 0, 9], 4),
    (0x19, &[], 4),
    (0x1a, &[0x80, 1], 5),
    (0x1b, &[0x80, 1], 5),
    (0x1e, &[9; 16], 5),
    (0x20, &[9; 8], 4),
    (0x22, &[0x80, 1], 5),
    (0x23, &[0x80, 1], 5),
    (0x25, &[9], 5),
    (0x26, &[9; 2], 5),
    (0x27, &[9; 3], 5),
    (0x28, &[9; 4], 5),
    (0x29, &[9], 5),
    (0x2a, &[9; 2], 5),
    (0x2b, &[9; 3], 5),
    (0x2c, &[9; 4], 5),
];

#[test]
fn every_form_is_stepped_over() {
    // An attribute that nobody wants: DW_AT_decl_file.
    const ATTRIBUTE: u8 = 0x3a;
    let mut forms: Vec<(bool, u16, Vec<u8>, Vec<u8>)> = Vec::new();
    for version in 2..=5 {
        for (form, data, _) in FORMS.iter().filter(|(_, _, since)| *since <= version) {
            forms.extend([false, true].map(|wide| (wide, version, vec![ATTRIBUTE, *form], data.to_vec())));
        }
        for wide in [false, true] {
            // References to sections: strp, sec_offset, ref_addr, line_strp.
            let size = if wide { 8 } else { 4 };
            for (form, size) in [(0x0e, size), (0x17, size), (0x10, if version == 2 { 8 } else { size }), (0x1f, size)]
            {
                forms.push((wide, version, vec![ATTRIBUTE, form], vec![9; size]));
            }
        }
    }
    // A constant that is in the abbreviation itself.
    forms.push((false, 5, vec![ATTRIBUTE, 0x21, 0xff, 0x7f], vec![]));
    for (wide, version, attributes, values) in forms {
        let unit = around(version, wide, &attributes, &values);
        let found =
            unit.walk(&NAMESPACES).unwrap_or_else(|error| panic!("{attributes:x?} in version {version}: {error}"));
        let names: Vec<u32> = found.nodes.iter().map(|node| node.name).collect();
        assert_eq!(names, [NONE, 77], "{attributes:x?} in version {version}, wide {wide}");
    }
}

#[test]
fn names_references_and_addresses_are_read_in_every_form_they_have() {
    let node = |unit: &Made| unit.walk(&NAMESPACES).unwrap().nodes[0];
    // Names.
    assert_eq!(node(&around(4, false, &[3, 0x0e], &[1, 2, 0, 0])).name, 0x201);
    let inline = node(&around(4, false, &[3, 0x08], b"text\0"));
    assert_eq!((inline.name, inline.flags), (11 + 1 + 1 + 5 + 1, flags::NAME_INLINE));
    let line_str = node(&around(5, false, &[3, 0x1f], &[1, 2, 0, 0]));
    assert_eq!((line_str.name, line_str.flags), (0x201, flags::NAME_IN_LINE_STR));
    for (form, data) in [(0x1a, &[1][..]), (0x25, &[1]), (0x26, &[1, 0]), (0x27, &[1, 0, 0]), (0x28, &[1, 0, 0, 0])] {
        let mut unit = around(5, false, &[3, form], data);
        unit.str_offsets = vec![9, 9, 9, 9, 1, 2, 0, 0];
        assert_eq!(node(&unit).name, 0x201, "{form:x}");
    }
    // References.
    for (form, data) in [
        (0x11, &[7][..]),
        (0x12, &[7, 0]),
        (0x13, &[7, 0, 0, 0]),
        (0x14, &[7, 0, 0, 0, 0, 0, 0, 0]),
        (0x15, &[0x87, 0]),
    ] {
        let found = node(&around(4, false, &[0x49, form], data));
        assert_eq!((found.ty, found.flags), (7, 0), "{form:x}");
        assert_eq!(node(&around(4, false, &[0x31, form], data)).origin, 7);
        assert_eq!(node(&around(4, false, &[0x47, form], data)).origin, 7);
    }
    let elsewhere = node(&around(4, false, &[0x49, 0x10, 0x47, 0x10], &[0xff, 1, 0, 0, 0xff, 2, 0, 0]));
    assert_eq!((elsewhere.ty, elsewhere.origin), (0x1ff, 0x2ff));
    assert_eq!(elsewhere.flags, flags::TYPE_ELSEWHERE | flags::ORIGIN_ELSEWHERE);
    let here = node(&around(4, false, &[0x49, 0x10], &[12, 0, 0, 0]));
    assert_eq!((here.ty, here.flags), (12, 0));
    // Addresses.
    let span = |unit: &Made| {
        unit.walk(&NAMESPACES).unwrap().spans.iter().map(|span| (span.low, span.high)).collect::<Vec<_>>()
    };
    let low = [0, 0x20, 0, 0, 0, 0, 0, 0];
    for (form, high) in [
        (0x0b, &[8][..]),
        (0x05, &[8, 0]),
        (0x06, &[8, 0, 0, 0]),
        (0x07, &[8, 0, 0, 0, 0, 0, 0, 0]),
        (0x0f, &[0x88, 0]),
    ] {
        assert_eq!(
            span(&around(4, false, &[0x11, 1, 0x12, form], &[&low, high].concat())),
            [(0x2000, 0x2008)],
            "{form:x}"
        );
    }
    assert_eq!(
        span(&around(4, false, &[0x11, 1, 0x12, 1], &[low, [8, 0x20, 0, 0, 0, 0, 0, 0]].concat())),
        [(0x2000, 0x2008)]
    );
    for (form, index) in [(0x1b, &[1][..]), (0x29, &[1]), (0x2a, &[1, 0]), (0x2b, &[1, 0, 0]), (0x2c, &[1, 0, 0, 0])] {
        let mut unit = around(5, false, &[0x11, form, 0x12, 0x06], &[index, &[8, 0, 0, 0]].concat());
        unit.addr = [[9; 8], low].concat();
        assert_eq!(span(&unit), [(0x2000, 0x2008)], "{form:x}");
    }
    // What the linker left out.
    for low in [[0; 8], [1, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(span(&around(4, false, &[0x11, 1, 0x12, 0x0b], &[&low[..], &[8]].concat())), []);
    }
}

#[test]
fn lists_of_ranges_are_read() {
    let word = |values: &[u64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let spans = |unit: &Made| {
        unit.walk(&NAMESPACES).unwrap().spans.iter().map(|span| (span.low, span.high)).collect::<Vec<_>>()
    };
    let mut unit = around(4, false, &[0x55, 0x17], &[16, 0, 0, 0]);
    // Another list, an empty range, one that was left out, a base, and the end.
    unit.ranges = word(&[0, 0, 0x2000, 0x2010, 0x3000, 0x3000, 1, 1, u64::MAX, 0x5000, 1, 3, 0, 0, 0x9000, 0x9999]);
    assert_eq!(spans(&unit), [(0x2000, 0x2010), (0x5001, 0x5003)]);
    unit.ranges.truncate(16 * 5);
    assert_eq!(unit.walk(&NAMESPACES).err().map(|error| error.status), Some(Status::Truncated));

    // More than there is room for at once.
    unit.ranges = [9, 9]
        .into_iter()
        .chain((1..2_000).flat_map(|n| [0x1000 * n, 0x1000 * n + 1]))
        .chain([0, 0])
        .flat_map(u64::to_le_bytes)
        .collect();
    assert_eq!(spans(&unit).len(), 1_999);

    let mut unit = around(5, false, &[0x55, 0x17], &[1, 0, 0, 0]);
    unit.addr = word(&[0x1000_0000, 0x2000_0000, 0x2000_0040]);
    unit.rnglists = vec![9];
    unit.rnglists.extend([1, 0, 4, 0x10, 0x90, 1]);
    unit.rnglists.extend([2, 1, 2]);
    unit.rnglists.extend([3, 1, 8]);
    unit.rnglists.extend([&[5][..], &word(&[0x3000_0000]), &[4, 1, 2]].concat());
    unit.rnglists.extend([&[6][..], &word(&[0x4000_0000, 0x4000_0001])].concat());
    unit.rnglists.extend([&[7][..], &word(&[0x5000_0000]), &[4, 0]].concat());
    let expected = [
        (0x1000_0010, 0x1000_0090),
        (0x2000_0000, 0x2000_0040),
        (0x2000_0000, 0x2000_0008),
        (0x3000_0001, 0x3000_0002),
        (0x4000_0000, 0x4000_0001),
        (0x5000_0000, 0x5000_0004),
    ];
    assert_eq!(spans(&unit), expected);
    *unit.rnglists.last_mut().unwrap() = 8;
    assert!(unit.walk(&NAMESPACES).is_err());

    // By index: the table of offsets is at the base, which is 0 here; the list follows.
    let mut unit = around(5, false, &[0x55, 0x23], &[1]);
    unit.rnglists = [&[9, 9, 9, 9, 8, 0, 0, 0][..], &[7], &word(&[0x5000]), &[4, 0]].concat();
    assert_eq!(spans(&unit), [(0x5000, 0x5004)]);
}

#[test]
fn what_is_not_known_is_an_error() {
    let status = |unit: &Made| unit.walk(&NAMESPACES).err().map(|error| (error.status, error.detail));
    for form in [0x16, 0x1c, 0x1d, 0x24, 0x2d, 0x7f] {
        assert_eq!(status(&around(5, false, &[0x3a, form], &[9; 16])), Some((Status::UnknownForm, u64::from(form))));
    }
    // DW_FORM_GNU_strp_alt.
    assert_eq!(status(&around(4, false, &[0x3a, 0xa1, 0x3e], &[9; 16])), Some((Status::UnknownForm, 0x1f21)));
    // A name that is an address; a type that is a text.
    assert_eq!(status(&around(4, false, &[0x03, 0x01], &[9; 8])), Some((Status::WrongForm, 0x01)));
    assert_eq!(status(&around(4, false, &[0x49, 0x08], b"a\0")), Some((Status::WrongForm, 0x08)));
    for version in [0, 1, 6] {
        assert_eq!(status(&around(version, false, &[], &[])), Some((Status::UnknownVersion, u64::from(version))));
    }
    let no_abbreviation = Made::new(4, false, &[&[1, 0x11, 1, 0, 0]], &[&[1, 5, 0]]);
    assert_eq!(status(&no_abbreviation), Some((Status::NoAbbreviation, 0)));
    let deep = |depth: usize| Made::new(4, false, &[&[1, NAMESPACE, 1, 0, 0]], &[&vec![1; depth], &vec![0; depth]]);
    assert_eq!(deep(DEPTH).walk(&NAMESPACES).map(|found| found.nodes.len()), Ok(DEPTH));
    assert_eq!(status(&deep(DEPTH + 1)), Some((Status::TooDeep, 0)));
}

#[test]
fn abbreviations_may_be_numbered_in_any_way() {
    let unit = Made::new(
        4,
        false,
        &[&[200, 1, 0x11, 1, 0, 0], &[7, NAMESPACE, 0, 0x03, 0x0b + 3, 0, 0]],
        &[&[200, 1], &[7, 5, 0, 0, 0], &[7, 6, 0, 0, 0], &[0]],
    );
    let names: Vec<u32> = unit.walk(&NAMESPACES).unwrap().nodes.iter().map(|node| node.name).collect();
    assert_eq!(names, [5, 6]);
}

#[test]
fn only_what_is_named_and_what_is_around_it_becomes_a_node() {
    // namespace 1 { namespace 2 { struct 3, struct 4 { struct 5 } }, namespace 6 { struct 3 } }, with the names as offsets.
    const STRUCT: u8 = 0x13;
    let unit = Made::new(
        4,
        false,
        &[
            &[1, 0x11, 1, 0, 0],
            &[2, NAMESPACE, 1, 3, 0x0e, 0, 0],
            &[3, STRUCT, 0, 3, 0x0e, 0, 0],
            &[4, STRUCT, 1, 3, 0x0e, 0, 0],
        ],
        &[
            &[1],
            &[2, 1, 0, 0, 0],
            &[2, 2, 0, 0, 0],
            &[3, 3, 0, 0, 0],
            &[4, 4, 0, 0, 0],
            &[3, 5, 0, 0, 0],
            &[0, 0],
            &[2, 6, 0, 0, 0],
            &[3, 3, 0, 0, 0],
            &[0, 0, 0],
        ],
    );
    let found = |names: u64| {
        let structs = Tags::of(&[u16::from(STRUCT)]);
        let around = Tags::of(&[u16::from(STRUCT), u16::from(NAMESPACE)]);
        let selection = Selection { always: Tags::of(&[]), named: structs, around, names: &[names], root_only: false };
        let nodes = unit.walk(&selection).unwrap().nodes;
        nodes.iter().map(|node| (node.name, node.parent as i32, node.end)).collect::<Vec<_>>()
    };
    assert_eq!(found(0), []);
    assert_eq!(found(1 << 3), [(1, -1, 5), (2, 0, 3), (3, 1, 3), (6, 0, 5), (3, 3, 5)]);
    assert_eq!(found(1 << 5), [(1, -1, 4), (2, 0, 4), (4, 1, 4), (5, 2, 4)]);
    assert_eq!(found(1 << 4), [(1, -1, 3), (2, 0, 3), (4, 1, 3)]);
    assert_eq!(found(1 << 1), [], "a namespace is not asked for");
}

/// A generator of numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// The sections of a real unit, cut out of this binary.
fn real_unit(numbers: &mut Numbers, binary: &Binary) -> Made {
    let unit = &binary.units()[numbers.below(binary.units().len())];
    let start = unit.debug_info_offset().unwrap().0;
    let info = &binary.section(gimli::SectionId::DebugInfo)[start..][..unit.length_including_self().min(20_000)];
    let data = binary.walk_data();
    let abbrev = &data.abbrev[unit.debug_abbrev_offset().0..];
    let mut info = info.to_vec();
    // Its abbreviations now begin at 0.
    info[6..10].fill(0);
    Made {
        info,
        abbrev: abbrev[..abbrev.len().min(5_000)].to_vec(),
        ranges: data.ranges[..data.ranges.len().min(100_000)].to_vec(),
        ..Made::default()
    }
}

#[test]
fn broken_units_end_in_an_error_and_leave_nothing_behind() {
    let binary = Binary::current().unwrap();
    let mut numbers = Numbers(7);
    let mut walker = Walker::new();
    let mut failed = 0;
    for round in 0..3_000 {
        let mut unit = real_unit(&mut numbers, &binary);
        let cut = round % 4 == 0;
        if cut {
            let len = numbers.below(unit.info.len());
            unit.info.truncate(len);
        }
        for _ in 0..if cut { 0 } else { 1 + numbers.below(8) } {
            let section = if numbers.below(2) == 0 { &mut unit.info } else { &mut unit.abbrev };
            // Mostly near the start, where it does most harm.
            let len = section.len();
            let near = 1 + numbers.below(len);
            section[numbers.below(near)] = numbers.below(256) as u8;
        }
        let mut found = Found::default();
        let result = unit.walk_with(&mut walker, &Tree::SELECTION, &mut found);
        if result.is_err() {
            failed += 1;
            assert!(found.nodes.is_empty() && found.spans.is_empty() && found.inlined.is_empty());
        }
        assert!(!cut || result.is_err(), "a unit that is cut off");
    }
    assert!(failed > 1_000, "{failed}");
}

#[test]
fn noise_ends_in_an_error_or_in_nodes() {
    let mut numbers = Numbers(11);
    let mut walker = Walker::new();
    for _ in 0..3_000 {
        let mut noise = |len: usize| (0..numbers.below(len)).map(|_| numbers.below(256) as u8).collect::<Vec<u8>>();
        let mut unit = Made {
            info: noise(300),
            abbrev: noise(300),
            str_offsets: noise(100),
            addr: noise(100),
            ranges: noise(100),
            rnglists: noise(100),
        };
        // With a header that lets it get further.
        let body = noise(300);
        unit.info = [&(body.len() as u32 + 7).to_le_bytes()[..], &[4, 0, 0, 0, 0, 0, 8], &body].concat();
        let _ = unit.walk_with(&mut walker, &Tree::SELECTION, &mut Found::default());
    }
}

#[test]
fn little_space_is_made_larger() {
    let binary = Binary::current().unwrap();
    let mut walker =
        Walker { abbreviations: vec![Abbreviation::default()], steps: vec![Step::default()], ..Walker::new() };
    let mut small = Found::default();
    let unit = binary.units().iter().max_by_key(|unit| unit.length_including_self()).unwrap();
    let unit = unit.debug_info_offset().unwrap().0;
    walker.walk(&binary.walk_data(), &Tree::SELECTION, unit, &mut small).unwrap();
    let mut large = Found {
        nodes: Vec::with_capacity(100_000),
        spans: Vec::with_capacity(100_000),
        inlined: Vec::with_capacity(100_000),
    };
    Walker::new().walk(&binary.walk_data(), &Tree::SELECTION, unit, &mut large).unwrap();
    assert!(large.nodes.len() > 100);
    assert_eq!(format!("{:?}", small.nodes), format!("{:?}", large.nodes));
    assert_eq!(format!("{:?}", small.inlined), format!("{:?}", large.inlined));
    assert_eq!(format!("{:?}", small.spans), format!("{:?}", large.spans));
}

#[test]
fn spans_are_sorted_by_address() {
    let mut numbers = Numbers(3);
    for len in (0..40).chain([1_000, 10_000]) {
        let mut spans: Vec<Span> = (0..len)
            .map(|node| {
                let low = numbers.below(500) as u64;
                Span { low, high: low + numbers.below(9) as u64, node }
            })
            .collect();
        let mut expected: Vec<(u64, u64)> = spans.iter().map(|span| (span.low, span.high)).collect();
        expected.sort_unstable();
        sort(&mut spans);
        assert_eq!(spans.iter().map(|span| (span.low, span.high)).collect::<Vec<_>>(), expected);
        let mut nodes: Vec<u32> = spans.iter().map(|span| span.node).collect();
        nodes.sort_unstable();
        assert!(nodes.into_iter().eq(0..len));
    }
}

#[test]
fn aranges_are_those_that_gimli_reads() {
    let binary = Binary::current().unwrap();
    let mut expected = Vec::new();
    let mut headers = binary.dwarf().debug_aranges.headers();
    while let Some(header) = headers.next().unwrap() {
        let mut entries = header.entries();
        while let Some(entry) = entries.next().unwrap() {
            if entry.address() != 0 && entry.length() != 0 {
                expected.push((entry.address(), entry.address() + entry.length(), header.debug_info_offset().0 as u32));
            }
        }
    }
    expected.sort_unstable();
    let section = binary.section(gimli::SectionId::DebugAranges);
    let found = aranges(section).unwrap();
    assert!(found.len() > 1_000);
    let mut found: Vec<_> = found.iter().map(|span| (span.low, span.high, span.node)).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    for cut in [1, 5, 20, 100, section.len() - 1] {
        assert!(aranges(&section[..cut]).is_err(), "{cut}");
    }
}
