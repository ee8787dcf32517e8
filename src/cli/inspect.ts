import { openNodeParts } from '../run/open.node.ts';
import type { Hook } from '../shared/hook.ts';
import { dtypeOf, onlyFolder, readArguments } from './arguments.ts';
import { table } from './table.ts';

function sourceOf({ source }: Hook): string {
  switch (source.kind) {
    case 'tap':
      return source.tensor;
    case 'derived':
      return source.how;
    case 'unavailable':
      return source.reason;
  }
}

/** `sonde inspect <folder>`: anatomy and hooks of every graph of a model, from the graphs alone. */
export async function inspect(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, { dtype: { type: 'string', default: 'fp32' } });
  const opened = await openNodeParts(onlyFolder(positionals), dtypeOf(values.dtype));
  for (const { weights, model } of opened.parts) {
    const { anatomy, hooks, inputs, outputs } = model.instrumented;
    const { cache, logits, ...shape } = anatomy;
    const facts: readonly (readonly [string, unknown])[] = [
      ['file', weights.file],
      ['architecture', opened.folder.config.architecture],
      ...Object.entries(shape),
      ['logits', logits ?? 'none'],
      ['cache', cache.length === 0 ? 'none' : `${cache.length} tensors`],
      ['inputs', inputs.map(({ name }) => name).join(', ')],
      ['outputs', outputs.map(({ name }) => name).join(', ')],
    ];
    const rows = hooks.map((hook) => [
      hook.name,
      `[${hook.dims.join(', ')}]`,
      hook.source.kind,
      sourceOf(hook),
    ]);
    process.stdout.write(
      `${facts.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n` +
        `${table(['hook', 'dims', 'kind', 'source'], rows)}\n\n`,
    );
  }
  await opened.dispose();
  return 0;
}
