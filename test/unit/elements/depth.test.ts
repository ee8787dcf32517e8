import { describe, expect, it } from 'vitest';
import { depthIndex, depthTable } from '../../../src/elements/depth.ts';

type Rgb = readonly [number, number, number];
type Matrix = readonly [Rgb, Rgb, Rgb];

/** Machado, Oliveira & Fernandes 2009, severity 1, over linear RGB. */
const deficiencies: Readonly<Record<string, Matrix>> = {
  none: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const linear = (byte: number): number => {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
};

/** CIE lightness L* of WCAG's relative luminance. */
function lightness([r, g, b]: Rgb): number {
  const y = Math.min(1, Math.max(0, 0.2126 * r + 0.7152 * g + 0.0722 * b));
  return y <= 216 / 24389 ? (y * 24389) / 27 : 116 * Math.cbrt(y) - 16;
}

const dot = (a: Rgb, b: Rgb): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

function seen(matrix: Matrix): number[] {
  return Array.from({ length: depthTable.length / 3 }, (_, step) => {
    const [r = 0, g = 0, b = 0] = depthTable.subarray(step * 3, step * 3 + 3);
    const rgb: Rgb = [linear(r), linear(g), linear(b)];
    return lightness([dot(matrix[0], rgb), dot(matrix[1], rgb), dot(matrix[2], rgb)]);
  });
}

describe('the colour scale', () => {
  it.each(Object.entries(deficiencies))('darkens all the way for an eye with %s', (_name, matrix) => {
    const steps = seen(matrix);
    // 16 steps apart: single bytes round.
    for (let at = 16; at < steps.length; at++) expect(steps[at]).toBeLessThan(steps[at - 16] as number);
    expect((steps[0] as number) - (steps.at(-1) as number)).toBeGreaterThan(60);
  });

  it('begins near the background of either scheme', () => {
    expect(depthIndex(0, 'light')).toBe(0);
    expect(depthIndex(1, 'light')).toBe(255);
    expect(depthIndex(0, 'dark')).toBe(255);
    expect(depthIndex(1, 'dark')).toBe(0);
  });

  it('keeps values outside [0, 1] on the scale', () => {
    expect(depthIndex(-3, 'light')).toBe(0);
    expect(depthIndex(7, 'light')).toBe(255);
  });
});
