import { createPublicKey } from 'node:crypto';
import type { AgencyOptions } from '../../client/agency.ts';
import { toClientError } from '../../client/aws-errors.ts';
import type { HotlineOptions } from '../../client/hotline.ts';
import type { AgencyInbox, ContentKeys } from '../../client/inbox.ts';
import { createJournalMemory } from '../../client/journal.ts';
import type { Runtime } from '../../client/runtime.ts';
import { createSeenMemory } from '../../client/seen.ts';
import { type Confirmed, createTrustMemory, type TrustStore } from '../../client/trust.ts';
import { answerRequest } from '../../core/api.ts';
import * as calls from '../../core/calls.ts';
import { IntakeJwk, thumbprint } from '../../core/keys.ts';
import { OpenError } from '../../core/open.ts';
import { ServiceError } from '../doubles/faults.ts';
import { AGENCIES, type AgencyId, HOTLINES, type HotlineId, intakeKeyOf, signerOf, type World } from './world.ts';

/* Partners' clients on a relay in memory: the real API and use cases behind `fetch`, queues and keys behind the ports. */

export const RELAY = 'https://relay.example';

/** One request as the relay got it, and the status it answered with. */
export interface Exchange {
  method: string;
  path: string;
  status: number;
}

/** `fetch` that reaches the relay of this world; `log` takes what passed. */
export function relayFetch(world: World, log: Exchange[] = []): Runtime['fetch'] {
  return async (url, init) => {
    const { host, pathname, search } = new URL(url);
    const body = init.body instanceof Uint8Array ? init.body : new Uint8Array();
    const method = init.method ?? 'GET';
    const headers = Object.fromEntries(new Headers(init.headers));
    const request = { method, path: pathname, query: search.slice(1), headers, body };
    const answer = await answerRequest(world.relay(), host, { ...calls }, request);
    log.push({ method, path: pathname, status: answer.status });
    return new Response(answer.body === '' ? null : answer.body, answer);
  };
}

/** On the world's clock; waiting moves it. */
export const runtimeOn = (world: World, log?: Exchange[]): Runtime => ({
  fetch: relayFetch(world, log),
  now: () => world.clock.now(),
  random: () => 0.5,
  wait(milliseconds, signal) {
    signal?.throwIfAborted();
    world.clock.advance(milliseconds);
    return Promise.resolve();
  },
});

/** Everybody's keys, confirmed. */
export function trustAll(hotline?: HotlineId): TrustStore {
  const confirmed: Confirmed = {
    partners: Object.fromEntries([...HOTLINES, ...Object.keys(AGENCIES)].map((id) => [id, [signerOf(id).kid]])),
    ...(hotline && { intakeKeys: [intakeKidOf(hotline)] }),
  };
  return createTrustMemory(confirmed);
}

export const intakeKidOf = (hotline: HotlineId): string =>
  thumbprint(IntakeJwk.parse(createPublicKey(intakeKeyOf(hotline)).export({ format: 'jwk' })));

export const hotlineOptions = (world: World, id: HotlineId, log?: Exchange[]): HotlineOptions => ({
  id,
  relay: RELAY,
  signingKey: signerOf(id),
  journal: createJournalMemory(),
  trust: trustAll(id),
  runtime: runtimeOn(world, log),
});

export const agencyOptions = (world: World, id: AgencyId, log?: Exchange[]): AgencyOptions => ({
  id,
  countries: AGENCIES[id].countries,
  fallback: 'fallback' in AGENCIES[id],
  relay: RELAY,
  signingKey: signerOf(id),
  queues: { urgent: 'https://sqs.example/urgent', routine: 'https://sqs.example/routine' },
  kmsKey: 'arn:aws:kms:eu-west-1:000000000000:key/none',
  region: 'eu-west-1',
  trust: trustAll(),
  seen: createSeenMemory(),
  aws: { inbox: inboxOf(world, id), contentKeys: contentKeysOf(world, id) },
  // Nothing here waits but for the renewal of a message's visibility, which these tests end rather than await.
  runtime: { ...runtimeOn(world, log), wait: untilAborted },
});

const untilAborted = (_: number, signal?: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) => {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', () => reject(signal.reason as Error));
  });

export function inboxOf(world: World, agency: AgencyId): AgencyInbox {
  const inbox = world.queues.openInbox(agency);
  return {
    async receive(lane, max, wait) {
      // As any real queue would, lets others go on while it has nothing.
      if (wait > 0) await new Promise(setImmediate);
      return inbox.receive(lane, max, wait);
    },
    hide: async (message, seconds) => inbox.hide(message, seconds),
    remove: async (message) => inbox.remove(message),
  };
}

export const contentKeysOf = (world: World, agency: AgencyId): ContentKeys => ({
  unwrap(key, context) {
    try {
      return Promise.resolve(world.keys.decrypt(agency, { generation: 1 }, Buffer.from(key, 'base64'), context));
    } catch (error) {
      const invalid = error instanceof ServiceError && error.name === 'InvalidCiphertextException';
      return Promise.reject(invalid ? new OpenError('decryption') : (toClientError(error, 'the key') as Error));
    }
  },
});
