import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorizeBy } from '../../audit/kms.ts';
import { agencyQueue, FUNCTIONS } from '../../core/names.ts';
import { LOOK, RECEIVE } from '../../lib/queue-policies.ts';
import { callAgency, callHotline } from '../../local/demo/cast.ts';
import type { OperatorFile } from '../../local/operator-file.ts';
import { agencyPrincipal, functionPrincipal, type Principal } from '../../local/principals.ts';
import type { LocalRelay } from '../../local/relay.ts';
import { deployPartner, draft, ops, until } from '../ops/operator.ts';
import { ageRow } from '../support/aged-rows.ts';
import { AGENCIES, draftForAll, HOTLINE, startAuditedRelay } from '../support/audited-relay.ts';
import { world } from '../support/audited-stage.ts';
import { InterposedCloud } from '../support/interposed-cloud.ts';
import { allowedTo, JudgedCalls } from '../support/judged-calls.ts';
import { collect, peek } from '../support/waiting.ts';

/*
 * The embedded cloud, where each call of a function, of an agency and of the operator is judged by the policies that are
 * deployed, in a simulator that others wrote: all that they do is allowed, and all that functions and operator are allowed
 * is needed.
 */

const { actors, place, registry } = world.stage;
/** Judges the calls of those who are known by the access key ids of `principals`. */
function judgeCallsOf(principals: readonly Principal[]): JudgedCalls {
  const callers = new Map(
    principals.map(({ arn, credentials }) => [
      credentials.accessKeyId,
      actors.find(({ principal }) => principal === arn),
    ]),
  );
  return new JudgedCalls(world, (accessKeyId) => callers.get(accessKeyId));
}
const calls = judgeCallsOf(FUNCTIONS.map((name) => functionPrincipal(place.stage, name)));
const polls = judgeCallsOf([...registry.agencies.values()].map((agency) => agencyPrincipal(place.stage, agency)));
const orders = new JudgedCalls(world, () => actors.find(({ kind }) => kind === 'operator'));
const cloud = new InterposedCloud((call) => calls.judge(call));
const polled = new InterposedCloud((call) => polls.judge(call));
const ordered = new InterposedCloud((call) => orders.judge(call));
const operatorDir = mkdtempSync(join(tmpdir(), 'referral-relay-operator-'));
let relay: LocalRelay;
/** The relay as an agency gets to it. */
let toAgencies: LocalRelay;

beforeAll(async () => {
  relay = await startAuditedRelay({
    authorize: authorizeBy(world),
    interpose: (endpoints) => cloud.open(endpoints),
  });
  toAgencies = { ...relay, endpoints: await polled.open(relay.endpoints) };
  const file = JSON.parse(readFileSync(join(relay.dataDir, 'operator.json'), 'utf8')) as OperatorFile;
  const endpoints = await ordered.open(file.endpoints);
  const registry = join(relay.dataDir, 'registry');
  writeFileSync(join(operatorDir, 'operator.json'), JSON.stringify({ ...file, registry, endpoints }));
});
afterAll(async () => {
  await relay?.close();
  await Promise.all([cloud.close(), polled.close(), ordered.close()]);
  rmSync(operatorDir, { recursive: true });
});

const draftFor = (country: string, sample = 'routine'): object =>
  draft(sample, { routing: { suspect: [country], victim: [] } });

describe('the functions', () => {
  it('take a referral all the way to agencies of every sort, and their answers back', async () => {
    const hotline = await callHotline(relay, HOTLINE);
    const { id } = await hotline.submit(draftForAll());
    for (const name of AGENCIES) {
      const agency = await callAgency(toAgencies, name);
      while (!agency.opened.has(id)) await agency.work();
    }
    expect((await hotline.status(id)).routes.map(({ status }) => status)).toEqual(AGENCIES.map(() => 'opened'));
    expect(await collect(hotline)).toHaveLength(AGENCIES.length);
  });

  it('tell of one that nobody opens, send it further and withdraw it', async () => {
    const hotline = await callHotline(relay, HOTLINE);
    const { id } = await hotline.submit(draftFor('GB', 'immediate'));
    await until('it is delivered', async () => (await hotline.status(id)).routes[0]?.status === 'delivered');
    expect(await ageRow(relay, { hotline: HOTLINE, id }, 'route#gb-crossbar')).toBe(true);
    await relay.sweepNow();
    await hotline.route(id, { suspect: ['FR'], victim: [] });
    const crossbar = await callAgency(toAgencies, 'gb-crossbar');
    while (!crossbar.opened.has(id)) await crossbar.work();
    await crossbar.client.sendOn({ hotline: HOTLINE, id }, { suspect: [], victim: ['BE'] });
    await hotline.withdraw(id, 'error');
    while (crossbar.withdrawals.length === 0) await crossbar.work();
    expect(await ageRow(relay, { hotline: HOTLINE, id }, 'statement#outcome#gb-crossbar#00')).toBe(true);
    await relay.sweepNow();
    await collect(hotline);
    const { routes } = await hotline.status(id);
    expect(routes.map(({ agency }) => agency)).toEqual(['be-dijkwacht', 'fr-littoral', 'gb-crossbar']);
  });

  it('try again what failed', async () => {
    const hotline = await callHotline(relay, HOTLINE);
    await ops(relay, 'suspend', 'be-dijkwacht');
    const { id } = await hotline.submit(draftFor('BE'));
    await until('it failed', () => ageRow(relay, { hotline: HOTLINE, id }, 'route#be-dijkwacht', 1));
    await ops(relay, 'resume', 'be-dijkwacht');
    await relay.sweepNow();
    await peek(relay, 'be-dijkwacht', id);
  });

  it('are refused nothing, and need all that they are allowed', () => {
    expect(calls.refused).toEqual([]);
    const notSeen = allowedTo(world, 'function').filter((what) => !calls.needed.has(what));
    expect(notSeen).toEqual([
      // Lambda receives in the name of the function, and here a pump does.
      ...[...RECEIVE, ...LOOK].map((action) => `deliver: ReceiveDispatch: ${action}`),
      // When custody ends.
      'sweep: WriteLedger: dynamodb:DeleteItem',
    ]);
  });
});

function cannotStore(): never {
  throw new Error('it cannot be stored now');
}

describe('the agencies', () => {
  it('are refused nothing either, of whatever sort they are, with each call that receiving takes', async () => {
    const hotline = await callHotline(relay, HOTLINE);
    await hotline.submit(draftForAll());
    for (const name of AGENCIES) {
      const { client } = await callAgency(toAgencies, name);
      const [delivery] = await client.poll({ max: 1 });
      if (!delivery) throw new Error(`nothing came to ${name}`);
      expect(await client.handle(delivery, { referral: cannotStore })).toMatchObject({ result: 'left' });
    }
    expect(polls.refused).toEqual([]);
    const needed = AGENCIES.flatMap((name) => RECEIVE.map((action) => `${name}: ${action}`));
    expect([...polls.needed].map((what) => what.replace(/: \w+: /, ': ')).sort()).toEqual(needed);
  });
});

/** By a command whose calls are judged. @returns its exit code */
const run = async (...args: string[]): Promise<number> => (await ops({ dataDir: operatorDir }, ...args)).exit;

describe('the operator', () => {
  it('is refused nothing either, and needs all that the role is allowed', async () => {
    const hotline = await callHotline(relay, HOTLINE);
    const { id } = await hotline.submit(draftFor('FR'));
    const message = await peek(relay, 'fr-littoral', id);
    const QueueUrl = relay.queueUrl(agencyQueue(relay.stage, 'fr-littoral', 'dead'));
    for (const MessageBody of [JSON.stringify(message), 'not understood']) {
      await relay.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    }
    for (const command of ['status', 'sweep', 'keys', 'audit']) expect(await run(command)).toBe(0);
    expect(await run('redrive', 'fr-littoral')).toBe(6);
    expect(await run('redeliver', `${HOTLINE}/${id}`, 'fr-littoral')).toBe(0);
    expect(await run('suspend', 'fr-littoral')).toBe(0);
    expect(await run('resume', 'fr-littoral')).toBe(0);
    await deployPartner(relay, 'fr-littoral', { countries: [] });
    expect(await run('offboard', 'fr-littoral', '--hand-over')).toBe(0);

    expect(orders.refused).toEqual([]);
    expect(allowedTo(world, 'operator').filter((what) => !orders.needed.has(what))).toEqual([]);
  });
});
