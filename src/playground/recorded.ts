import type { FloatTensor } from '../index.ts';
import type { Insides, Reading } from './reading.ts';

/** Attention is stored in 16 bits: a weight is off by at most half of 1/65535. */
const levels = 65535;

interface StoredPattern {
  readonly dims: readonly number[];
  /** Base64 of little-endian uint16, weight x 65535, row-major. */
  readonly base64: string;
}

/** A reading as a JSON file. */
export interface StoredReading extends Omit<Reading, 'source' | 'insides'> {
  readonly format: 'sonde-reading/1';
  readonly at: string;
  readonly insides: Omit<Insides, 'maps' | 'profile'> & {
    readonly maps: readonly (StoredPattern | { readonly unavailable: string })[];
    readonly profile: { readonly hooks: readonly string[]; readonly norms: readonly (readonly number[])[] };
  };
}

export function store(reading: Reading, at: string): StoredReading {
  const { source: _, insides, ...rest } = reading;
  return {
    format: 'sonde-reading/1',
    at,
    ...rest,
    insides: {
      ...insides,
      maps: insides.maps.layers.map((layer) => ('unavailable' in layer ? layer : storePattern(layer))),
      profile: {
        hooks: insides.profile.hooks,
        norms: insides.profile.norms.map((norms) => Array.from(norms, (norm) => Number(norm.toPrecision(6)))),
      },
    },
  };
}

/** @throws TypeError when the file is not a stored reading of this format */
export function restore(stored: StoredReading): Reading {
  if (stored.format !== 'sonde-reading/1') throw new TypeError('This file is not a reading saved by Sonde.');
  const { format: _, at, insides, ...rest } = stored;
  return {
    ...rest,
    source: { kind: 'recorded', at },
    insides: {
      ...insides,
      maps: {
        layers: insides.maps.map((layer) => ('unavailable' in layer ? layer : restorePattern(layer))),
        precision: 0.5 / levels,
      },
      profile: {
        hooks: insides.profile.hooks,
        norms: insides.profile.norms.map((norms) => Float32Array.from(norms)),
      },
    },
  };
}

function storePattern({ dims, data }: FloatTensor): StoredPattern {
  const view = new DataView(new ArrayBuffer(data.length * 2));
  data.forEach((weight, at) => {
    view.setUint16(at * 2, Math.round(weight * levels), true);
  });
  let binary = '';
  for (const byte of new Uint8Array(view.buffer)) binary += String.fromCharCode(byte);
  return { dims, base64: btoa(binary) };
}

function restorePattern({ dims, base64 }: StoredPattern): FloatTensor {
  const binary = atob(base64);
  const data = new Float32Array(binary.length / 2);
  for (let at = 0; at < data.length; at++)
    data[at] = (binary.charCodeAt(2 * at) + 256 * binary.charCodeAt(2 * at + 1)) / levels;
  return { type: 'float32', dims, data };
}
