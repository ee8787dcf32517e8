import type { BrowserContext, CDPSession, Page } from 'playwright';
import type { Bench } from './page/main.ts';

declare global {
  interface Window {
    bench: Bench;
  }
}

/** Where an SDK's page is, and where it sends to. */
export interface Place {
  readonly sdk: string;
  readonly site: string;
  readonly endpoint: string;
}

export const paceMs = 25;

let lives = 0;

/** One tab of somebody on the page of one SDK, who remembers what was made there. */
export class Visitor {
  readonly place: Place;
  /** Age of each record, in ms, at the end of its page or worker. */
  readonly ages = new Map<string, number>();
  #page: Page | undefined;
  #prefix = '';
  /** When a worker was killed, by the prefix of what it made. */
  readonly #ends = new Map<string, number>();

  constructor(place: Place) {
    this.place = place;
  }

  get page(): Page {
    if (this.#page === undefined) throw new Error(`The page of ${this.place.sdk} is not open.`);
    return this.#page;
  }

  async open(context: BrowserContext, before?: (page: Page) => Promise<void>): Promise<void> {
    this.#page = await context.newPage();
    await before?.(this.#page);
    await this.load();
  }

  /** The page anew, in the same tab. */
  async load(): Promise<void> {
    const { sdk, site, endpoint } = this.place;
    await this.page.goto(`${site}/?${new URLSearchParams({ sdk, endpoint })}`);
    await this.page.waitForFunction(() => window.bench !== undefined);
    this.#renew();
  }

  /** From now on one record every `paceMs`; or so many at once. */
  make(count = 1_000_000, everyMs = paceMs): Promise<void> {
    return this.page.evaluate(([prefix, many, pace]) => window.bench.make(prefix, many, pace), [
      this.#prefix,
      count,
      everyMs,
    ] as const);
  }

  /** Resolves when so many of what was ordered last are made. */
  async sees(count: number): Promise<void> {
    await this.page.waitForFunction(
      ([prefix, many]) => window.bench.made.filter(({ id }) => id.startsWith(prefix)).length >= many,
      [`${this.#prefix}.`, count] as const,
    );
  }

  async replaceWorker(): Promise<void> {
    const end = await this.page.evaluate(() => {
      window.bench.replaceWorker();
      return Date.now();
    });
    this.#ends.set(this.#prefix, end);
    this.#renew();
  }

  /** Call right before the end: records made while that comes are not counted, for nobody saw them. */
  async look(): Promise<void> {
    const [made, now] = await this.page.evaluate(() => [window.bench.made, Date.now()] as const);
    for (const { id, at } of made)
      this.ages.set(id, (this.#ends.get(id.slice(0, id.lastIndexOf('.'))) ?? now) - at);
  }

  #renew(): void {
    this.#prefix = `bench.${(lives++).toString(36)}`;
  }

  devTools(): Promise<CDPSession> {
    return this.page.context().newCDPSession(this.page);
  }

  async navigate(): Promise<void> {
    await this.look();
    await this.page.goto('about:blank');
  }

  async close(): Promise<void> {
    await this.look();
    await Promise.all([this.page.waitForEvent('close'), this.page.close({ runBeforeUnload: true })]);
  }

  async crash(): Promise<void> {
    const crashed = this.page.waitForEvent('crash');
    const session = await this.devTools();
    await this.look();
    session.send('Page.crash').catch(() => undefined);
    await crashed;
  }
}
