/** A beacon sets no headers: what a body is, its first two bytes say. */
export const isGzip = (body: Uint8Array): boolean => body[0] === 0x1f && body[1] === 0x8b;
