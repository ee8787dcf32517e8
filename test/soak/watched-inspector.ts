import './watched.ts';
import { expose } from 'comlink';
import { createInspector } from '../../src/inspect/inspector.ts';

expose(createInspector());
