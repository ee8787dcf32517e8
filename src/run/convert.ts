import { SondeError } from '../shared/errors.ts';
import { floatToHalf, halfToFloat } from '../shared/half.ts';
import type { Tensor } from '../shared/tensor.ts';

function numbersOf({ type, data }: Tensor): number[] {
  const numbers = Array.from<number | bigint, number>(data as ArrayLike<number | bigint>, Number);
  return type === 'float16' ? numbers.map(halfToFloat) : numbers;
}

/**
 * A tensor in the element type an input of the graph declares. Exports of one architecture disagree about masks
 * (int64, int32, bool, float) and about half-precision inputs, callers should not have to know.
 * @param type ONNX element type in lower case, as `Port` names it
 * @throws SondeError `graph_unsupported` for a type that no input can be made of
 */
export function asType(tensor: Tensor, type: string): Tensor {
  const wanted = type === 'float' ? 'float32' : type;
  if (tensor.type === wanted) return tensor;
  const { dims } = tensor;
  const numbers = numbersOf(tensor);
  switch (wanted) {
    case 'float32':
      return { type: wanted, dims, data: Float32Array.from(numbers) };
    case 'float16':
      return { type: wanted, dims, data: Uint16Array.from(numbers, floatToHalf) };
    case 'int64':
      return {
        type: wanted,
        dims,
        data: BigInt64Array.from(Array.from(numbers, (value) => BigInt(Math.trunc(value)))),
      };
    case 'int32':
      return { type: wanted, dims, data: Int32Array.from(numbers) };
    case 'bool':
      return { type: wanted, dims, data: Uint8Array.from(numbers, (value) => (value === 0 ? 0 : 1)) };
    case 'uint8':
      return { type: wanted, dims, data: Uint8Array.from(numbers) };
    case 'int8':
      return { type: wanted, dims, data: Int8Array.from(numbers) };
    default:
      throw new SondeError(
        'graph_unsupported',
        `The model wants an input of type ${type}, which Sonde cannot make.`,
        'Open an issue with the model id.',
      );
  }
}
