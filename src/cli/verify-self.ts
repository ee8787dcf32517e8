import { dtypesOf } from '../load/graph-file.ts';
import type { ModelSource } from '../load/source.ts';
import type { Dtype } from '../protocol/device.ts';
import { proveParts } from '../prove/model.ts';
import type { Proved } from '../prove/prove.ts';
import { openNodeParts } from '../run/open.node.ts';
import { SondeError } from '../shared/errors.ts';
import type { Hook } from '../shared/hook.ts';
import type { Verdict } from '../shared/proof.ts';
import { table } from './table.ts';

/** One graph of a model with what its probe forward showed. */
export interface ProvedPart {
  /** `model.onnx`, `encoder_model_fp16.onnx` … */
  readonly file: string;
  readonly hooks: readonly Hook[];
  readonly proved: Proved;
}

/**
 * Proves every graph of one variant; what the encoder gave is what the decoder is fed.
 * @throws SondeError `model_not_found` | `file_not_found` | `model_invalid` | `run_failed`
 */
export async function proveFolder(
  folder: string | ModelSource,
  dtype: Dtype,
): Promise<readonly ProvedPart[]> {
  const opened = await openNodeParts(folder, dtype);
  try {
    const proved = await proveParts(opened.parts, opened.config);
    return proved.map(({ part: { model, weights }, proved: each }) => ({
      file: weights.file,
      hooks: model.instrumented.hooks,
      proved: each,
    }));
  } finally {
    await opened.dispose();
  }
}

export const failed = ({ proved }: ProvedPart): readonly Verdict[] =>
  proved.verdicts.filter(({ outcome }) => outcome.kind === 'fails');

/** `sonde verify --self`: exit status 1 when an identity fails, a hook cannot be computed, or a variant does not run. */
export async function verifySelf(source: ModelSource, only: Dtype | undefined): Promise<number> {
  const variants = only === undefined ? await dtypesOf(source) : [only];
  let isGood = variants.length > 0;
  if (!isGood)
    process.stdout.write(`${source.id} has no ONNX file of a name that Sonde knows: name the file itself\n`);
  for (const dtype of variants) {
    try {
      for (const part of await proveFolder(source, dtype)) {
        process.stdout.write(report(part, dtype));
        if (failed(part).length > 0 || part.proved.refused.size > 0) isGood = false;
      }
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      process.stdout.write(`${source.id} ${dtype}: refused: ${error.message} ${error.remedy}\n\n`);
      isGood = false;
    }
  }
  return isGood ? 0 : 1;
}

/** Identities of all blocks as one line each, then what failed, was skipped or cannot be had. */
function report({ file, hooks, proved }: ProvedPart, dtype: Dtype): string {
  const count = (proof: string): number => [...proved.hooks.values()].filter((each) => each === proof).length;
  const named = (proof: string): string[] =>
    hooks.flatMap(({ name }) => (proved.hooks.get(name) === proof ? [name] : []));
  const claims = new Map<string, Verdict[]>();
  for (const verdict of proved.verdicts)
    claims.set(verdict.claim, [...(claims.get(verdict.claim) ?? []), verdict]);
  const lines = proved.verdicts.flatMap(({ claim, hooks: names, outcome }) =>
    outcome.kind === 'fails' ? [`FAILS ${claim} (${names.join(', ')}): ${outcome.why}`] : [],
  );
  const skips = new Map<string, number>();
  for (const { claim, outcome } of proved.verdicts)
    if (outcome.kind === 'skipped') {
      const line = `skipped ${claim}: ${outcome.why}`;
      skips.set(line, (skips.get(line) ?? 0) + 1);
    }
  for (const [line, times] of skips) lines.push(times === 1 ? line : `${line} (${times} times)`);
  const inferred = named('inferred');
  if (inferred.length > 0) lines.push(`inferred, no identity decides: ${inferred.join(', ')}`);
  for (const { name, source } of hooks) {
    if (source.kind === 'unavailable') lines.push(`unavailable ${name}: ${source.reason}`);
    const refusal = proved.refused.get(name);
    if (refusal !== undefined) lines.push(`REFUSED ${name}: ${refusal}`);
  }
  return (
    `${file} (${dtype}): ${hooks.length} hooks: ${count('proved')} proved, ${count('inferred')} inferred, ` +
    `${count('unavailable')} unavailable\n\n` +
    `${table(['identity', 'holds', 'fails', 'skipped', 'max difference', 'tolerance', ''], [...claims].map(claimRow))}\n\n` +
    `${lines.map((line) => `${line}\n`).join('')}\n`
  );
}

function claimRow([claim, verdicts]: readonly [string, readonly Verdict[]]): string[] {
  const times = (kind: string): string =>
    String(verdicts.filter(({ outcome }) => outcome.kind === kind).length);
  const measured = verdicts.flatMap(({ outcome }) =>
    outcome.kind === 'skipped' || outcome.difference === undefined || outcome.tolerance === undefined
      ? []
      : [{ difference: outcome.difference, tolerance: outcome.tolerance }],
  );
  const worst = measured.sort((a, b) => b.difference / b.tolerance - a.difference / a.tolerance)[0];
  const notes = new Set(
    verdicts.flatMap(({ outcome }) => (outcome.kind === 'holds' ? (outcome.note ?? []) : [])),
  );
  if (verdicts.some(({ byConstruction }) => byConstruction)) notes.add('by construction');
  return [
    claim,
    times('holds'),
    times('fails'),
    times('skipped'),
    worst?.difference.toExponential(1) ?? '',
    worst?.tolerance.toExponential(1) ?? '',
    [...notes].join('; '),
  ];
}
