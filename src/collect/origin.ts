import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Whether a browser on this origin may send. CORS does not stop a text/plain beacon, so the server looks
 * itself. Requests without an Origin come from programs, which could send any.
 */
export function mayCall(request: FastifyRequest, allowed: ReadonlySet<string>): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined || allowed.has(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** Beacons always carry credentials, so the answer must name the origin: `*` would lose every one of them. */
export function allowOrigin(
  request: FastifyRequest,
  reply: FastifyReply,
  allowed: ReadonlySet<string>,
): void {
  reply.header('Vary', 'Origin');
  const { origin } = request.headers;
  if (origin === undefined || !mayCall(request, allowed)) return;
  reply.headers({
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': 'Retry-After',
  });
}

export const preflightHeaders = {
  'Access-Control-Allow-Methods': 'POST',
  'Access-Control-Allow-Headers': 'content-type, content-encoding',
  'Access-Control-Max-Age': '86400',
} as const;
