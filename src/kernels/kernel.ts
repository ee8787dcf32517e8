/** A program as data: one executor submits them all, and a CPU oracle stands beside each. */
export interface Kernel {
  readonly label: string;
  /** Bindings in order: the inputs, then the one output, then the parameters. */
  readonly code: string;
}

/** One dispatch. A runtime's buffers are padded, so lengths travel as parameters and never come from arrayLength. */
export interface Dispatch {
  readonly kernel: Kernel;
  /** Buffers, or what an earlier dispatch of the same batch gave. */
  readonly inputs: readonly (GPUBuffer | Dispatch)[];
  /** 32-bit words of the uniform block, at most 16. */
  readonly parameters: Uint32Array;
  readonly workgroups: number;
  /** Of the output. */
  readonly bytes: number;
  /** An output that only another dispatch wants stays on the GPU. */
  readonly isRead: boolean;
}

/** A piece of a buffer that is wanted as it is; offset and length are multiples of 4. */
export interface Copy {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Work for the GPU and what its results mean. */
export interface Query<T> {
  readonly steps: readonly (Dispatch | Copy)[];
  /** @param read the bytes of each step that is read, in order */
  answer(read: readonly ArrayBuffer[]): T;
}

/** What an executor did so far: Sonde's own work on the GPU, not the runtime's. */
export interface GpuCounts {
  /** Times the CPU waited for the GPU. */
  readonly synchronisations: number;
  readonly dispatches: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface Executor {
  readonly device: GPUDevice;
  readonly counts: GpuCounts;
  /** Submits everything behind whatever the queue holds, and reads all results back in one go. */
  ask<T extends readonly unknown[]>(...queries: { readonly [K in keyof T]: Query<T[K]> }): Promise<T>;
  /** Begins to compile what will be asked for: some drivers take seconds. */
  prepare(kernels: readonly Kernel[]): void;
  write(buffer: GPUBuffer, offset: number, words: Uint32Array<ArrayBuffer>): void;
  dispose(): void;
}

const uniformBytes = 64;
const isDispatch = (step: Dispatch | Copy): step is Dispatch => 'kernel' in step;
const isWanted = (step: Dispatch | Copy): boolean => !isDispatch(step) || step.isRead;

/** Buffers come in few sizes, so that prompts of any length share them. */
const roomFor = (bytes: number): number => 2 ** Math.ceil(Math.log2(Math.max(bytes, 256)));

/**
 * Pipelines are compiled once; output, parameter and read-back buffers are kept and used again. What is asked together
 * is one write of parameters, one pass and one read, whatever its number.
 */
export function createExecutor(device: GPUDevice): Executor {
  const pipelines = new Map<Kernel, Promise<GPUComputePipeline>>();
  const idle = new Map<string, GPUBuffer[]>();
  const all = new Set<GPUBuffer>();
  const counts = { synchronisations: 0, dispatches: 0, bytesRead: 0, bytesWritten: 0 };

  const borrow = (bytes: number, usage: GPUBufferUsageFlags): GPUBuffer => {
    const size = roomFor(bytes);
    const free = idle.get(`${size}:${usage}`)?.pop();
    if (free !== undefined) return free;
    const made = device.createBuffer({ size, usage });
    all.add(made);
    return made;
  };
  const giveBack = (buffer: GPUBuffer): void => {
    const key = `${buffer.size}:${buffer.usage}`;
    const shelf = idle.get(key);
    if (shelf === undefined) idle.set(key, [buffer]);
    else shelf.push(buffer);
  };
  // The synchronous way would answer with a pipeline that does nothing where a program does not compile.
  const pipelineOf = (kernel: Kernel): Promise<GPUComputePipeline> => {
    const known = pipelines.get(kernel);
    if (known !== undefined) return known;
    const module = device.createShaderModule({ label: kernel.label, code: kernel.code });
    const made = device.createComputePipelineAsync({
      label: kernel.label,
      layout: 'auto',
      compute: { module },
    });
    pipelines.set(kernel, made);
    return made;
  };
  const write: Executor['write'] = (buffer, offset, words) => {
    device.queue.writeBuffer(buffer, offset, words);
    counts.bytesWritten += words.byteLength;
  };

  return {
    device,
    counts,
    write,
    prepare(kernels) {
      // Whoever asks for one that does not compile hears of it.
      for (const kernel of kernels) pipelineOf(kernel).catch(() => undefined);
    },
    async ask(...queries) {
      const steps = (queries as readonly Query<unknown>[]).flatMap((query) => query.steps);
      const programs = new Map<Kernel, GPUComputePipeline>();
      for (const step of steps)
        if (isDispatch(step) && !programs.has(step.kernel))
          programs.set(step.kernel, await pipelineOf(step.kernel));
      const dispatches = steps.filter(isDispatch);
      const wanted = steps.filter(isWanted);
      const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
      const staging = borrow(total, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
      const stride = Math.max(uniformBytes, device.limits.minUniformBufferOffsetAlignment);
      const uniforms = borrow(dispatches.length * stride, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
      const parameters = new Uint32Array((dispatches.length * stride) / 4);
      for (const [at, dispatch] of dispatches.entries())
        parameters.set(dispatch.parameters, (at * stride) / 4);
      write(uniforms, 0, parameters);
      const borrowed = [staging, uniforms];
      const outputs = new Map<Dispatch, GPUBuffer>();
      const encoder = device.createCommandEncoder({ label: 'sonde' });
      const pass = encoder.beginComputePass();
      for (const [at, dispatch] of dispatches.entries()) {
        const output = borrow(dispatch.bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
        borrowed.push(output);
        outputs.set(dispatch, output);
        const inputs = dispatch.inputs.map((input) => ('kernel' in input ? outputs.get(input) : input));
        const resources: GPUBufferBinding[] = [...inputs, output]
          .filter((buffer) => buffer !== undefined)
          .map((buffer) => ({ buffer }));
        resources.push({ buffer: uniforms, offset: at * stride, size: uniformBytes });
        const pipeline = programs.get(dispatch.kernel);
        if (pipeline === undefined) continue;
        const entries = resources.map((resource, binding) => ({ binding, resource }));
        const layout = pipeline.getBindGroupLayout(0);
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
        pass.dispatchWorkgroups(dispatch.workgroups);
        counts.dispatches++;
      }
      pass.end();
      let at = 0;
      for (const step of wanted) {
        const [from, offset] = isDispatch(step) ? [outputs.get(step), 0] : [step.buffer, step.offset];
        if (from !== undefined) encoder.copyBufferToBuffer(from, offset, staging, at, step.bytes);
        at += step.bytes;
      }
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ, 0, total);
      const copy = staging.getMappedRange(0, total).slice(0);
      staging.unmap();
      counts.synchronisations++;
      counts.bytesRead += total;
      for (const buffer of borrowed) giveBack(buffer);
      let read = 0;
      return (queries as readonly Query<unknown>[]).map((query) =>
        query.answer(
          query.steps.filter(isWanted).map(({ bytes }) => {
            read += bytes;
            return copy.slice(read - bytes, read);
          }),
        ),
      ) as never;
    },
    dispose() {
      for (const buffer of all) buffer.destroy();
      all.clear();
      idle.clear();
    },
  };
}
