import { expose } from 'comlink';
import { createInspector } from '../../src/inspect/inspector.ts';
import { watchHoldings } from './holdings.ts';

watchHoldings();
expose(createInspector());
