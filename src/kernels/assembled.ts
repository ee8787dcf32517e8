/** The memory that a program works in. Places are its bytes. */
export interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** As much of it as is used: the types of Node do not know it. */
interface Assembly {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
    readonly Instance: new (module: object) => { readonly exports: unknown };
  };
}

const page = 2 ** 16;

/** @param program as vitest -u writes it beside its .wat @returns what that exports, made at the first call */
export function assembled<Exports>(program: string): () => Exports {
  let instance: Exports | undefined;
  return () => {
    if (instance !== undefined) return instance;
    const bytes = Uint8Array.from(atob(program), (character) => character.charCodeAt(0));
    const { Module, Instance } = (globalThis as unknown as Assembly).WebAssembly;
    instance = new Instance(new Module(bytes)).exports as Exports;
    return instance;
  };
}

/** Sees to it that there are so many bytes. */
export function reserve(memory: Memory, end: number): void {
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / page));
}
