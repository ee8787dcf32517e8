import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/shared/safetensors.ts';
import { elementCount, type Tensor } from '../../src/shared/tensor.ts';

const bytesOf = (header: unknown, body: readonly number[] = []): Uint8Array<ArrayBuffer> => {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + body.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(body, 8 + json.length);
  return file;
};

const dims = fc.array(fc.nat(4), { maxLength: 4 });
const tensor: fc.Arbitrary<Tensor> = dims.chain((shape) => {
  const n = elementCount(shape);
  const length = { minLength: n, maxLength: n };
  return fc.oneof(
    fc.float32Array(length).map((data) => ({ type: 'float32' as const, dims: shape, data })),
    fc.uint16Array(length).map((data) => ({ type: 'float16' as const, dims: shape, data })),
    fc.bigInt64Array(length).map((data) => ({ type: 'int64' as const, dims: shape, data })),
    fc.int32Array(length).map((data) => ({ type: 'int32' as const, dims: shape, data })),
    fc.int8Array(length).map((data) => ({ type: 'int8' as const, dims: shape, data })),
    fc.uint8Array(length).map((data) => ({ type: 'uint8' as const, dims: shape, data })),
  );
});
const name = fc.string({ minLength: 1 }).filter((text) => text !== '__metadata__' && text !== '__proto__');

describe('safetensors', () => {
  it('reads back what it wrote, bit by bit', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key }),
        fc.dictionary(name, fc.string()),
        (all, metadata) => {
          const read = readSafetensors(writeSafetensors({ tensors: new Map(all), metadata }));
          expect(read.metadata).toEqual({ ...metadata });
          expect(read.tensors.size).toBe(all.length);
          for (const [key, { type, dims: shape, data }] of all) {
            const found = read.tensors.get(key);
            expect(found?.type).toBe(type);
            expect(found?.dims).toEqual(shape);
            expect(Buffer.from(found?.data.buffer ?? new ArrayBuffer(0))).toEqual(
              Buffer.from(data.buffer, data.byteOffset, data.byteLength),
            );
          }
        },
      ),
    );
  });

  it('reads a file that the reference implementation wrote', () => {
    const golden = new URL('../zoo/gpt2/golden.safetensors', import.meta.url);
    const { tensors } = readSafetensors(new Uint8Array(readFileSync(golden)));
    const pattern = tensors.get('blocks.1.attn.hook_pattern');
    expect(pattern?.dims).toEqual([1, 4, 24, 24]);
    const lastRow = Array.from(pattern?.data ?? [], Number).slice(24 * 23, 24 * 24);
    expect(lastRow.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5);
  });

  it('never reads past the file or gives anything but a named error, whatever the bytes', () => {
    const valid = writeSafetensors({
      tensors: new Map([['a', { type: 'float32', dims: [2], data: Float32Array.of(1, 2) }]]),
      metadata: { by: 'test' },
    });
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(valid.length - 1).map((length) => valid.slice(0, length)),
      fc.tuple(fc.nat(valid.length - 1), fc.nat(255)).map(([at, value]) => valid.with(at, value)),
    );
    fc.assert(
      fc.property(damaged, (bytes) => {
        try {
          readSafetensors(new Uint8Array(bytes));
        } catch (error) {
          expect(error).toMatchObject({ code: 'model_invalid' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['an empty file', new Uint8Array()],
    ['metadata that is no object', bytesOf({ __metadata__: null })],
    ['a header longer than the file', bytesOf('{').fill(0xff, 0, 4)],
    ['a header that is no object', bytesOf([])],
    ['an entry without offsets', bytesOf({ a: { dtype: 'U8', shape: [1] } }, [1])],
    [
      'an element type it does not know',
      bytesOf({ a: { dtype: 'Q7', shape: [1], data_offsets: [0, 1] } }, [1]),
    ],
    [
      'fewer bytes than the shape wants',
      bytesOf({ a: { dtype: 'U8', shape: [2], data_offsets: [0, 1] } }, [1]),
    ],
    ['offsets past the end', bytesOf({ a: { dtype: 'U8', shape: [2], data_offsets: [0, 2] } }, [1])],
    ['a gap', bytesOf({ a: { dtype: 'U8', shape: [1], data_offsets: [1, 2] } }, [1, 2])],
    [
      'an overlap',
      bytesOf(
        {
          a: { dtype: 'U8', shape: [2], data_offsets: [0, 2] },
          b: { dtype: 'U8', shape: [2], data_offsets: [1, 3] },
        },
        [1, 2, 3],
      ),
    ],
    [
      'bytes after the last tensor',
      bytesOf({ a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, [1, 2]),
    ],
  ])('refuses %s', (_, bytes) => {
    expect(() => readSafetensors(bytes)).toThrowError(expect.objectContaining({ code: 'model_invalid' }));
  });
});
