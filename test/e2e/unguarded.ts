import { type Listening, listen } from '../hub/listen.ts';

/** The site behind a proxy that leaves out its content security policy: page and worker may talk to any origin. */
export function withoutPolicy(site: string): Promise<Listening> {
  return listen(async (request, response) => {
    const answer = await fetch(new URL(request.url ?? '/', site));
    const headers = new Headers(answer.headers);
    for (const name of ['content-security-policy', 'content-encoding', 'content-length'])
      headers.delete(name);
    response.writeHead(answer.status, Object.fromEntries(headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
}
