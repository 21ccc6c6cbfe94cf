//! A `.heapsnapshot` file, read as its readers do, and held to what they rely on.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// A heap as a reader has it.
pub struct File {
    pub nodes: Vec<Node>,
    pub functions: Vec<(String, String, u64)>,
    /// By number: the function, how often it has allocated and how much, and the number of the caller's node.
    pub stacks: HashMap<u64, (usize, u64, u64, u64)>,
    /// All texts of the file.
    pub strings: Vec<String>,
}

#[derive(Debug)]
pub struct Node {
    pub kind: String,
    pub name: String,
    pub id: u64,
    pub size: u64,
    pub stack: u64,
    pub edges: Vec<Edge>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    pub kind: String,
    pub name: String,
    pub to: usize,
}

/// A list of numbers, or of anything.
fn list<'v>(value: &'v Value, name: &str) -> &'v Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("`{name}` is no list"))
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number")) as usize
}

impl File {
    pub fn read(path: &Path) -> File {
        let text = fs::read_to_string(path).unwrap();
        let all: Value = serde_json::from_str(&text).unwrap();
        // DevTools reads the parts one behind the other.
        let parts =
            ["snapshot", "nodes", "edges", "trace_function_infos", "trace_tree", "samples", "locations", "strings"];
        let places: Vec<usize> = parts.iter().map(|part| text.find(&format!("\"{part}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
        let strings: Vec<String> = list(&all, "strings").iter().map(|text| text.as_str().unwrap().to_owned()).collect();
        assert_eq!(strings.iter().collect::<HashSet<_>>().len(), strings.len(), "each text once");
        let meta = &all["snapshot"]["meta"];
        let types = |fields: &str| -> Vec<String> {
            list(meta, fields)[0].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(list(meta, "node_fields").len(), list(meta, "node_types").len());
        assert_eq!(list(meta, "edge_fields").len(), list(meta, "edge_types").len());
        let field = |of: &str, name: &str| list(meta, of).iter().position(|field| field == name).unwrap();

        let (width, edge_width) = (list(meta, "node_fields").len(), list(meta, "edge_fields").len());
        let (numbers, edge_numbers) = (list(&all, "nodes"), list(&all, "edges"));
        assert_eq!(numbers.len(), number(&all["snapshot"]["node_count"]) * width);
        assert_eq!(edge_numbers.len(), number(&all["snapshot"]["edge_count"]) * edge_width);
        let (node_types, edge_types) = (types("node_types"), types("edge_types"));
        let mut edges = edge_numbers.chunks(edge_width).map(|edge| {
            let kind = edge_types[number(&edge[field("edge_fields", "type")])].clone();
            let name = number(&edge[field("edge_fields", "name_or_index")]);
            let to = number(&edge[field("edge_fields", "to_node")]);
            assert_eq!(to % width, 0, "an edge leads to the start of a node");
            assert!(to < numbers.len());
            let name = if kind == "element" { name.to_string() } else { strings[name].clone() };
            Edge { kind, name, to: to / width }
        });
        let node = |node: &[Value]| {
            let of = |name: &str| number(&node[field("node_fields", name)]);
            Node {
                kind: node_types[of("type")].clone(),
                name: strings[of("name")].clone(),
                id: of("id") as u64,
                size: of("self_size") as u64,
                stack: of("trace_node_id") as u64,
                edges: edges.by_ref().take(of("edge_count")).collect(),
            }
        };
        let nodes: Vec<Node> = numbers.chunks(width).map(node).collect();
        assert_eq!(edges.next(), None, "each edge belongs to a node");

        let functions: Vec<_> = list(&all, "trace_function_infos")
            .chunks(list(meta, "trace_function_info_fields").len())
            .map(|f| (strings[number(&f[1])].clone(), strings[number(&f[2])].clone(), number(&f[4]) as u64))
            .collect();
        assert_eq!(functions.len(), number(&all["snapshot"]["trace_function_count"]));
        let mut stacks = HashMap::new();
        read_stacks(list(&all, "trace_tree"), 0, &mut stacks);
        let file = File { nodes, functions, stacks, strings };
        file.holds_together();
        file
    }

    /// What every file has to keep.
    fn holds_together(&self) {
        let ids: HashSet<u64> = self.nodes.iter().map(|node| node.id).collect();
        assert_eq!(ids.len(), self.nodes.len(), "each number once");
        assert!(ids.iter().all(|id| id % 2 == 1 && *id < 1 << 32));
        assert_eq!((&*self.nodes[0].name, self.nodes[0].id), ("", 1));
        assert!(self.nodes[0].edges.iter().all(|edge| self.nodes[edge.to].kind == "synthetic"), "or sizes are moved");
        assert_eq!(
            self.reached_without(&[]).iter().filter(|reached| !**reached).count(),
            0,
            "a root leads to each node"
        );
        for node in &self.nodes {
            assert!(node.stack == 0 || self.stacks.contains_key(&node.stack), "{node:?}");
        }
        assert!(self.stacks.values().all(|(function, ..)| *function < self.functions.len()));
    }

    /// By node: whether the root leads there without these. A weak edge keeps nothing.
    pub fn reached_without(&self, without: &[usize]) -> Vec<bool> {
        let mut reached = vec![false; self.nodes.len()];
        let mut next = vec![0];
        while let Some(node) = next.pop() {
            if !without.contains(&node) && !std::mem::replace(&mut reached[node], true) {
                next.extend(self.nodes[node].edges.iter().filter(|edge| edge.kind != "weak").map(|edge| edge.to));
            }
        }
        reached
    }

    /// The size that readers show: of all that only this node keeps.
    pub fn retained(&self, node: usize) -> u64 {
        let reached = self.reached_without(&[node]);
        self.nodes.iter().zip(reached).filter(|(_, reached)| !reached).map(|(node, _)| node.size).sum()
    }

    /// The nodes of this name.
    pub fn named(&self, name: &str) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].name == name).collect()
    }

    /// The only one.
    pub fn one(&self, name: &str) -> usize {
        match self.named(name)[..] {
            [node] => node,
            ref other => panic!("{} nodes are called `{name}`", other.len()),
        }
    }

    /// What leads to a node: the other node, and the edge.
    pub fn retainers(&self, node: usize) -> Vec<(usize, &Edge)> {
        let of = |(from, other): (usize, &'_ Node)| -> Vec<usize> {
            (0..other.edges.len()).filter(|edge| other.edges[*edge].to == node).map(|_| from).collect()
        };
        let mut found: Vec<usize> = self.nodes.iter().enumerate().flat_map(of).collect();
        found.dedup();
        let edges = |from: usize| {
            self.nodes[from].edges.iter().filter(move |edge| edge.to == node).map(move |edge| (from, edge))
        };
        found.into_iter().flat_map(edges).collect()
    }

    /// The functions of the stack that allocated a node, the innermost first.
    pub fn stack(&self, node: usize) -> Vec<&(String, String, u64)> {
        let mut functions = Vec::new();
        let mut at = self.nodes[node].stack;
        while let Some((function, _, _, caller)) = self.stacks.get(&at) {
            functions.push(&self.functions[*function]);
            at = *caller;
        }
        functions
    }
}

fn read_stacks(nodes: &[Value], caller: u64, into: &mut HashMap<u64, (usize, u64, u64, u64)>) {
    for node in nodes.chunks(5) {
        let id = number(&node[0]) as u64;
        let numbers = (number(&node[1]), number(&node[2]) as u64, number(&node[3]) as u64, caller);
        assert_eq!(into.insert(id, numbers), None, "each number once");
        read_stacks(node[4].as_array().unwrap(), id, into);
    }
}
