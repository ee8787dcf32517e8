import { instrument } from '../instrument/instrument.ts';
import type { Instrumented } from '../instrument/instrumented.ts';
import { useGpu } from '../run/device.ts';
import type { Gpu } from '../run/gpu.ts';
import type { OrtSession, OrtSessionOptions, Runtime } from '../run/runtime.ts';
import { type CallerOptions, openSessions, type PlanSession, type Sessions } from '../run/sessions.ts';
import type { WeightFiles } from '../run/weights.ts';
import { emptyPlan } from '../shared/plan.ts';

/** What `InferenceSession.create` was called with. */
export type CreateCall = readonly unknown[];
export type Create = (...call: CreateCall) => Promise<OrtSession>;

/** A session that Sonde opened in the application's place. */
export interface Shared {
  readonly instrumented: Instrumented;
  readonly sessions: Sessions;
  readonly ports: PlanSession['ports'];
}

/** What became of one create. The files are absent where the application gave a path. */
export interface Opened {
  readonly device: 'webgpu' | 'wasm';
  readonly gpu?: Gpu;
  readonly files?: WeightFiles;
  readonly made:
    | { readonly shared: Shared }
    | {
        readonly session: OrtSession;
        readonly plain: string;
        /** No model, but an operator on its own: transformers.js sorts and slices with such sessions. */
        readonly isOperator: boolean;
      };
  /** The session as the application asked for it. */
  readonly openPlain: () => Promise<OrtSession>;
}

/** A reason, in words, to leave a session alone. */
class Plain extends Error {
  readonly isOperator: boolean;

  constructor(why: string, isOperator = false) {
    super(why);
    this.isOperator = isOperator;
  }
}

/** @param gpu the one device of all sessions that bring none */
export async function takeOver(
  runtime: Runtime,
  create: Create,
  call: CreateCall,
  gpu: () => Promise<Gpu>,
): Promise<Opened> {
  const options =
    call.find((part): part is OrtSessionOptions => typeof part === 'object' && !isBytes(part)) ?? {};
  const providers = options.executionProviders ?? [];
  const onGpu = providers.map((provider) => (typeof provider === 'string' ? provider : provider.name));
  const device = onGpu[0] === 'webgpu' ? 'webgpu' : 'wasm';
  const own = providers.find(isWebGpu)?.device;
  const opening = own === undefined ? gpu : async () => useGpu(own);
  const used = onGpu.includes('webgpu') ? await opening().catch(() => undefined) : undefined;
  const openPlain = (): Promise<OrtSession> =>
    runtime.exclusive(() =>
      create(...call.map((part) => (part === options ? onDevice(options, used) : part))),
    );
  const found = { device, openPlain, ...(used === undefined ? {} : { gpu: used }) } as const;
  let files: WeightFiles | undefined;
  try {
    files = filesOf(call, options);
    const shared = await open(runtime, files, callerOf(runtime, options, onGpu), device, used);
    return { ...found, files, made: { shared } };
  } catch (error) {
    // Whatever stands in Sonde's way must not stand in the application's.
    const plain = error instanceof Error ? error.message : String(error);
    const isOperator = error instanceof Plain && error.isOperator;
    const made = { session: await openPlain(), plain, isOperator };
    return { ...found, ...(files === undefined ? {} : { files }), made };
  }
}

async function open(
  runtime: Runtime,
  files: WeightFiles,
  caller: CallerOptions,
  device: 'webgpu' | 'wasm',
  gpu: Gpu | undefined,
): Promise<Shared> {
  if (device === 'webgpu' && gpu === undefined) throw new Plain('WebGPU gives no device.');
  const instrumented = instrument(files.graph, { file: files.file, external: files.external });
  if (instrumented.anatomy.kind === 'unknown') {
    const { weights } = instrumented.edit(emptyPlan, 'external');
    throw new Plain('No transformer was found in the graph.', weights.length === 0);
  }
  const onGpu = device === 'webgpu' ? gpu : undefined;
  const sessions = openSessions(runtime, instrumented, files, onGpu, caller);
  try {
    const { ports } = await sessions.open(emptyPlan);
    return { instrumented, sessions, ports };
  } catch (error) {
    await sessions.dispose();
    throw error;
  }
}

/** All sessions on one device, so that tensors can go from one to the other. */
function onDevice(options: OrtSessionOptions, gpu: Gpu | undefined): OrtSessionOptions {
  if (gpu === undefined || options.executionProviders === undefined) return options;
  const executionProviders = options.executionProviders.map((provider) => {
    if (provider !== 'webgpu' && !isWebGpu(provider)) return provider;
    return { ...(isWebGpu(provider) ? provider : {}), name: 'webgpu', device: gpu.device };
  });
  return { ...options, executionProviders };
}

type Provider = NonNullable<OrtSessionOptions['executionProviders']>[number];
type WebGpuProvider = Extract<Provider, { readonly name: 'webgpu' }> & { readonly device?: GPUDevice };

const isWebGpu = (provider: Provider): provider is WebGpuProvider =>
  typeof provider !== 'string' && provider.name === 'webgpu';

/** What Sonde's own session takes over of the application's wishes. @throws Plain for a wish that it cannot keep */
function callerOf(runtime: Runtime, options: OrtSessionOptions, providers: readonly string[]): CallerOptions {
  const {
    executionProviders = [],
    externalData: _files,
    preferredOutputLocation: locations = 'cpu',
    ...session
  } = options;
  const other = providers.find((name) => !['webgpu', 'wasm', 'cpu'].includes(name));
  if (other !== undefined) throw new Plain(`The execution provider ${other} was asked for.`);
  if (runtime.ort.env.wasm.proxy)
    throw new Plain('env.wasm.proxy moves the runtime into a worker of its own.');
  if (session.enableGraphCapture) throw new Plain('Graph capture was asked for.');
  if (session.enableProfiling) throw new Plain('Profiling was asked for.');
  if (session.optimizedModelFilePath !== undefined) throw new Plain('An optimized model file was asked for.');
  const wanted = typeof locations === 'string' ? [locations] : Object.values(locations);
  const known = providers[0] === 'webgpu' ? ['cpu', 'gpu-buffer'] : ['cpu'];
  const odd = wanted.find((location) => !known.includes(location));
  if (odd !== undefined) throw new Plain(`Outputs were asked for as ${odd}.`);
  return { session, provider: { ...executionProviders.find(isWebGpu) }, locations };
}

const isBytes = (part: unknown): part is Uint8Array | ArrayBuffer =>
  part instanceof Uint8Array || part instanceof ArrayBuffer || isShared(part);

const isShared = (part: unknown): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && part instanceof SharedArrayBuffer;

function bytesOf(part: unknown): Uint8Array<ArrayBuffer> {
  if (part instanceof ArrayBuffer) return new Uint8Array(part);
  if (part instanceof Uint8Array && part.buffer instanceof ArrayBuffer)
    return part as Uint8Array<ArrayBuffer>;
  throw new Plain('The model was not given as bytes.');
}

/** The graph and its external data, as views of what the application holds. @throws Plain */
function filesOf([model, offset, length]: CreateCall, { externalData = [] }: OrtSessionOptions): WeightFiles {
  const whole = bytesOf(model);
  const start = typeof offset === 'number' ? offset : 0;
  const graph = whole.subarray(start, typeof length === 'number' ? start + length : undefined);
  const external = new Map(
    externalData.map((file) => {
      if (typeof file === 'string') throw new Plain('External data was given as a path.');
      return [file.path.replace(/^\.\//, ''), bytesOf(file.data)] as const;
    }),
  );
  return { file: 'model.onnx', graph, external };
}
