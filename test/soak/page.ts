import { cycles } from './cycles.ts';

declare global {
  interface Window {
    cycles: typeof cycles;
  }
}
Object.assign(window, { cycles });
