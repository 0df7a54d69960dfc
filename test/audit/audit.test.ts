import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DecryptCommand, GenerateDataKeyCommand, KMSClient, ReEncryptCommand } from '@aws-sdk/client-kms';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../audit/command.ts';
import { gather } from '../../audit/findings.ts';
import { authorizeBy } from '../../audit/kms.ts';
import { evaluate } from '../../audit/matrix.ts';
import { partnersOfEverySort } from '../../audit/partners.ts';
import { toMarkdown } from '../../audit/report.ts';
import { readWorld } from '../../audit/world.ts';
import type { Hotline, Outcome } from '../../client/index.ts';
import type { ReferralMessage } from '../../core/contracts.ts';
import { agencyAlias, agencyQueue, FUNCTIONS, intakeAlias } from '../../core/names.ts';
import { readSettings } from '../../lib/stage-settings.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import {
  administratorOf,
  agencyPrincipal,
  functionPrincipal,
  type Principal,
  RELAY_ACCOUNT,
} from '../../local/principals.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { differences } from './table.ts';
import { kindsOf, widen } from './widened.ts';

/*
 * The policies of a synthesized stage, asked by a simulator that others wrote: against the table in table.ts, and then
 * as the judge of the embedded KMS. One stage serves both.
 */

const REGION = 'eu-west-1';
const files = partnersOfEverySort(REGION);
const settings = { account: RELAY_ACCOUNT, region: REGION, alarmEmails: ['on-call@relay.example'] };
const world = readWorld({ name: 'local', settings: readSettings('settings', JSON.stringify(settings)), files });

describe('the policies of a stage', () => {
  it('let everybody do what the table says and nothing else', { timeout: 120_000 }, async () => {
    const found: string[] = [];
    for await (const difference of differences(world)) found.push(difference);
    expect(found).toEqual([]);
  });

  it('know two hotlines and five agencies, of which one has no way in yet', () => {
    const agencies = world.stage.actors.filter(({ kind }) => kind === 'agency').map(({ name }) => name);
    expect(agencies.toSorted()).toEqual(['be-dijkwacht', 'de-kinderwacht', 'fr-littoral', 'gb-crossbar']);
    expect(world.stage.things.filter(({ sort }) => sort === 'agency key')).toHaveLength(5);
    expect(world.stage.things.filter(({ sort }) => sort === 'intake key')).toHaveLength(2);
  });
});

/** Loosened, and yet as strict: what else holds, and why. */
const REDUNDANT: Readonly<Record<string, string>> = {
  'topic/AlarmsOfThisStage without StringEquals': 'the ARN of the alarm names the account too',
};

describe('a policy that is loosened', () => {
  const loosened = kindsOf(world.stage).map((kind) => [kind, widen(world, kind)] as const);

  it.each(loosened)('%s can be loosened', (_, ways) => {
    expect(ways.length).toBeGreaterThan(0);
  });

  it.each(loosened.flatMap(([, ways]) => ways).map((way) => [way.name, way] as const))(
    '%s is found out',
    async (name, { world: loose, where }) => {
      const { done } = await differences(loose, where).next();
      expect(done).toBe(name in REDUNDANT);
    },
  );
});

describe('the report', () => {
  it('has the statements behind each permission, and what is refused', async () => {
    const findings = await gather(
      world,
      evaluate(world, { thing: ({ owner, sort }) => owner === 'gb-crossbar' && sort === 'agency key' }),
    );
    const text = await toMarkdown({ subject: 'a test', deployment: world.stage, findings, possibilities: [] });
    expect(text).toContain(
      "| deliver | kms:ReEncryptTo, with this agency's id in the encryption context | " +
        'RewrapTo (role deliver, stack core); DeliverWraps (key, stack of the partner) |',
    );
    expect(text).toContain(
      '- kms:Decrypt: to everybody but its agency (own name) (NobodyElseUnwraps, OnlyForThisAgency)',
    );
  });
});

describe('the command', () => {
  it('says what it is for, and refuses what it does not know', async () => {
    const written: string[] = [];
    expect(await run(['--help'], (text) => void written.push(text))).toBe(0);
    expect(written.join('')).toMatch(/npm run audit \[-- <stage>\] \[--json\]/);
    await expect(run(['--jsno'], () => undefined)).rejects.toThrow(/'--jsno'/);
    await expect(run(['sample'], () => undefined)).rejects.toThrow(/not for deployment/);
  });
});

/** Each with its own reference: the same draft would be the same referral. */
const draft = (reference: string): object => ({
  ...(JSON.parse(readFileSync(new URL('../../samples/routine.json', import.meta.url), 'utf8')) as object),
  routing: { suspect: ['DE', 'FR'], victim: ['GB', 'BE'] },
  originator: { reference },
});

const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof Error ? error.name : error),
  );

async function collect(hotline: Hotline): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of hotline.outcomes({ drain: true })) outcomes.push(outcome);
  return outcomes;
}

describe('the embedded cloud under these policies', () => {
  const folder = mkdtempSync(join(tmpdir(), 'referral-relay-test-'));
  let relay: LocalRelay;

  beforeAll(async () => {
    for (const { name, text } of files) writeFileSync(join(folder, name), text);
    relay = await startRelay({ registryDir: folder, sweepEverySeconds: 0, authorize: authorizeBy(world) });
    await confirmKeys(relay.profilesDir);
  });
  afterAll(async () => {
    await relay?.close();
    rmSync(folder, { recursive: true });
  });

  const AGENCIES = ['be-dijkwacht', 'de-kinderwacht', 'fr-littoral', 'gb-crossbar'];
  const kmsAs = ({ credentials }: Principal): KMSClient =>
    new KMSClient({ region: REGION, endpoint: relay.endpoints.kms, credentials });

  function principalOf(agency: string): Principal {
    const found = relay.registry.agencies.get(agency);
    if (!found) throw new Error(`no such agency: ${agency}`);
    return agencyPrincipal(relay.stage, found);
  }

  it.each(['gb-lantern', 'us-beacon'])('a referral of %s goes all the way to agencies of every sort', async (id) => {
    const hotline = await callHotline(relay, id);
    const acceptance = await hotline.submit(draft(id));
    expect(acceptance.routes.map(({ agency }) => agency)).toEqual(AGENCIES);
    for (const name of AGENCIES) {
      const agency = await callAgency(relay, name);
      while (!agency.opened.has(acceptance.id)) await agency.work();
      await agency.client.answer({ hotline: id, id: acceptance.id }, { status: 'closed', reason: 'child-safeguarded' });
    }
    const status = await hotline.status(acceptance.id);
    expect(status.routes.map((route) => route.status)).toEqual(AGENCIES.map(() => 'opened'));
    expect(
      (await collect(hotline)).every((outcome) => outcome.kind === 'outcome' && outcome.check === 'verified'),
    ).toBe(true);
  });

  /** The message in an agency's queue, left there. */
  async function peek(agency: string, id: string): Promise<ReferralMessage> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const { Messages = [] } = await relay.clients.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: relay.queueUrl(agencyQueue(relay.stage, agency, 'routine')),
          MaxNumberOfMessages: 10,
          VisibilityTimeout: 0,
          WaitTimeSeconds: 1,
        }),
      );
      const found = Messages.map(({ Body = '' }) => JSON.parse(Body) as ReferralMessage).find((one) => one.id === id);
      if (found) return found;
      await delay(50);
    }
    throw new Error(`no message for ${agency}`);
  }

  it.each(AGENCIES)('what is wrapped for %s is opened by nobody else', async (agency) => {
    const hotline = await callHotline(relay, 'gb-lantern');
    const { id, sealed } = await hotline.submit(draft(agency));
    const message = await peek(agency, id);
    const context = { hotline: 'gb-lantern', referral: id, agency, sealed };
    const decryptAs = (principal: Principal, EncryptionContext = context) =>
      outcomeOf(
        kmsAs(principal).send(
          new DecryptCommand({ CiphertextBlob: Buffer.from(message.key, 'base64'), EncryptionContext }),
        ),
      );
    const others = AGENCIES.filter((other) => other !== agency).map(principalOf);
    const strangers = [...FUNCTIONS.map((name) => functionPrincipal(relay.stage, name)), ...others];
    for (const principal of [...strangers, administratorOf(RELAY_ACCOUNT), principalOf('nam-harbor')]) {
      expect([principal.arn, await decryptAs(principal)]).toEqual([principal.arn, 'AccessDeniedException']);
    }
    expect(await decryptAs(principalOf(agency), { ...context, agency: 'nam-harbor' })).toBe('AccessDeniedException');
    expect(await decryptAs(principalOf(agency))).toBe('done');
  });

  it('what is sealed for a hotline is re-wrapped by deliver alone, for an agency under its name, and opened by nobody', async () => {
    const hotline = await callHotline(relay, 'gb-lantern');
    const { id } = await hotline.submit(draft('re-wrapped'));
    const message = await peek('gb-crossbar', id);
    const source = {
      CiphertextBlob: Buffer.from(message.sealed.split('.')[1] ?? '', 'base64url'),
      SourceKeyId: intakeAlias(relay.stage, 'gb-lantern', 1),
      SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' as const,
    };
    const rewrapAs = (principal: Principal, agency: string) =>
      outcomeOf(
        kmsAs(principal).send(
          new ReEncryptCommand({
            ...source,
            DestinationKeyId: agencyAlias(relay.stage, 'gb-crossbar', 1),
            DestinationEncryptionContext: { agency },
          }),
        ),
      );
    const openAs = (principal: Principal) =>
      outcomeOf(
        kmsAs(principal).send(
          new DecryptCommand({
            CiphertextBlob: source.CiphertextBlob,
            KeyId: source.SourceKeyId,
            EncryptionAlgorithm: source.SourceEncryptionAlgorithm,
          }),
        ),
      );
    for (const name of FUNCTIONS) {
      const principal = functionPrincipal(relay.stage, name);
      expect(await rewrapAs(principal, 'gb-crossbar')).toBe(name === 'deliver' ? 'done' : 'AccessDeniedException');
      expect(await rewrapAs(principal, 'nam-harbor')).toBe('AccessDeniedException');
      expect(await openAs(principal)).toBe('AccessDeniedException');
    }
    expect(await openAs(administratorOf(RELAY_ACCOUNT))).toBe('AccessDeniedException');
  });

  it('an agency cannot make data keys with its own key', async () => {
    const KeyId = agencyAlias(relay.stage, 'de-kinderwacht', 1);
    const EncryptionContext = { agency: 'de-kinderwacht' };
    const command = new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext });
    expect(await outcomeOf(kmsAs(principalOf('de-kinderwacht')).send(command))).toBe('AccessDeniedException');
  });
});
