// Has memlab read the files that `MEMLEAK_KEEP_FILES=. cargo test --test heapsnapshot` has left in this directory. DESIGN.md says how to run it.

import assert from 'node:assert';
import { getFullHeapFromFile } from '@memlab/heap-analysis';

const named = (heap, name) => {
  const found = [];
  heap.nodes.forEach((node) => {
    if (node.name === name) found.push(node);
  });
  return found;
};

// A session, its holders, and the way to it.
const heap = await getFullHeapFromFile('session.heapsnapshot');
const [session, ...others] = named(heap, 'heapsnapshot::Session');
assert.strictEqual(others.length, 0);
assert.strictEqual(session.retainedSize, 221);
const way = [];
for (let node = session; node.hasPathEdge; node = node.pathEdge.fromNode) way.unshift(node.pathEdge.name_or_index);
assert.deepStrictEqual(way, ['(Statics)', 'heapsnapshot::SESSIONS', 'table', '[value]']);
assert.strictEqual(session.dominatorNode.name, 'hash table of (u64, Arc<heapsnapshot::Session>)');

// A cycle that nothing leads to.
const lost = named(await getFullHeapFromFile('cycle.heapsnapshot'), 'heapsnapshot::Node');
assert.deepStrictEqual(lost.map((node) => node.retainedSize).sort(), [104, 208]);
assert.deepStrictEqual(lost.map((node) => node.dominatorNode.name).sort(), ['(unreachable)', 'heapsnapshot::Node']);

// What came between two files.
const [earlier, later] = [await getFullHeapFromFile('earlier.heapsnapshot'), await getFullHeapFromFile('later.heapsnapshot')];
const came = [];
later.nodes.forEach((node) => {
  if (earlier.getNodeById(node.id) === null) came.push(node.name);
});
const peers = ['heapsnapshot::Peer', 'heapsnapshot::Peer', 'heapsnapshot::Session'];
assert.deepStrictEqual(came.sort(), ['String', 'String', 'String', '[heapsnapshot::Message]', ...peers]);
earlier.nodes.forEach((node) => assert.notStrictEqual(later.getNodeById(node.id), null));

console.log('\nmemlab reads the same as memleak');
