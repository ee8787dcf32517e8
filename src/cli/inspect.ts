import { openNodeParts } from '../run/open.node.ts';
import { readArguments } from './arguments.ts';
import {
  type Coverage,
  type InspectedGraph,
  type InspectedHook,
  type Inspection,
  inspectionOf,
} from './inspection.ts';
import { modelOptions, namedModel } from './model.ts';
import { table } from './table.ts';

/** `sonde inspect <model>`: what a model is and every hook it has, from the graphs alone: nothing runs. */
export async function inspect(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    ...modelOptions,
    json: { type: 'boolean', default: false },
  });
  const { source, dtype } = await namedModel(positionals, values);
  const opened = await openNodeParts(source, dtype);
  const inspection = await inspectionOf(opened, dtype);
  await opened.dispose();
  process.stdout.write(values.json ? `${JSON.stringify(inspection, null, 2)}\n` : inWords(inspection));
  return 0;
}

function inWords(inspection: Inspection): string {
  const { model, architecture, dtype, dtypes, parameters, bytes, coverage, graphs } = inspection;
  const facts = [
    ['model', model],
    ['architecture', architecture],
    ['dtype', `${dtype} (of ${dtypes.join(', ')})`],
    ['parameters', parameters.toLocaleString('en')],
    ['size', sizeOf(bytes)],
    ['hooks', counted(coverage)],
  ];
  return `${facts.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${graphs.map(graphInWords).join('\n')}`;
}

function graphInWords(graph: InspectedGraph): string {
  const { anatomy, hooks, files, inputs, outputs, opsets } = graph;
  const { cache, logits, ...shape } = anatomy;
  const facts: readonly (readonly [string, unknown])[] = [
    ['graph', graph.file],
    ['files', files.map(({ path, bytes }) => `${path} (${sizeOf(bytes)})`).join(', ')],
    ['producer', graph.producer || 'not said'],
    [
      'opsets',
      Object.entries(opsets)
        .map((each) => each.join(' '))
        .join(', '),
    ],
    ['nodes', graph.nodes],
    ['parameters', graph.parameters.toLocaleString('en')],
    ...Object.entries(shape),
    ['logits', logits ?? 'none'],
    ['cache', cache === 0 ? 'none' : `${cache} tensors`],
    ['inputs', inputs.map(({ name }) => name).join(', ')],
    ['outputs', outputs.map(({ name }) => name).join(', ')],
    ['hooks', counted(graph.coverage)],
  ];
  const isTransformer = anatomy.kind !== 'unknown';
  const none = 'No attention was found in this graph. Any tensor of it can be captured as raw:<tensor>.\n';
  const rows = hooks.map((hook) => [hook.name, `[${hook.dims.join(', ')}]`, hook.kind, obtained(hook)]);
  return (
    `${facts.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${isTransformer ? '' : none}` +
    (hooks.length === 0 ? '' : `${table(['hook', 'dims', 'kind', 'source'], rows)}\n`)
  );
}

const counted = ({ hooks, tap, derived, unavailable }: Coverage): string =>
  `${hooks}: ${tap} tensors of the graph, ${derived} derived, ${unavailable} unavailable`;

function obtained(hook: InspectedHook): string {
  switch (hook.kind) {
    case 'tap':
      return hook.tensor;
    case 'derived':
      return hook.how;
    case 'unavailable':
      return hook.reason;
  }
}

function sizeOf(bytes: number): string {
  const unit = [1e9, 1e6, 1e3].find((size) => bytes >= size) ?? 1;
  const name = { 1e9: 'GB', 1e6: 'MB', 1e3: 'kB', 1: 'bytes' }[unit];
  return `${unit === 1 ? bytes : (bytes / unit).toFixed(1)} ${name}`;
}
