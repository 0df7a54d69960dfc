import { once } from 'node:events';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgencyReferral, createDeliveryHandler, type Handlers } from '../../client/delivery.ts';
import type { Delivery } from '../../client/inbox.ts';
import { runtimeOf } from '../../client/runtime.ts';
import { createSeenMemory, type SeenStore } from '../../client/seen.ts';
import { hashText } from '../../core/base64url.ts';
import type { ReferralMessage } from '../../core/contracts.ts';
import { signerOf, World } from '../support/world.ts';

const AGENCY = 'de-police';
const HOTLINE = 'gb-hotline';
const SEALED = 'sealed bytes';

const world = new World();
const name = { hotline: HOTLINE, id: world.newId() };
const acceptedAt = world.at();
const statement = await world.withdrawStatement(name, hashText(SEALED));

type Kind = 'v1' | 'v2' | 'withdrawn';

function receive(kind: Kind): Delivery {
  const receipt = { lane: 'urgent', handle: kind, body: '', receives: 1 } as const;
  if (kind === 'withdrawn') return { ...receipt, kind, message: { v: 1, kind, ...name, statement, acceptedAt } };
  const message: ReferralMessage = {
    v: 1,
    ...name,
    agency: AGENCY,
    version: kind === 'v1' ? 1 : 2,
    roles: ['suspect'],
    countries: ['DE'],
    routing: { suspect: ['DE'], victim: [] },
    urgency: 'immediate',
    onward: 'allowed',
    acceptedAt,
    sealed: SEALED,
    key: '',
  };
  return { ...receipt, kind: 'referral', message };
}

/**
 * What SQS may do to one referral: its versions and its withdrawal arrive in any order, several times, also while another
 * of them is being handled; each step takes its time, and may fail. What is left comes again.
 */
it('hands each version over once, nothing after a withdrawal, and forgets neither', async () => {
  const arrivals = fc.array(fc.constantFrom<Kind>('v1', 'v2', 'withdrawn'), { minLength: 2, maxLength: 6 });
  const failures = fc.infiniteStream(fc.nat(9).map((drawn) => drawn === 0));
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), arrivals, failures, async (scheduler, kinds, fails) => {
      const broken: string[] = [];
      const holds = (claim: string, isSo: boolean): void => void (isSo || broken.push(claim));
      /** Takes its turn among all that is pending; then does its work, or fails before or after it. */
      async function step<T>(label: string, act: () => T | Promise<T>): Promise<T> {
        await scheduler.schedule(Promise.resolve(), label);
        if (fails.next().value) throw new Error(`no ${label}`);
        const result = await act();
        await scheduler.schedule(Promise.resolve(), `${label}, answer`);
        if (fails.next().value) throw new Error(`no answer to ${label}`);
        return result;
      }

      const memory = createSeenMemory();
      const opened = new Set<number>();
      let handling = false;
      /** Whether the handler has returned for the withdrawal. */
      let told = false;
      const handle = createDeliveryHandler({
        agency: AGENCY,
        inbox: {
          receive: () => Promise.resolve([]),
          hide: () => Promise.resolve(),
          remove: ({ handle }) =>
            step('remove', async () => {
              const version = handle === 'v1' ? 1 : 2;
              const { handled = [], withdrawn } = (await memory.read(name)) ?? {};
              if (handle === 'withdrawn') holds('the withdrawal was told', told);
              else if (handled.some((each) => each.version === version)) holds('it is answered', opened.has(version));
              else holds('what was not handed over is withdrawn', withdrawn !== undefined);
            }),
        },
        seen: {
          read: (about) => step('read', () => memory.read(about)),
          async write(seen) {
            const before = await memory.read(name);
            await step('write', () => memory.write(seen));
            const kept = ({ version }: { version: number }): boolean =>
              seen.handled.some((each) => each.version === version);
            holds('no version is forgotten', before?.handled.every(kept) ?? true);
            holds('no withdrawal is forgotten', !before?.withdrawn || seen.withdrawn !== undefined);
          },
        },
        keyring: {
          findKey: (partner) => step('find a key', () => signerOf(partner).record),
          mayForward: () => Promise.resolve(false),
        },
        runtime: runtimeOf({
          async wait(_, signal) {
            if (signal) await once(signal, 'abort');
            throw new Error('woken');
          },
        }),
        open: ({ version }) => step('open', () => ({ version }) as AgencyReferral),
        answer: ({ version }) => step('answer', () => void opened.add(version)),
      });
      const handlers: Handlers = {
        async referral({ version }) {
          const { handled = [] } = (await memory.read(name)) ?? {};
          holds('one version at a time', !handling);
          holds(
            'a version is handed over once',
            handled.every((each) => each.version !== version),
          );
          holds('nothing is handed over after its withdrawal', !told);
          handling = true;
          await step('take over', () => undefined).finally(() => {
            handling = false;
          });
        },
        async withdrawn({ handed }) {
          const { handled = [], withdrawn } = (await memory.read(name)) ?? {};
          holds('a withdrawal is told once', withdrawn?.told !== true);
          holds('the withdrawal says whether anything was handed over', handed === handled.length > 0);
          await step('tell', () => undefined);
          told = true;
        },
      };

      const { signal } = new AbortController();
      async function untilGone(kind: Kind, arrival: Promise<void>): Promise<void> {
        await arrival;
        for (;;) {
          const { result } = await handle(receive(kind), handlers, signal);
          if (result !== 'left') return holds('everything is readable', result !== 'unreadable');
        }
      }
      const all = kinds.map((kind) => untilGone(kind, scheduler.schedule(Promise.resolve(), `${kind} arrives`)));
      await scheduler.waitFor(Promise.all(all));
      expect(broken).toEqual([]);
      const remembered = await memory.read(name);
      expect(remembered?.withdrawn !== undefined).toBe(kinds.includes('withdrawn'));
      for (const { version } of remembered?.handled ?? []) expect(opened).toContain(version);
    }),
  );
});

/** A machine that is held at its first step of this name, and what its handlers were told. */
function machine(memory: SeenStore, at?: 'open' | 'take over') {
  const told: string[] = [];
  const [held, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  async function step(label: string): Promise<void> {
    if (label !== at) return;
    held.resolve();
    await goOn.promise;
  }
  const handle = createDeliveryHandler({
    agency: AGENCY,
    inbox: { receive: () => Promise.resolve([]), hide: () => Promise.resolve(), remove: () => Promise.resolve() },
    seen: memory,
    keyring: {
      findKey: (partner) => Promise.resolve(signerOf(partner).record),
      mayForward: () => Promise.resolve(false),
    },
    runtime: runtimeOf({
      async wait(_, signal) {
        if (signal) await once(signal, 'abort');
        throw new Error('woken');
      },
    }),
    open: async ({ version }) => {
      await step('open');
      return { version } as AgencyReferral;
    },
    answer: () => Promise.resolve(),
  });
  const handlers: Handlers = {
    referral: async ({ version }) => {
      await step('take over');
      told.push(`v${version}`);
    },
    withdrawn: ({ handed }) => void told.push(handed ? 'withdrawn after all' : 'withdrawn'),
  };
  return {
    told,
    held: held.promise,
    goOn: goOn.resolve,
    handle: async (kind: Kind) => (await handle(receive(kind), handlers, new AbortController().signal)).result,
  };
}

describe('two machines that share a memory', () => {
  it('do not hand over what the other has handed over, or has heard withdrawn, while it was being opened', async () => {
    for (const [meanwhile, result] of [
      ['v1', 'duplicate'],
      ['withdrawn', 'discarded'],
    ] as const) {
      const memory = createSeenMemory();
      const [slow, quick] = [machine(memory, 'open'), machine(memory)];
      const first = slow.handle('v1');
      await slow.held;
      await quick.handle(meanwhile);
      slow.goOn();
      expect(await first).toBe(result);
      expect(slow.told).toEqual([]);
    }
  });

  it('tell in the end of a withdrawal that the referral was handed over, also if that ends later', async () => {
    const memory = createSeenMemory();
    const [slow, quick] = [machine(memory, 'take over'), machine(memory)];
    const first = slow.handle('v1');
    await slow.held;
    await quick.handle('withdrawn');
    slow.goOn();
    expect(await first).toBe('handled');
    expect([...quick.told, ...slow.told]).toEqual(['withdrawn', 'v1', 'withdrawn after all']);
    expect(await quick.handle('v1')).toBe('duplicate');
    expect(quick.told).toEqual(['withdrawn']);
  });
});
