/**
 * The colour scale of every map: 256 steps from pale yellow-green over teal to deep indigo.
 * Lightness falls linearly in OKLab, so equal differences look equal and the order survives every
 * colour-vision deficiency and greyscale print (checked in test/unit/elements/depth.test.ts).
 * OKLab: B. Ottosson, 2020, https://bottosson.github.io/posts/oklab/
 */
const steps = 256;
const palest = 0.975;
const deepest = 0.25;

function oklchToSrgb(lightness: number, chroma: number, hue: number): [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function encode(linear: number): number {
  const clipped = Math.min(1, Math.max(0, linear));
  const value = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
  return Math.round(255 * value);
}

function makeTable(): Uint8ClampedArray {
  const table = new Uint8ClampedArray(steps * 3);
  for (let step = 0; step < steps; step++) {
    const t = step / (steps - 1);
    const lightness = palest + (deepest - palest) * t;
    const chroma = 0.02 + 0.085 * Math.sin(Math.PI * t ** 0.9);
    const hue = 125 + 155 * t;
    table.set(oklchToSrgb(lightness, chroma, hue), step * 3);
  }
  return table;
}

/** [256, 3] sRGB bytes, pale first. */
export const depthTable: Uint8ClampedArray = makeTable();

/** The same as opaque pixels, in the byte order of this machine. */
export const depthPixels: Uint32Array = new Uint32Array(
  Uint8ClampedArray.from({ length: steps * 4 }, (_, at) =>
    at % 4 === 3 ? 255 : (depthTable[(at >> 2) * 3 + (at % 4)] ?? 0),
  ).buffer,
);

export type Scheme = 'light' | 'dark';

/** Row of `depthTable` for a value in [0, 1]: nothing lies near the background of its scheme, most stands out. */
export function depthIndex(value: number, scheme: Scheme): number {
  const index = Math.round(Math.min(1, Math.max(0, value)) * (steps - 1));
  return scheme === 'light' ? index : steps - 1 - index;
}

export function depthColour(value: number, scheme: Scheme): string {
  const at = depthIndex(value, scheme) * 3;
  return `rgb(${depthTable[at]} ${depthTable[at + 1]} ${depthTable[at + 2]})`;
}
