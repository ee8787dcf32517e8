export { type Exported, toConsole, toFunction } from './deliver/call.ts';
export { toOtlp } from './deliver/otlp.ts';
export type { Backend } from './deliver/transport.ts';
