import fc from 'fast-check';
import { expect, it } from 'vitest';
import { beginRequest, undigested } from '../../../src/inspect/request.ts';
import { maskRecord } from '../../../src/mask/mask.ts';
import { checkInput, type InputSchema } from '../../../src/observe/input-schema.ts';
import { emptyPlan } from '../../../src/shared/plan.ts';
import { sampleRecord } from '../schema/sample.ts';

const schema: InputSchema = {
  age: { kind: 'number', min: 0, max: 120 },
  question: { kind: 'text', minLength: 1, maxLength: 10 },
  language: { kind: 'choice', of: ['en', 'de'] },
  urgent: { kind: 'flag', optional: true },
};
const good = { age: 120, question: 'why?', language: 'de' };

it.each([
  [good, [0, 0, 0]],
  [{ ...good, urgent: true }, [0, 0, 0]],
  [{ ...good, urgent: 'yes' }, [0, 0, 1]],
  [{}, [3, 0, 0]],
  [{ ...good, age: undefined }, [1, 0, 0]],
  [{ ...good, age: -1, question: '' }, [0, 0, 2]],
  [{ ...good, age: Number.NaN, question: 'x'.repeat(11), language: 'fr' }, [0, 0, 3]],
  [{ ...good, age: '12', name: 'Jane', toString: 1 }, [0, 2, 1]],
  [{ ...good, age: null }, [0, 0, 1]],
])('%j has so many missing, extra and out of range: %j', (input, [missing, extra, outOfRange]) => {
  expect(checkInput(schema, input)).toEqual({ missing, extra, outOfRange });
});

it('counts every declared field once at most, and every other field', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (input) => {
      const { missing, extra, outOfRange } = checkInput(schema, input);
      expect(missing + outOfRange).toBeLessThanOrEqual(4);
      expect(extra).toBe(Object.keys(input).filter((name) => !Object.keys(schema).includes(name)).length);
    }),
  );
});

it('travels on the record as counts, with the version of the template and the edits since a paste', async () => {
  const context = {
    origin: 'pasted',
    templateVersion: 'greeting-3',
    editsSincePaste: 2,
    violations: checkInput(schema, { age: 121, name: 'Jane' }),
    retrieved: ['Jane wrote this.', 'So did Jane.'],
  } as const;
  const { templateVersion: _t, editsSincePaste: _e, inputMissing: _m, ...model } = sampleRecord();
  const request = beginRequest(model, 'classify', undefined, emptyPlan, context, undigested);
  const end = { outcome: 'ok', inputTokens: 3, outputTokens: 0, truncated: false } as const;
  const { masked } = maskRecord((await request.end(end)).record);
  expect(masked).toMatchObject({
    templateVersion: 'greeting-3',
    editsSincePaste: 2,
    retrievedPassages: 2,
    inputMissing: 2,
    inputExtra: 1,
    inputOutOfRange: 1,
  });
  expect(JSON.stringify(masked)).not.toContain('Jane');
});
