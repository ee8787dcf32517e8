import { expect, it } from 'vitest';
import { provenanceOf } from '../../../src/inspect/request.ts';
import { compareReplay, type Finding } from '../../../src/protocol/replay.ts';
import type { Provenance } from '../../../src/protocol/request.ts';
import { sampleRecord } from '../schema/sample.ts';

/** What a replay says of the passages that were retrieved before and now. */
function findings(before: Partial<Provenance>, now: Partial<Provenance>): readonly Finding[] {
  const {
    retrievedPassages: _passages,
    retrievedDigest: _digest,
    ...same
  } = provenanceOf({ record: sampleRecord(), passages: {}, words: {}, features: undefined }, [], 'granted');
  const saved = {
    format: 'sonde-request/1',
    operation: 'generate',
    input: 'By the passages above:',
    options: {},
    tokens: [],
    provenance: { ...same, ...before },
  } as const;
  const replayed = { provenance: { ...same, ...now }, tokens: [] };
  return compareReplay(saved, replayed).findings.filter(({ of }) => of === 'retrieved digest');
}

const some = { retrievedPassages: 2, retrievedDigest: 'ab'.repeat(32) };

it.each<[string, Partial<Provenance>, Finding['verdict'], RegExp]>([
  ['the same passages', some, 'same', /of this very retrieved text/],
  ['other passages', { ...some, retrievedDigest: 'cd'.repeat(32) }, 'differs', /it was changed/],
  ['passages under another key', { ...some, inputKeyId: 'another' }, 'not checkable here', /holds its key/],
  ['no passages, as a file of a classification has none', {}, 'not checkable here', /file does not hold/],
])('a replay with %s says so', (_what, now, verdict, why) => {
  expect(findings(some, now)).toMatchObject([{ verdict, why: expect.stringMatching(why) }]);
});

const passages = ['aa'.repeat(32), 'bb'.repeat(32), 'cc'.repeat(32)];
it.each<[string, readonly number[], RegExp]>([
  ['another order', [2, 0, 1], /the same passages stand in another order/],
  ['one gone', [0, 2], /of 3 passages 2 went$/],
  ['one another', [0, 3, 2], /of 3 passages 2 went; of now 3 passages 2 came$/],
  ['one twice', [0, 1, 2, 2], /more or less often/],
])('a replay whose passages have %s says which', (_what, places, why) => {
  const before = { ...some, passageDigests: passages };
  const digests = places.map((at) => passages[at] ?? 'dd'.repeat(32));
  const now = { retrievedPassages: 3, retrievedDigest: 'cd'.repeat(32), passageDigests: digests };
  expect(findings(before, now)).toMatchObject([{ verdict: 'differs', why: expect.stringMatching(why) }]);
});

it('says that passages were not digested without consent', () => {
  expect(findings({ retrievedPassages: 2 }, some)).toMatchObject([
    { why: expect.stringContaining('no consent') },
  ]);
});

it.each([[{}], [{ retrievedPassages: 0 }]])('says nothing of passages where %j were retrieved', (before) => {
  expect(findings(before, before)).toEqual([]);
});
