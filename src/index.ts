export type * from './open/api.ts';
