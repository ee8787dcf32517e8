/** A program as data: one executor submits them all, and a CPU oracle stands beside each. */
export interface Kernel {
  readonly label: string;
  readonly code: string;
  /** Bindings in order: the inputs, then the one output, then the parameters. */
  readonly inputs: number;
  readonly outputBytes: number;
}

export interface Executor {
  /**
   * Submits one dispatch behind whatever the queue holds and reads its output back. A runtime's buffers are
   * padded, so lengths travel as parameters and never come from arrayLength.
   * @param parameters 32-bit words of the uniform block, at most 16
   */
  run(
    kernel: Kernel,
    inputs: readonly GPUBuffer[],
    parameters: Uint32Array,
    workgroups: number,
  ): Promise<ArrayBuffer>;
  dispose(): void;
}

const uniformBytes = 64;

/** Pipelines are compiled once; output, parameter and read-back buffers are kept and used again. */
export function createExecutor(device: GPUDevice): Executor {
  const pipelines = new Map<Kernel, GPUComputePipeline>();
  const idle = new Map<string, GPUBuffer[]>();
  const all = new Set<GPUBuffer>();

  const borrow = (size: number, usage: GPUBufferUsageFlags): GPUBuffer => {
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
  const pipelineOf = (kernel: Kernel): GPUComputePipeline => {
    const known = pipelines.get(kernel);
    if (known !== undefined) return known;
    const module = device.createShaderModule({ label: kernel.label, code: kernel.code });
    const made = device.createComputePipeline({ label: kernel.label, layout: 'auto', compute: { module } });
    pipelines.set(kernel, made);
    return made;
  };

  return {
    async run(kernel, inputs, parameters, workgroups) {
      const pipeline = pipelineOf(kernel);
      const output = borrow(kernel.outputBytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
      const staging = borrow(kernel.outputBytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
      const uniform = borrow(uniformBytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
      device.queue.writeBuffer(uniform, 0, parameters.slice().buffer);
      const bound = [...inputs, output, uniform];
      const encoder = device.createCommandEncoder({ label: kernel.label });
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(
        0,
        device.createBindGroup({
          layout: pipeline.getBindGroupLayout(0),
          entries: bound.map((buffer, binding) => ({ binding, resource: { buffer } })),
        }),
      );
      pass.dispatchWorkgroups(workgroups);
      pass.end();
      encoder.copyBufferToBuffer(output, 0, staging, 0, kernel.outputBytes);
      device.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const copy = staging.getMappedRange().slice(0);
      staging.unmap();
      for (const buffer of [output, staging, uniform]) giveBack(buffer);
      return copy;
    },
    dispose() {
      for (const buffer of all) buffer.destroy();
      all.clear();
      idle.clear();
    },
  };
}
