import type { BrowserContext } from 'playwright';
import type { Fault, FaultServer, Hit } from './server.ts';
import type { Visitor } from './visitor.ts';

/** One visit of each SDK's visitor at the same time, in one browser. */
export interface Scene {
  readonly context: BrowserContext;
  readonly server: FaultServer;
  readonly visitors: readonly Visitor[];
  /** SIGKILL to the whole browser. */
  readonly kill: () => Promise<void>;
  /** Their second tabs, in a column that has such. */
  readonly companions: readonly Visitor[];
}

export interface Column {
  readonly name: string;
  /** Where so few records are lost that one round could not tell. */
  readonly rounds?: number;
  /** Told of before the return visit, too. */
  readonly atExit?: boolean;
  readonly tabs?: 2;
  /** Pages are open, nothing is made yet. */
  readonly play: (scene: Scene, round: number) => Promise<void>;
}

export const seconds = (count: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, count * 1000));

const each = async <T>(of: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> => {
  await Promise.all(of.map(work));
};

const makeAll = ({ visitors }: Scene): Promise<void> => each(visitors, (visitor) => visitor.make());
const navigateAll = ({ visitors }: Scene): Promise<void> => each(visitors, (visitor) => visitor.navigate());

/** Longer than any of them waits for its next try after 20 s of failures, of those that keep what failed in memory. */
const recovery = 30;
/** Timers of 1, 3 and 5 s flush the others: the end comes at another point of theirs in each round. */
const beforeTheEnd = (round: number): Promise<void> => seconds(3.3 + 0.8 * round);

/** A second of good weather, then `fault` for `lasting` seconds, then time to recover in, and the page goes. */
async function weather(scene: Scene, fault: (hit: Hit) => Fault | undefined, lasting: number): Promise<void> {
  await makeAll(scene);
  await seconds(1);
  scene.server.fault = fault;
  await seconds(lasting);
  scene.server.fault = undefined;
  await seconds(recovery);
  await navigateAll(scene);
}

const navigateWith = (count: number): Column => ({
  name: `navigate, ${count.toLocaleString('en')} pending`,
  atExit: true,
  async play(scene) {
    // One after the other: side by side they would slow each other until nothing is pending any more.
    for (const visitor of scene.visitors) {
      await visitor.make(count, 0);
      await visitor.sees(count);
      await seconds(0.3);
      await visitor.navigate();
    }
  },
});

const answering = (status: number, lasting: number): Column => ({
  name: `${lasting} s of ${status}`,
  play: (scene) => weather(scene, () => ({ status }), lasting),
});

export const columns: readonly Column[] = [
  {
    name: 'no fault, close',
    atExit: true,
    async play(scene) {
      await makeAll(scene);
      await seconds(4);
      await each(scene.visitors, (visitor) => visitor.close());
    },
  },
  navigateWith(400),
  navigateWith(1500),
  {
    name: 'reload loop, 10 x 0.7 s',
    async play(scene) {
      for (let round = 0; round < 10; round++) {
        await makeAll(scene);
        await seconds(0.7);
        await each(scene.visitors, async (visitor) => {
          await visitor.look();
          await visitor.load();
        });
      }
      await navigateAll(scene);
    },
  },
  {
    name: 'renderer crash',
    rounds: 5,
    async play(scene, round) {
      await makeAll(scene);
      await beforeTheEnd(round);
      await each(scene.visitors, (visitor) => visitor.crash());
    },
  },
  {
    name: 'browser SIGKILL',
    rounds: 5,
    async play(scene, round) {
      await makeAll(scene);
      await beforeTheEnd(round);
      await each(scene.visitors, (visitor) => visitor.look());
      await scene.kill();
    },
  },
  answering(503, 20),
  answering(500, 20),
  {
    name: '429, Retry-After 12',
    play: (scene) => weather(scene, () => ({ status: 429, retryAfter: 12 }), 12),
  },
  {
    name: '413 above ten records',
    play: (scene) => weather(scene, ({ records }) => (records > 10 ? { status: 413 } : undefined), 5),
  },
  {
    name: 'offline, close, reopen',
    async play(scene) {
      await makeAll(scene);
      await seconds(1);
      scene.server.fault = () => 'broken connection';
      await scene.context.setOffline(true);
      await seconds(4);
      await each(scene.visitors, (visitor) => visitor.close());
      await seconds(1);
      await scene.context.setOffline(false);
      scene.server.fault = undefined;
    },
  },
  {
    name: 'slow 3G',
    async play(scene) {
      await each(scene.visitors, async (visitor) => {
        const session = await visitor.devTools();
        await session.send('Network.enable');
        // The preset "Slow 3G" of Chromium's developer tools.
        await session.send('Network.emulateNetworkConditions', {
          offline: false,
          latency: 2000,
          downloadThroughput: 50_000,
          uploadThroughput: 50_000,
        });
      });
      await makeAll(scene);
      await seconds(10);
      await navigateAll(scene);
      await seconds(10);
    },
  },
  {
    name: 'collector restart, 4 s',
    async play(scene) {
      await makeAll(scene);
      await seconds(1);
      await scene.server.restart(4000);
      await seconds(recovery);
      await navigateAll(scene);
    },
  },
  {
    name: 'worker killed',
    async play(scene) {
      // From before its journal can be open to well after.
      for (const life of [0.03, 0.1, 0.25, 0.7, 0.03, 0.1, 0.25, 0.7]) {
        await each(scene.visitors, async (visitor) => {
          await visitor.make();
          await visitor.sees(1);
          await seconds(life);
          await visitor.replaceWorker();
        });
      }
      await makeAll(scene);
      await seconds(1);
      await navigateAll(scene);
    },
  },
  {
    name: 'storage full, 5 s of 503',
    async play(scene) {
      await each(scene.visitors, async (visitor) => {
        const session = await visitor.devTools();
        await session.send('Storage.overrideQuotaForOrigin', { origin: visitor.place.site, quotaSize: 1 });
      });
      await weather(scene, () => ({ status: 503 }), 5);
    },
  },
  {
    name: 'two tabs, 5 s of 503',
    tabs: 2,
    async play(scene) {
      const { companions } = scene;
      await makeAll(scene);
      await each(companions, (visitor) => visitor.make());
      await seconds(1);
      scene.server.fault = () => ({ status: 503 });
      await seconds(3);
      await each(companions, (visitor) => visitor.close());
      await seconds(2);
      scene.server.fault = undefined;
      await seconds(recovery);
      await navigateAll(scene);
    },
  },
];
