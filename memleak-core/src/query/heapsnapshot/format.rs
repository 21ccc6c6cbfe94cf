//! The file format: what V8 writes as `.heapsnapshot`, and Chrome's DevTools, Node's and memlab read.
//!
//! One JSON object: a header that says what each number means, then flat lists of numbers, then all texts. Readers want the lists in this order.
//! The writer makes no value in between, so its memory does not grow with the heap. Nearly all that is written is numbers.

use super::stacks::Stacks;
use super::strings::Strings;
use std::io::{self, Write};

/// What a node is; the place of its name in [`NODE_TYPES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NodeType {
    String = 2,
    Object = 3,
    Native = 8,
    Synthetic = 9,
}

/// What an edge is; the place of its name in [`EDGE_TYPES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EdgeType {
    /// Has a number.
    Element = 1,
    /// Has a name.
    Property = 2,
    /// Has a name; keeps nothing.
    Weak = 6,
}

const NODE_TYPES: [&str; 10] =
    ["hidden", "array", "string", "object", "code", "closure", "regexp", "number", "native", "synthetic"];

const EDGE_TYPES: [&str; 7] = ["context", "element", "property", "internal", "hidden", "shortcut", "weak"];

/// How many numbers a node has: the type, the name, the id, the size, how many edges, and where it was allocated.
const NODE_FIELDS: u64 = 6;

/// A node without its edges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: NodeType,
    /// In the texts.
    pub(super) name: u32,
    pub(super) id: u32,
    /// In bytes.
    pub(super) size: u64,
    /// Where it was allocated: a node of the tree of stacks, or 0.
    pub(super) allocated: u32,
}

/// An edge; those of a node are one behind the other, in the order of the nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) kind: EdgeType,
    /// In the texts, or the number of an element.
    pub(super) name: u32,
    /// The number of the node that it leads to.
    pub(super) to: u32,
}

/// A whole heap, ready to be written.
pub(super) struct File<'f> {
    /// With how many edges each has.
    pub(super) nodes: &'f mut dyn Iterator<Item = (Node, u32)>,
    pub(super) node_count: usize,
    pub(super) edges: &'f mut dyn Iterator<Item = Edge>,
    pub(super) edge_count: usize,
    pub(super) stacks: &'f Stacks,
    pub(super) strings: &'f Strings,
}

impl File<'_> {
    pub(super) fn write(self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = Json { out };
        self.header(&mut out)?;
        out.text(",\n\"nodes\":[")?;
        let mut before = "";
        for (node, edges) in &mut *self.nodes {
            let Node { kind, name, id, size, allocated } = node;
            let numbers = [kind as u64, name.into(), id.into(), size, edges.into(), allocated.into()];
            out.numbers(std::mem::replace(&mut before, ",\n"), &numbers)?;
        }
        out.text("],\n\"edges\":[")?;
        let mut before = "";
        for Edge { kind, name, to } in &mut *self.edges {
            let numbers = [kind as u64, name.into(), u64::from(to) * NODE_FIELDS];
            out.numbers(std::mem::replace(&mut before, ",\n"), &numbers)?;
        }
        out.text("],\n\"trace_function_infos\":[")?;
        let mut before = "";
        for (index, function) in (0..).zip(&self.stacks.functions) {
            let (name, file, line) = (function.name.into(), function.file.into(), function.line.into());
            // Readers show the file only if it has a number.
            let numbers = [index, name, file, if line > 0 { file } else { 0 }, line, 0];
            out.numbers(std::mem::replace(&mut before, ",\n"), &numbers)?;
        }
        out.text("],\n\"trace_tree\":[")?;
        self.stack(&mut out, 0)?;
        out.text("],\n\"samples\":[],\n\"locations\":[],\n\"strings\":[")?;
        let mut before = "";
        for text in self.strings.iter() {
            out.text(std::mem::replace(&mut before, ",\n"))?;
            out.string(&text)?;
        }
        out.text("]}\n")
    }

    fn header(&self, out: &mut Json<'_>) -> io::Result<()> {
        let list = |names: &[&str]| format!("[\"{}\"]", names.join("\",\""));
        let node_fields = list(&["type", "name", "id", "self_size", "edge_count", "trace_node_id"]);
        let edge_fields = list(&["type", "name_or_index", "to_node"]);
        let function_fields = list(&["function_id", "name", "script_name", "script_id", "line", "column"]);
        let (node_types, edge_types) = (list(&NODE_TYPES), list(&EDGE_TYPES));
        out.text(&format!(
            "{{\"snapshot\":{{\"meta\":{{\"node_fields\":{node_fields},\
             \"node_types\":[{node_types},\"string\",\"number\",\"number\",\"number\",\"number\"],\
             \"edge_fields\":{edge_fields},\
             \"edge_types\":[{edge_types},\"string_or_number\",\"node\"],\
             \"trace_function_info_fields\":{function_fields},\
             \"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],\
             \"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],\
             \"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]}},\
             \"node_count\":{},\"edge_count\":{},\"trace_function_count\":{}}}",
            self.node_count,
            self.edge_count,
            self.stacks.functions.len(),
        ))
    }

    /// A node of the tree of stacks. Stacks are cut when they are captured, so the tree is not deep.
    fn stack(&self, out: &mut Json<'_>, index: usize) -> io::Result<()> {
        let node = &self.stacks.nodes[index];
        out.numbers("", &[index as u64 + 1, node.function.into(), node.allocations, node.bytes])?;
        out.text(",[")?;
        for (place, child) in node.children.iter().enumerate() {
            out.text(if place > 0 { ",\n" } else { "" })?;
            self.stack(out, *child as usize)?;
        }
        out.text("]")
    }
}

/// Writes parts of JSON.
struct Json<'w> {
    out: &'w mut dyn Write,
}

impl Json<'_> {
    fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// Several in one piece: a call per number costs more than the number.
    fn numbers(&mut self, before: &str, numbers: &[u64]) -> io::Result<()> {
        const MOST_DIGITS: usize = 20;
        let mut bytes = [0; 6 * (MOST_DIGITS + 1)];
        let mut start = bytes.len();
        for (index, number) in numbers.iter().enumerate().rev() {
            if index + 1 < numbers.len() {
                start -= 1;
                bytes[start] = b',';
            }
            let mut rest = *number;
            loop {
                start -= 1;
                bytes[start] = b'0' + (rest % 10) as u8;
                rest /= 10;
                if rest == 0 {
                    break;
                }
            }
        }
        self.text(before)?;
        self.out.write_all(&bytes[start..])
    }

    fn string(&mut self, text: &str) -> io::Result<()> {
        self.text("\"")?;
        let special = |c: char| c < ' ' || c == '"' || c == '\\';
        let mut rest = text;
        while let Some(at) = rest.find(special) {
            self.text(&rest[..at])?;
            let code = u32::from(rest.as_bytes()[at]);
            self.text(&format!("\\u{code:04x}"))?;
            rest = &rest[at + 1..];
        }
        self.text(rest)?;
        self.text("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn numbers_and_texts_are_json() {
        let mut out = Vec::new();
        let mut json = Json { out: &mut out };
        json.numbers("[", &[0, u64::MAX, 10]).unwrap();
        json.text(",").unwrap();
        json.string("a\"b\\c\nd\u{1}é").unwrap();
        json.text("]").unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "[0,18446744073709551615,10,\"a\\u0022b\\u005cc\\u000ad\\u0001é\"]"
        );
    }
}
