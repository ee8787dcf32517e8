import type { ClassChance, Provenance } from './request.ts';
import type { SavedRequest, SavedToken } from './saved-request.ts';

/** What came out now. */
export interface Replayed {
  readonly provenance: Provenance;
  readonly classes?: readonly ClassChance[];
  readonly tokens?: readonly SavedToken[];
}

export interface Finding {
  readonly of: 'model' | 'plan' | 'outputs' | 'input digest' | 'retrieved digest' | 'surroundings';
  readonly verdict: 'same' | 'differs' | 'not checkable here';
  readonly why: string;
}

export interface Replay {
  /** Same model, same plan, same outputs within tolerance. */
  readonly reproduced: boolean;
  /** What differs, or that nothing does. */
  readonly sentence: string;
  readonly findings: readonly Finding[];
}

/** Of a probability or a log-probability. Rounding differs by device and number of threads; GPUs round more freely. */
const tolerances = { wasm: 1e-4, webgpu: 1e-3 } as const;

const finding = (of: Finding['of'], same: boolean, why: string): Finding => ({
  of,
  verdict: same ? 'same' : 'differs',
  why,
});

/** Holds what came out now against what was saved. */
export function compareReplay(saved: SavedRequest, now: Replayed): Replay {
  const before = saved.provenance;
  const tolerance = Math.max(tolerances[before.device], tolerances[now.provenance.device]);
  const findings = [
    digestFinding('model', before.modelDigest, now.provenance.modelDigest),
    digestFinding('plan', before.planDigest, now.provenance.planDigest),
    saved.operation === 'classify'
      ? classesFinding(saved.classes, now.classes ?? [], tolerance)
      : tokensFinding(saved.tokens, now.tokens ?? [], tolerance),
    keyFinding('input', before, now.provenance),
    ...((before.retrievedPassages ?? 0) === 0 ? [] : [keyFinding('retrieved', before, now.provenance)]),
    surroundingsFinding(before, now.provenance),
  ];
  const different = findings.filter(({ of, verdict }) => verdict === 'differs' && of !== 'surroundings');
  return {
    reproduced: different.length === 0,
    sentence:
      different.length === 0
        ? `Reproduced: same model files, same plan, ${findings[2]?.why ?? ''}.`
        : `Not reproduced: ${different.map(({ why }) => why).join('; ')}.`,
    findings,
  };
}

function digestFinding(of: 'model' | 'plan', before: string, now: string): Finding {
  const [what, verb] = of === 'model' ? ['the model files', 'have'] : ['the plan', 'has'];
  return before === now
    ? finding(of, true, `${what} ${verb} the digest ${before.slice(0, 12)}`)
    : finding(of, false, `${what} had the digest ${before.slice(0, 12)} and ${verb} ${now.slice(0, 12)} now`);
}

function classesFinding(
  before: readonly ClassChance[],
  now: readonly ClassChance[],
  tolerance: number,
): Finding {
  const found = new Map(now.map(({ label, probability }) => [label, probability]));
  let largest = 0;
  for (const { label, probability } of before) {
    const other = found.get(label);
    if (other === undefined) return finding('outputs', false, `there is no class ${label} now`);
    const apart = Math.abs(other - probability);
    if (apart > tolerance)
      return finding(
        'outputs',
        false,
        `the probability of ${label} was ${probability.toFixed(6)} and is ${other.toFixed(6)}, ${more(apart, tolerance)}`,
      );
    largest = Math.max(largest, apart);
  }
  return before.length === now.length
    ? finding('outputs', true, `the same classes, probabilities ${atMost(largest)}`)
    : finding('outputs', false, `there were ${before.length} classes and are ${now.length}`);
}

function tokensFinding(
  before: readonly SavedToken[],
  now: readonly SavedToken[],
  tolerance: number,
): Finding {
  let largest = 0;
  for (const [at, { id, text, logProbability }] of before.entries()) {
    const other = now[at];
    if (other === undefined)
      return finding('outputs', false, `there were ${before.length} tokens and are ${now.length}`);
    if (other.id !== id)
      return finding('outputs', false, `token ${at + 1} was ${quoted(text)} and is ${quoted(other.text)}`);
    const apart = Math.abs(other.logProbability - logProbability);
    if (apart > tolerance)
      return finding(
        'outputs',
        false,
        `the log-probability of token ${at + 1}, ${quoted(text)}, was ${logProbability.toFixed(6)} and is ${other.logProbability.toFixed(6)}, ${more(apart, tolerance)}`,
      );
    largest = Math.max(largest, apart);
  }
  return before.length === now.length
    ? finding('outputs', true, `the same ${before.length} tokens, log-probabilities ${atMost(largest)}`)
    : finding('outputs', false, `there were ${before.length} tokens and are ${now.length}`);
}

const quoted = (text: string): string => JSON.stringify(text);
const atMost = (apart: number): string =>
  apart === 0 ? 'equal to the last bit' : `at most ${apart.toExponential(0)} apart`;
const more = (apart: number, tolerance: number): string =>
  `${apart.toExponential(1)} apart where ${tolerance.toExponential(0)} is rounding`;

function keyFinding(what: 'input' | 'retrieved', before: Provenance, now: Provenance): Finding {
  const of = `${what} digest` as const;
  const [digest, it] =
    what === 'input' ? (['inputDigest', 'input'] as const) : (['retrievedDigest', 'retrieved text'] as const);
  if (before[digest] === undefined)
    return { of, verdict: 'not checkable here', why: `the ${it} was not digested: there was no consent` };
  if (what === 'retrieved' && now.retrievedPassages === undefined)
    return { of, verdict: 'not checkable here', why: 'the file does not hold the retrieved text' };
  if (now[digest] === undefined || now.inputKeyId !== before.inputKeyId)
    return { of, verdict: 'not checkable here', why: 'only the install that made it holds its key' };
  return before[digest] === now[digest]
    ? finding(of, true, `this install made it, of this very ${it}`)
    : finding(
        of,
        false,
        `under the same key the ${it} gives another digest: ${what === 'input' ? 'it was changed' : passagesChange(before, now)}`,
      );
}

/** Which of the passages are others now; a file of before they were digested one by one cannot tell. */
function passagesChange({ passageDigests: before }: Provenance, { passageDigests: now }: Provenance): string {
  if (before === undefined || now === undefined) return 'it was changed';
  if ([...before].sort().join() === [...now].sort().join()) return 'the same passages stand in another order';
  const lost = before.flatMap((digest, at) => (now.includes(digest) ? [] : [at + 1]));
  const added = now.flatMap((digest, at) => (before.includes(digest) ? [] : [at + 1]));
  const named = (places: readonly number[]): string => places.join(', ');
  return (
    [
      ...(lost.length === 0 ? [] : [`of ${before.length} passages ${named(lost)} went`]),
      ...(added.length === 0 ? [] : [`of now ${now.length} passages ${named(added)} came`]),
    ].join('; ') || 'passages stand there more or less often'
  );
}

function surroundingsFinding(before: Provenance, now: Provenance): Finding {
  const facts = [
    ['device', 'device'],
    ['dtype', 'dtype'],
    ['threads', 'threads'],
    ['sondeVersion', 'Sonde'],
    ['runtimeVersion', 'onnxruntime-web'],
  ] as const;
  const changed = facts.filter(([name]) => before[name] !== now[name]);
  return changed.length === 0
    ? finding('surroundings', true, 'same device, dtype, threads and versions')
    : finding(
        'surroundings',
        false,
        changed.map(([name, word]) => `${word} was ${before[name]} and is ${now[name]}`).join(', '),
      );
}
