import type { InputPort, NamedInputs } from '../protocol/input.ts';
import { derivedInputs } from '../run/feeds.ts';
import { SondeError } from '../shared/errors.ts';

/** What a decoder of two graphs is given by another name than its graph has. */
const forDecoders = ['decoder_input_ids', 'decoder_attention_mask'];

const shown = ({ name, dims }: InputPort): string => `${name} [${dims.join(', ')}]`;

/**
 * An input that the model does not have would be passed over in silence, one that it lacks fails late and in the
 * runtime's words.
 * @param wanted what has to be given
 * @throws SondeError `invalid_argument`
 */
export function requireInputs(inputs: NamedInputs, wanted: readonly InputPort[]): void {
  const remedy = `This model reads: ${wanted.map(shown).join(', ')}.`;
  const known = new Set([...wanted.map(({ name }) => name), ...derivedInputs, ...forDecoders]);
  const unknown = Object.keys(inputs).find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new SondeError('invalid_argument', `The model has no input named ${unknown}.`, remedy);
  for (const { name, dims } of wanted) {
    const given = inputs[name]?.dims;
    if (given === undefined) {
      // Without ids of its own a decoder begins with the start token.
      if (forDecoders.includes(name)) continue;
      throw new SondeError('invalid_argument', `The model wants an input named ${name}.`, remedy);
    }
    const isFitting =
      given.length === dims.length &&
      given.every((size, axis) => typeof dims[axis] === 'string' || dims[axis] === size);
    if (!isFitting)
      throw new SondeError('invalid_argument', `${name} has the sizes [${given.join(', ')}].`, remedy);
  }
}
