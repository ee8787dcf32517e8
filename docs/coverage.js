/**
 * Writes docs/coverage.md: for every file of the zoo, which hooks are proved, inferred or unavailable, and how far
 * tapping moves the logits. Measured on this machine: npm run build:library && node docs/coverage.js
 */
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-web';
import { proveFolder } from '../dist/src/cli/verify-self.js';
import { tolerances } from '../dist/src/prove/prove.js';
import { probeInputs } from '../dist/src/prove/probe.js';
import { completeFeeds } from '../dist/src/run/feeds.js';
import { toFloatTensor } from '../dist/src/run/float.js';
import { folderSource } from '../dist/src/load/folder.node.js';
import { dtypesOf } from '../dist/src/load/graph-file.js';
import { openNodeParts } from '../dist/src/run/open.node.js';

const zoo = fileURLToPath(new URL('../test/zoo/', import.meta.url));

/** Kinds of hooks as columns: every layer's hook of a name counts once. */
const family = (name) => name.replace(/^(encoder|decoder)\./, '').replace(/blocks\.\d+\./, '');

const numbers = (tensor) => toFloatTensor(tensor).data;
const farthest = (a, b) => a.reduce((found, value, at) => Math.max(found, Math.abs(value - b[at])), 0);

/** How far a plan moves the model's first output from what the plain file gives, largest difference. */
async function moves(folder, dtype) {
  const opened = await openNodeParts(folder, dtype);
  const found = { empty: 0, attention: 0, all: 0, largest: 0 };
  let given = {};
  for (const { model, weights } of opened.parts) {
    const { instrumented, sessions } = model;
    const inputs = probeInputs(instrumented, opened.config, given);
    const feeds = () => completeFeeds(ort, instrumented, inputs, undefined);
    const [output] = instrumented.outputs.map(({ name }) => name);
    const plain = await ort.InferenceSession.create(weights.graph, { executionProviders: ['wasm'], logSeverityLevel: 3 });
    const base = (await plain.run(feeds()))[output];
    await plain.release();
    const expected = numbers(base).slice();
    if (output === 'last_hidden_state') given = { encoder_hidden_states: toFloatTensor(base) };
    found.largest = expected.reduce((size, value) => Math.max(size, Math.abs(value)), found.largest);
    const available = instrumented.hooks.filter(({ source }) => source.kind !== 'unavailable').map(({ name }) => name);
    const plans = {
      empty: [],
      attention: available.filter((name) => name.endsWith('hook_pattern')),
      all: available,
    };
    for (const [kind, taps] of Object.entries(plans)) {
      const session = await sessions.open({ taps, edits: [] });
      const fetches = await session.run(feeds());
      found[kind] = Math.max(found[kind], farthest(expected, numbers(fetches[output])));
    }
  }
  await opened.dispose();
  return found;
}

const models = readdirSync(zoo, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const rows = [];
const shifts = [];
const reasons = [];
for (const model of models) {
  const { architecture } = JSON.parse(await readFile(`${zoo}${model}/golden.json`, 'utf8'));
  for (const dtype of await dtypesOf(folderSource(`${zoo}${model}`))) {
    const parts = await proveFolder(`${zoo}${model}`, dtype);
    const all = parts.flatMap(({ hooks, proved }) => hooks.map((hook) => ({ hook, proof: proved.hooks.get(hook.name) })));
    const count = (proof) => all.filter((each) => each.proof === proof).length;
    const verdicts = parts.flatMap(({ proved }) => proved.verdicts);
    const outcomes = (kind) => verdicts.filter(({ outcome }) => outcome.kind === kind).length;
    const of = (kind) => all.filter(({ hook }) => hook.source.kind === kind).length;
    rows.push([model, architecture.class, dtype, all.length, of('tap'), of('derived'), count('proved'), count('inferred'), count('unavailable'), outcomes('holds'), outcomes('fails'), outcomes('skipped')]);
    for (const { hook, proof } of all) {
      if (proof === 'inferred') reasons.push([model, dtype, hook.name, 'inferred', whyInferred(hook.name, verdicts)]);
      if (hook.source.kind === 'unavailable') reasons.push([model, dtype, hook.name, 'unavailable', hook.source.reason]);
    }
    const { empty, attention, all: every, largest } = await moves(`${zoo}${model}`, dtype);
    shifts.push([model, dtype, empty, attention, every, largest].map((cell) => (typeof cell === 'number' ? (cell === 0 ? '0' : cell.toExponential(1)) : cell)));
    process.stdout.write(`${rows.at(-1).join(' ')} | ${shifts.at(-1).slice(2).join(' ')}\n`);
  }
}

function whyInferred(name, verdicts) {
  const skips = verdicts.filter(({ hooks, outcome }) => hooks.includes(name) && outcome.kind === 'skipped');
  return skips.map(({ claim, outcome }) => `${claim}: ${outcome.why}`).join('; ') || 'it takes part in no identity that holds';
}

const table = (header, body) =>
  [header, header.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');

const families = new Map();
for (const model of models) {
  const [dtype] = await dtypesOf(folderSource(`${zoo}${model}`));
  for (const { hooks, proved } of await proveFolder(`${zoo}${model}`, dtype))
    for (const { name } of hooks) {
      const row = families.get(family(name)) ?? new Map();
      families.set(family(name), row);
      row.set(model, [...(row.get(model) ?? []), proved.hooks.get(name)]);
    }
}
const letter = (proofs) => {
  if (proofs === undefined) return '';
  const worst = ['unavailable', 'inferred', 'proved'].find((proof) => proofs.includes(proof));
  return worst === 'proved' ? 'proved' : `**${worst}**`;
};

const { float32, float16 } = tolerances;
await writeFile(
  fileURLToPath(new URL('coverage.md', import.meta.url)),
  `# Coverage

Written by \`npm run docs:coverage\` from the files of test/zoo, on onnxruntime's WASM provider. Do not edit.

**proved**: over one probe forward with seeded inputs, the hook takes part in an identity that holds and in none that fails (\`npx sonde verify --self <folder>\` prints them). No reference implementation is needed. **inferred**: the graph was recognised, but no identity decides. **unavailable**: the model computes it nowhere that can be reached.

Two sides of an identity may differ by rounding: at most ${float32.rounding} of the largest number that takes part, ${float16.rounding} in half-precision graphs. Files with 8- or 4-bit weights are held to the float32 limit, because their residual stream, norms and attention are float32; only their projections are allowed to be linear to ${tolerances['quantised products'].unexplained} of the standard deviation instead of ${float32.unexplained} (${float16.unexplained} in half precision).

## Files

A hook is a tap (a tensor of the graph, laid out) or derived (recomputed by appended nodes).

${table(['model', 'class', 'dtype', 'hooks', 'taps', 'derived', 'proved', 'inferred', 'unavailable', 'identities that hold', 'fail', 'skipped'], rows)}

## Hooks

Each hook's weakest proof over all layers, in the first dtype of each folder. An empty cell: the architecture has no such hook.

${table(['hook', ...models], [...families].map(([name, row]) => [`\`${name}\``, ...models.map((model) => letter(row.get(model)))]))}

## Inferred or unavailable

${reasons.length === 0 ? 'None.' : table(['model', 'dtype', 'hook', 'proof', 'why'], reasons)}

## How far looking moves what is seen

Largest difference of the model's first output from the plain file's, absolute, over the probe's inputs; beside it the largest output. The limit is 5e-4; the tests hold every file to this table, \`npx sonde verify <folder>\` prints it for any. Where it is not 0, a residual tap splits a fused addition and norm. In half precision onnxruntime computes most nodes in float32 and rounds only where a node wants float16, so a plain Cast at a tap moved the logits by up to 3.8e-2 (and a Transpose behind it by 2.6e-2); taps that round beside the graph's own path (Neg, Cast, Neg, Einsum) move them by 0.

${table(['model', 'dtype', 'empty plan', 'attention patterns tapped', 'every hook tapped', 'largest output'], shifts)}
`,
);
