/** @returns the runtime's heaps as they are when asked; called before it is loaded, for it makes them while it is */
export function watchHeaps(): () => readonly ArrayBufferLike[] {
  const heaps: WebAssembly.Memory[] = [];
  const NativeMemory = WebAssembly.Memory;
  WebAssembly.Memory = class extends NativeMemory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      heaps.push(this);
    }
  };
  return () => heaps.map(({ buffer }) => buffer);
}
