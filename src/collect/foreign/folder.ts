import { join } from 'node:path';

/** Where the log of other SDKs' records lies in a collector's data folder. */
export const foreignFolder = (data: string): string => join(data, 'foreign');
