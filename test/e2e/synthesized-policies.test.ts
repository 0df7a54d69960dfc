import { DecryptCommand, GenerateDataKeyCommand, KMSClient, ReEncryptCommand } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sort } from '../../audit/deployment.ts';
import { authorizeBy } from '../../audit/kms.ts';
import type { Policy } from '../../audit/simulator.ts';
import type { World } from '../../audit/surroundings.ts';
import type { ReferralMessage } from '../../core/contracts.ts';
import { agencyAlias, FUNCTIONS, type FunctionName, intakeAlias } from '../../core/names.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import type { Authorize } from '../../local/kms/kms.ts';
import {
  administratorOf,
  agencyPrincipal,
  functionPrincipal,
  type Principal,
  RELAY_ACCOUNT,
} from '../../local/principals.ts';
import type { LocalRelay } from '../../local/relay.ts';
import { AGENCIES, draftForAll, HOTLINE, startAuditedRelay } from '../support/audited-relay.ts';
import { REGION, world } from '../support/audited-stage.ts';
import { collect, peek } from '../support/waiting.ts';

/*
 * The embedded cloud, whose KMS asks a policy simulator that others wrote about the very policies that are deployed, in
 * place of a table of its own. What it refuses it does for a policy: once that is loosened, the same attempt succeeds.
 */

const deployed = authorizeBy(world);
let judge: Authorize = deployed;
let relay: LocalRelay;

beforeAll(async () => {
  relay = await startAuditedRelay({ authorize: (request) => judge(request) });
});
afterAll(() => relay?.close());

describe('under the policies that are deployed', () => {
  it.each([HOTLINE, 'us-beacon'])('a referral of %s goes all the way to agencies of every sort', async (id) => {
    const hotline = await callHotline(relay, id);
    const acceptance = await hotline.submit(draftForAll());
    expect(acceptance.routes.map(({ agency }) => agency)).toEqual(AGENCIES);
    for (const name of AGENCIES) {
      const agency = await callAgency(relay, name);
      while (!agency.opened.has(acceptance.id)) await agency.work();
      await agency.client.answer({ hotline: id, id: acceptance.id }, { status: 'closed', reason: 'child-safeguarded' });
    }
    const status = await hotline.status(acceptance.id);
    expect(status.routes.map((route) => route.status)).toEqual(AGENCIES.map(() => 'opened'));
    const outcomes = await collect(hotline);
    expect(outcomes).toHaveLength(2 * AGENCIES.length);
    expect(outcomes.every((outcome) => outcome.kind === 'outcome' && outcome.check === 'verified')).toBe(true);
  });
});

const kmsAs = ({ credentials }: Principal): KMSClient =>
  new KMSClient({ region: REGION, endpoint: relay.endpoints.kms, credentials });

const fn = (name: FunctionName): Principal => functionPrincipal(relay.stage, name);

function agency(id: string): Principal {
  const found = relay.registry.agencies.get(id);
  if (!found) throw new Error(`no such agency: ${id}`);
  return agencyPrincipal(relay.stage, found);
}

const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof Error ? error.name : error),
  );

/** A referral that has reached its agencies, as it lies in their queues. */
interface Target {
  sealed: string;
  /** By agency. */
  messages: Map<string, ReferralMessage>;
}

function messageFor({ messages }: Target, id: string): ReferralMessage {
  const message = messages.get(id);
  if (!message) throw new Error(`nothing was sent to ${id}`);
  return message;
}

/** Opens what is wrapped for an agency, under the context it was wrapped with or another. */
function decrypt(principal: Principal, target: Target, wrappedFor: string, named = wrappedFor): Promise<unknown> {
  const { key, id } = messageFor(target, wrappedFor);
  const EncryptionContext = { hotline: HOTLINE, referral: id, agency: named, sealed: target.sealed };
  return outcomeOf(
    kmsAs(principal).send(new DecryptCommand({ CiphertextBlob: Buffer.from(key, 'base64'), EncryptionContext })),
  );
}

const wrappedIn = (target: Target): Buffer =>
  Buffer.from(messageFor(target, 'gb-crossbar').sealed.split('.')[1] ?? '', 'base64url');

/** Opens what is sealed for the hotline's intake key. */
const openSealed = (principal: Principal, target: Target): Promise<unknown> =>
  outcomeOf(
    kmsAs(principal).send(
      new DecryptCommand({
        CiphertextBlob: wrappedIn(target),
        KeyId: intakeAlias(relay.stage, HOTLINE, 1),
        EncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      }),
    ),
  );

/** Wraps what is sealed for the key of an agency, under its name or another's. */
const rewrap = (principal: Principal, target: Target, to: string, named = to): Promise<unknown> =>
  outcomeOf(
    kmsAs(principal).send(
      new ReEncryptCommand({
        CiphertextBlob: wrappedIn(target),
        SourceKeyId: intakeAlias(relay.stage, HOTLINE, 1),
        SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
        DestinationKeyId: agencyAlias(relay.stage, to, 1),
        DestinationEncryptionContext: { agency: named },
      }),
    ),
  );

const generate = (principal: Principal, key: string): Promise<unknown> =>
  outcomeOf(
    kmsAs(principal).send(
      new GenerateDataKeyCommand({
        KeyId: agencyAlias(relay.stage, key, 1),
        KeySpec: 'AES_256',
        EncryptionContext: { agency: key },
      }),
    ),
  );

type Loosening = (from: World) => World;

/** Lets everybody do this with a key: what denies it is gone, and a statement allows it. */
const openKey =
  (sort: Sort, owner: string, ...actions: string[]): Loosening =>
  ({ stage, ...from }) => ({
    ...from,
    stage: {
      ...stage,
      things: stage.things.map((thing) =>
        thing.sort === sort && thing.owner === owner && thing.policy
          ? { ...thing, policy: loosened(thing.policy, actions) }
          : thing,
      ),
    },
  });

function loosened(policy: Policy, actions: string[]): Policy {
  const names = (listed: readonly string[]) =>
    listed.some((pattern) => actions.some((action) => action.startsWith(pattern.replace('*', ''))));
  const kept = policy.statements.filter(({ Effect, Action }) => Effect === 'Allow' || !names(Action));
  return {
    ...policy,
    statements: [
      ...kept,
      { Sid: 'Loosened', Effect: 'Allow', Principal: { AWS: ['*'] }, Action: actions, Resource: ['*'] },
    ],
  };
}

/** Lets a function of the relay do this with any key, as far as its own policy goes. */
const letFunction =
  (name: FunctionName, ...actions: string[]): Loosening =>
  ({ stage, ...from }) => ({
    ...from,
    stage: {
      ...stage,
      actors: stage.actors.map((actor) =>
        actor.kind === 'function' && actor.name === name
          ? {
              ...actor,
              policies: [
                ...actor.policies,
                {
                  title: `role ${name}`,
                  stack: 'core',
                  statements: [{ Sid: 'Loosened', Effect: 'Allow', Action: actions, Resource: ['*'] }],
                },
              ],
            }
          : actor,
      ),
    },
  });

interface Attempt {
  what: string;
  run: (target: Target) => Promise<unknown>;
  /** Loosened one after the other: only when all are, the attempt gets past the policies. */
  loosen: Loosening[];
  /** What comes of it then, if not success. */
  comesTo?: string;
}

const ATTEMPTS: Attempt[] = [
  ...FUNCTIONS.map((name): Attempt => ({
    what: `${name} opens what is wrapped for an agency`,
    run: (target) => decrypt(fn(name), target, 'gb-crossbar'),
    loosen: [openKey('agency key', 'gb-crossbar', 'kms:Decrypt')],
  })),
  {
    what: 'submit opens what is wrapped for an agency with a key of its own account',
    run: (target) => decrypt(fn('submit'), target, 'fr-littoral'),
    loosen: [openKey('agency key', 'fr-littoral', 'kms:Decrypt'), letFunction('submit', 'kms:Decrypt')],
  },
  {
    what: 'deliver opens what is sealed for a hotline',
    run: (target) => openSealed(fn('deliver'), target),
    loosen: [openKey('intake key', HOTLINE, 'kms:Decrypt')],
  },
  {
    what: 'an agency opens what is wrapped for another',
    run: (target) => decrypt(agency('gb-crossbar'), target, 'de-kinderwacht'),
    loosen: [openKey('agency key', 'de-kinderwacht', 'kms:Decrypt')],
  },
  {
    what: 'an agency opens what is its own under the name of another',
    run: (target) => decrypt(agency('gb-crossbar'), target, 'gb-crossbar', 'de-kinderwacht'),
    loosen: [openKey('agency key', 'gb-crossbar', 'kms:Decrypt')],
    comesTo: 'InvalidCiphertextException',
  },
  {
    what: 'the administrator opens what is wrapped for an agency',
    run: (target) => decrypt(administratorOf(RELAY_ACCOUNT), target, 'gb-crossbar'),
    loosen: [openKey('agency key', 'gb-crossbar', 'kms:Decrypt')],
  },
  {
    what: 'the administrator opens what is sealed for a hotline',
    run: (target) => openSealed(administratorOf(RELAY_ACCOUNT), target),
    loosen: [openKey('intake key', HOTLINE, 'kms:Decrypt')],
  },
  {
    what: 'deliver wraps for an agency under the name of another',
    run: (target) => rewrap(fn('deliver'), target, 'gb-crossbar', 'nam-harbor'),
    loosen: [openKey('agency key', 'gb-crossbar', 'kms:ReEncryptTo')],
  },
  ...FUNCTIONS.filter((name) => name !== 'deliver').map((name): Attempt => ({
    what: `${name} wraps for an agency`,
    run: (target) => rewrap(fn(name), target, 'gb-crossbar'),
    loosen: [
      openKey('intake key', HOTLINE, 'kms:ReEncryptFrom'),
      openKey('agency key', 'gb-crossbar', 'kms:ReEncryptTo'),
    ],
  })),
  {
    what: 'an agency makes data keys with its key',
    run: () => generate(agency('de-kinderwacht'), 'de-kinderwacht'),
    loosen: [openKey('agency key', 'de-kinderwacht', 'kms:GenerateDataKey')],
  },
];

describe('what is refused, by the simulator', () => {
  let target: Target;

  beforeAll(async () => {
    const { id, sealed } = await (await callHotline(relay, HOTLINE)).submit(draftForAll());
    target = { sealed, messages: new Map() };
    for (const name of AGENCIES) target.messages.set(name, await peek(relay, name, id));
  });

  async function judgedBy(policies: World, { run }: Attempt): Promise<unknown> {
    judge = authorizeBy(policies);
    try {
      return await run(target);
    } finally {
      judge = deployed;
    }
  }

  it.each(ATTEMPTS)('$what, which only a loosened policy allows', async (attempt) => {
    expect(await attempt.run(target)).toBe('AccessDeniedException');
    expect(relay.kms.log.at(-1)?.uses.at(-1)).toMatchObject({ allowed: false });
    let policies = world;
    for (const [index, loosen] of attempt.loosen.entries()) {
      policies = loosen(policies);
      const isLast = index === attempt.loosen.length - 1;
      expect(await judgedBy(policies, attempt)).toBe(isLast ? (attempt.comesTo ?? 'done') : 'AccessDeniedException');
    }
  });

  it.each(AGENCIES)('but not that %s opens what is wrapped for it', async (id) => {
    expect(await decrypt(agency(id), target, id)).toBe('done');
  });

  it('nor that deliver wraps for an agency under its name', async () => {
    expect(await rewrap(fn('deliver'), target, 'gb-crossbar')).toBe('done');
  });
});
