import type { Anatomy, CacheSlot } from './anatomy.ts';
import type { Attention } from './attention.ts';
import type { Graph } from './onnx.ts';
import type { Block, Structure, Structures } from './structure.ts';
import type { View } from './view.ts';

/** The public description of what was found. */
export function anatomyOf(
  { shapes, index }: View,
  { stacks, loose }: Structures,
  logits: string | undefined,
): Anatomy {
  const [main] = stacks;
  const attention =
    main?.blocks.find((block) => block.attention !== undefined)?.attention?.attention ?? loose[0];
  const heads = attention?.heads ?? 0;
  const dHead = attention?.dHead ?? 0;
  const { graph } = index;
  const width = shapes.dims(main?.start ?? '')?.at(-1);
  return {
    kind: kindOf(
      stacks,
      attention,
      graph.inputs.some(({ name }) => name.startsWith('past')),
      logits !== undefined,
    ),
    layers: main?.blocks.length ?? 0,
    heads,
    kvHeads: attention?.kvHeads ?? 0,
    dModel: typeof width === 'number' ? width : heads * dHead,
    dHead,
    norm: main === undefined ? 'none' : normOf(main),
    parallelBlocks: main?.blocks.some((block) => block.parallel) ?? false,
    ...(logits === undefined ? {} : { logits }),
    cache: cacheOf(graph),
  };
}

function kindOf(
  stacks: readonly Structure[],
  attention: Attention | undefined,
  hasCache: boolean,
  hasHead: boolean,
): Anatomy['kind'] {
  if (attention === undefined) return 'unknown';
  const hasCross = stacks.some((stack) => stack.blocks.some((block) => block.cross !== undefined));
  if (hasCross) return 'encoder-decoder';
  // A causal stack without a head (CLIP's text tower) generates nothing: it encodes.
  return hasCache || (attention.causal && hasHead) ? 'decoder' : 'encoder';
}

function normOf(stack: Structure): Anatomy['norm'] {
  const isNormed = ({ attention, mlp }: Block): boolean =>
    (attention?.isNormed ?? false) || (mlp?.isNormed ?? false);
  if (stack.blocks.some(isNormed)) return 'sandwich';
  return stack.postNorm ? 'post' : 'pre';
}

/** past_key_values.0.key continues as present.0.key: the one convention every exporter keeps. */
export function cacheOf(graph: Graph): CacheSlot[] {
  const slots: CacheSlot[] = [];
  for (const { name, type, dims } of graph.inputs) {
    const present = name.replace(/^past_key_values/, 'present').replace(/^past\b/, 'present');
    const continues = graph.outputs.some((output) => output.name === present);
    if (name.startsWith('past') && continues && dims?.length === 4)
      slots.push({ past: name, present, type, dims });
  }
  return slots;
}
