//! What was allocated and freed between two copies, by stack.
//!
//! May use: `tracker`, `stack`.

use crate::query::copy::Copy;
use crate::query::scene::UNKNOWN;
use crate::stack::StackId;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Blocks of one type that one stack allocated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flow {
    /// What they hold, as [`Scene::object`](crate::query::scene::Scene::object) has it.
    pub type_name: Rc<str>,
    /// The stack.
    pub stack: StackId,
    /// How many blocks.
    pub count: u64,
    /// The same in bytes.
    pub bytes: u64,
}

/// What was allocated and what was freed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Flows {
    /// What was allocated, freed or not.
    pub allocated: Vec<Flow>,
    /// What was freed, whenever it was allocated.
    pub freed: Vec<Flow>,
}

/// Counts and bytes of one stack at one moment.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: i128,
    bytes: i128,
}

/// By stack: what had been allocated, and what lives of it.
type Sums = BTreeMap<u32, (Sum, Sum)>;

impl Copy {
    /// What had been allocated from each stack when the copy was made, and what lives of it.
    fn sums(&self) -> Vec<(u32, Sum, Sum)> {
        let mut sums = Sums::new();
        for traffic in self.scene.snapshot.traffic() {
            sums.entry(traffic.stack.0).or_default().0 =
                Sum { count: traffic.allocations.into(), bytes: traffic.bytes.into() };
        }
        for block in self.scene.snapshot.blocks() {
            let live = &mut sums.entry(block.stack.0).or_default().1;
            (live.count, live.bytes) = (live.count + 1, live.bytes + i128::from(block.size));
        }
        sums.into_iter().map(|(stack, (allocated, live))| (stack, allocated, live)).collect()
    }

    /// In a form that an earlier copy can be compared with.
    pub fn before(&self) -> Before {
        let sums = self.sums().into_iter().map(|(stack, allocated, live)| (stack, (allocated, live)));
        Before(sums.collect())
    }

    /// What was allocated and freed since then.
    pub fn traffic_since(&self, earlier: &Before) -> Flows {
        let mut flows = Flows::default();
        for (stack, allocated, live) in self.sums() {
            let (allocated_before, live_before) = earlier.0.get(&stack).copied().unwrap_or_default();
            let new = minus(allocated, allocated_before);
            // A block that a thread was about to record belongs to the next time.
            let freed = minus(new, minus(live, live_before));
            flows.allocated.extend(self.flow(stack, new));
            flows.freed.extend(self.flow(stack, freed));
        }
        flows
    }

    fn flow(&self, stack: u32, sum: Sum) -> Option<Flow> {
        let count = u64::try_from(sum.count).ok().filter(|count| *count > 0)?;
        let bytes = u64::try_from(sum.bytes).unwrap_or(0);
        let stack = StackId(stack);
        // Values have one size; of buffers the type does not depend on it.
        let content = self.scene.program.content(stack, bytes / count);
        let type_name = self.scene.content_name(&content).unwrap_or_else(|| UNKNOWN.into());
        Some(Flow { type_name, stack, count, bytes })
    }
}

/// What had been allocated from each stack when an earlier copy was made, and what lived of it.
#[derive(Clone, Default)]
pub struct Before(BTreeMap<u32, (Sum, Sum)>);

fn minus(a: Sum, b: Sum) -> Sum {
    Sum { count: a.count - b.count, bytes: a.bytes - b.bytes }
}
