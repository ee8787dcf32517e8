import type { Dim } from './onnx.ts';

/**
 * Arithmetic on sizes that may be symbols. A product is kept as `4·batch·sequence`, so that a -1 in a Reshape
 * can be divided out again; any other expression becomes a new symbol named after itself.
 */
const times = '·';

/** Expressions of expressions double in length with every step; no real size needs more than this. */
const longest = 200;

/** A long expression by its beginning and a checksum (FNV-1a): equal ones stay equal. */
function shortened(name: string): string {
  if (name.length <= longest) return name;
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return `${name.slice(0, 20)}…${(hash >>> 0).toString(16)}`;
}

/** Declared names may be expressions of their own; inside a product they count as one factor. */
export const symbol = (name: string): string => shortened(name.replaceAll(times, '.'));

function factors(dim: Dim): { count: number; names: string[] } {
  if (typeof dim === 'number') return { count: dim, names: [] };
  const names = dim.split(times);
  const first = Number(names[0]);
  return names.length > 1 && Number.isFinite(first)
    ? { count: first, names: names.slice(1) }
    : { count: 1, names };
}

function join(count: number, names: readonly string[]): Dim {
  if (names.length === 0 || count === 0) return count;
  const product = [...names].sort().join(times);
  if (product.length > longest) return symbol(`${count}.${product}`);
  return count === 1 ? product : `${count}${times}${product}`;
}

export function multiply(a: Dim, b: Dim): Dim {
  const left = factors(a);
  const right = factors(b);
  return join(left.count * right.count, [...left.names, ...right.names]);
}

/** a / b where b divides a as far as one can see, else a new symbol. */
export function divide(a: Dim, b: Dim): Dim {
  const left = factors(a);
  const right = factors(b);
  const names = [...left.names];
  for (const name of right.names) {
    const at = names.indexOf(name);
    if (at < 0) return symbol(`(${a}/${b})`);
    names.splice(at, 1);
  }
  const count = left.count / right.count;
  if (names.length === 0) return Math.floor(count);
  return Number.isInteger(count) ? join(count, names) : symbol(`(${a}/${b})`);
}

export function add(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a === 0) return b;
  if (b === 0) return a;
  return symbol(`(${a}+${b})`);
}

export function subtract(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (b === 0) return a;
  return a === b ? 0 : symbol(`(${a}-${b})`);
}

export const product = (dims: readonly Dim[]): Dim => dims.reduce<Dim>(multiply, 1);

/** NumPy broadcasting; of two symbols the first is believed. */
export function broadcast(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  const rank = Math.max(a.length, b.length);
  const out: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left === 1) out.push(right);
    else if (right === 1 || typeof left === 'number') out.push(left);
    else out.push(typeof right === 'number' ? right : left);
  }
  return out;
}
