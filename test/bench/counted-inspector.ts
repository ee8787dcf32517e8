import { expose } from 'comlink';
import { createInspector } from '../../src/inspect/inspector.ts';
import { countGpu } from './counted.ts';

/** The real worker, with a meter at its GPU. */
countGpu();
expose(createInspector());
