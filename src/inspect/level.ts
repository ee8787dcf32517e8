import type { CaptureLevel, GenerateOptions, StepAttention, StepSummary } from '../protocol/request.ts';
import { captureBytes, requireBudget } from '../run/budget.ts';
import { type CaptureStore, createCaptureStore } from '../run/capture.ts';
import { generatorOf } from '../run/generator.ts';
import {
  keyedPatterns,
  type Summary,
  summarised,
  type Watcher,
  watchRows,
  watchSummary,
} from '../run/watch.ts';
import { emptyPlan, type Plan } from '../shared/plan.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { resolveIn } from './look.ts';
import type { ModelEntry } from './model-entry.ts';

/** What was seen in one forward, by the level that was asked for. */
export type Seen =
  | { readonly kind: 'summary'; readonly summary: Summary }
  | { readonly kind: 'rows'; readonly rows: ReadonlyMap<string, FloatTensor> };

/** How a generation looks inside. */
export interface Inside {
  readonly plan: Plan;
  /** Keeps values until they are asked for. */
  readonly store?: CaptureStore;
  /** Sees every forward before its values are freed. */
  readonly watcher?: Watcher<Seen>;
  readonly isGathered?: true;
  /** @throws SondeError `capture_too_large` @param tokens of the whole text */
  requireRoom(tokens: number, encoderTokens: number): void;
}

const defaultBudget = 512 * 2 ** 20;

/** @throws SondeError `hook_unknown` | `hook_unavailable` */
export function insideOf(
  entry: ModelEntry,
  { capture: level = 'off', captureBudget: budget = defaultBudget }: GenerateOptions,
): Inside {
  const { executor, runtime } = entry.model;
  const keyed = keyedPatterns(generatorOf(entry.parts).decoder);
  const taps = tapsFor(entry, level);
  const plan: Plan = {
    ...emptyPlan,
    taps: level === 'summary' ? taps.map((hook) => keyed.get(hook)?.queries ?? hook) : taps,
  };
  if (plan.taps.length === 0) return { plan, requireRoom: () => undefined };
  if (level === 'summary') {
    const watcher = labelled(
      watchSummary(executor, keyed),
      (summary): Seen => ({ kind: 'summary', summary }),
    );
    // On the GPU every hook stays where it is; what leaves for the CPU leaves in few pieces.
    const form = executor === undefined ? { isGathered: true as const } : {};
    return { plan, watcher, ...form, requireRoom: () => undefined };
  }
  const wanted = new Set(plan.taps);
  const hooks = entry.info.hooks.filter(({ name }) => wanted.has(name));
  return {
    plan,
    store: createCaptureStore(runtime, entry.info.hooks),
    ...(level === 'full'
      ? {}
      : { watcher: labelled(watchRows(executor), (rows): Seen => ({ kind: 'rows', rows })) }),
    requireRoom: (tokens, encoderTokens) => requireBudget(captureBytes(hooks, tokens, encoderTokens), budget),
  };
}

function tapsFor(entry: ModelEntry, level: CaptureLevel): readonly string[] {
  if (level === 'off') return [];
  const patterns = level === 'full' ? ['**'] : level === 'summary' ? summarised : level;
  // A summary takes what there is of its hooks: not every model has them all.
  const known = entry.info.hooks.map(({ name }) => name);
  const there = (pattern: string): boolean =>
    known.some((name) => name === pattern.slice(3) || name.endsWith(`.${pattern.slice(3)}`));
  return resolveIn(entry.parts, level === 'summary' ? patterns.filter(there) : patterns).flat();
}

const labelled = <T>(watcher: Watcher<T>, label: (value: T) => Seen): Watcher<Seen> => ({
  dispose: () => watcher.dispose(),
  look(taps, fetches, ids) {
    const { steps, answer } = watcher.look(taps, fetches, ids);
    return { steps, answer: (read) => label(answer(read)) };
  },
});

/** What a step carries of it. */
export function stepOf(seen: readonly Seen[]): {
  readonly summaries?: readonly StepSummary[];
  readonly attention?: readonly StepAttention[];
} {
  const summaries = seen.flatMap((each) => (each.kind === 'summary' ? [plain(each.summary)] : []));
  const attention = seen.flatMap((each) =>
    each.kind === 'rows' && each.rows.size > 0 ? [Object.fromEntries(each.rows)] : [],
  );
  return {
    ...(summaries.length === 0 ? {} : { summaries }),
    ...(attention.length === 0 ? {} : { attention }),
  };
}

const plain = ({ attention, activations }: Summary): StepSummary => ({
  attention: [...attention].map(([hook, statistics]) => ({ hook, ...statistics })),
  activations: [...activations].map(([hook, statistics]) => ({ hook, ...statistics })),
});
