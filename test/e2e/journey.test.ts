import { readFileSync } from 'node:fs';
import { DecryptCommand, KMSClient, ReEncryptCommand } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Hotline, loadHotlineProfile } from '../../client/index.ts';
import { FUNCTIONS, intakeAlias } from '../../core/names.ts';
import { signRequest } from '../../core/profile.ts';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { type AgencyAtWork, callAgency, callHotline } from '../../local/demo/cast.ts';
import { collectTraces } from '../../local/demo/exposure.ts';
import { agencyPrincipal, functionPrincipal, type Principal } from '../../local/principals.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { collect, peek } from '../support/waiting.ts';

/* The deployed handlers over the embedded cloud, and the partners' own client, over HTTP. */

const HOTLINE = 'gb-lantern';
const CANARY = 'canary-d41d8cd98f00b204';

let relay: LocalRelay;
let hotline: Hotline;
const log: string[] = [];

beforeAll(async () => {
  relay = await startRelay({ sweepEverySeconds: 0, log: (_, line) => void log.push(line) });
  await confirmKeys(relay.profilesDir);
  hotline = await callHotline(relay, HOTLINE);
});
afterAll(() => relay?.close());

const draft = (name: string, more: object = {}): object => ({
  ...(JSON.parse(readFileSync(new URL(`../../samples/${name}.json`, import.meta.url), 'utf8')) as object),
  ...more,
});

async function open(agency: AgencyAtWork, id: string): Promise<void> {
  while (!agency.opened.has(id)) await agency.work();
}

const kmsAs = ({ credentials }: Principal): KMSClient =>
  new KMSClient({ region: relay.region, endpoint: relay.endpoints.kms, credentials });

function principalOf(agency: string): Principal {
  const found = relay.registry.agencies.get(agency);
  if (!found) throw new Error(`no such agency: ${agency}`);
  return agencyPrincipal(relay.stage, found);
}

const errorName = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof Error ? error.name : error),
  );

describe('a referral on its way', () => {
  it('is opened by the agencies of both countries as it was written, and answered back', async () => {
    const acceptance = await hotline.submit(draft('immediate'));
    expect(acceptance.routes.map(({ agency }) => agency)).toEqual(['de-kinderwacht', 'nam-harbor']);
    const agencies = [await callAgency(relay, 'de-kinderwacht'), await callAgency(relay, 'nam-harbor')];
    for (const agency of agencies) {
      await open(agency, acceptance.id);
      const opened = agency.opened.get(acceptance.id);
      expect(opened?.referral).toMatchObject({ ...draft('immediate'), hotline: HOTLINE });
      await agency.client.answer(
        { hotline: HOTLINE, id: acceptance.id },
        { status: 'closed', reason: 'child-safeguarded' },
      );
    }
    const outcomes = (await collect(hotline)).filter(({ referral }) => referral === acceptance.id);
    expect(outcomes).toHaveLength(4);
    expect(outcomes.every((outcome) => outcome.kind === 'outcome' && outcome.check === 'verified')).toBe(true);
    expect(await collect(hotline)).toEqual([]);
    const status = await hotline.status(acceptance.id);
    expect(status.routes.map((route) => [route.status, route.statements.length])).toEqual([
      ['opened', 2],
      ['opened', 2],
    ]);
  });

  it('can be unwrapped by nobody but its agency, under its own context', async () => {
    const { id, sealed } = await hotline.submit(draft('routine'));
    const message = await peek(relay, 'fr-littoral', id);
    const context = { hotline: HOTLINE, referral: id, agency: 'fr-littoral', sealed };
    const CiphertextBlob = Buffer.from(message.key, 'base64');
    const decrypt = (principal: Principal, EncryptionContext: Record<string, string> = context) =>
      errorName(kmsAs(principal).send(new DecryptCommand({ CiphertextBlob, EncryptionContext })));

    for (const name of FUNCTIONS) {
      expect(await decrypt(functionPrincipal(relay.stage, name))).toBe('AccessDeniedException');
    }
    expect(await decrypt(principalOf('de-kinderwacht'))).toBe('AccessDeniedException');
    expect(await decrypt(principalOf('fr-littoral'), { ...context, referral: 'another' })).toBe(
      'InvalidCiphertextException',
    );
    expect(await decrypt(principalOf('fr-littoral'))).toBe('no error');
  });

  it('cannot be re-wrapped by any function but deliver', async () => {
    const { id } = await hotline.submit(draft('routine'));
    const message = await peek(relay, 'fr-littoral', id);
    const wrapped = Buffer.from(message.sealed.split('.')[1] ?? '', 'base64url');
    const command = new ReEncryptCommand({
      CiphertextBlob: wrapped,
      SourceKeyId: intakeAlias(relay.stage, HOTLINE, 1),
      SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      DestinationKeyId: `alias/referral-relay/${relay.stage}/agency/gb-crossbar/1`,
      DestinationEncryptionContext: { agency: 'gb-crossbar' },
    });
    for (const name of FUNCTIONS) {
      const expected = name === 'deliver' ? 'no error' : 'AccessDeniedException';
      expect(await errorName(kmsAs(functionPrincipal(relay.stage, name)).send(command))).toBe(expected);
    }
  });

  it('leaves nothing of its content in the ledger, the logs or the log of the keys', async () => {
    const { id } = await hotline.submit(draft('routine', { originator: { reference: CANARY } }));
    const agency = await callAgency(relay, 'fr-littoral');
    await open(agency, id);
    expect(JSON.stringify(agency.opened.get(id))).toContain(CANARY);
    const traces = await collectTraces(relay, log);
    expect(traces).toContain(id);
    expect(traces).not.toContain(CANARY);
    expect(traces).not.toContain(Buffer.from(CANARY).toString('base64').slice(0, 24));
    expect(log.some((line) => line.includes('"event":"delivered"'))).toBe(true);
    expect(log.filter((line) => line.includes('eyJ'))).toEqual([]);
  });

  it('that changed after it was sealed is answered "unreadable" and stays for the dead letters', async () => {
    const entry = await hotline.seal(draft('routine', { routing: { suspect: ['BE'], victim: [] } }));
    const segments = entry.sealed.split('.');
    const ciphertext = Buffer.from(segments[3] ?? '', 'base64url');
    ciphertext[100] = (ciphertext[100] ?? 0) ^ 1;
    segments[3] = ciphertext.toString('base64url');
    await submitRaw(entry, segments.join('.'));
    const agency = await callAgency(relay, 'fr-littoral');
    let reports = await agency.work();
    while (!reports.some((report) => report.id === entry.id)) reports = await agency.work();
    expect(reports.find((report) => report.id === entry.id)).toMatchObject({
      result: 'unreadable',
      reason: 'decryption',
    });
    const { statements } = (await hotlineStatus(entry.id)).routes[0] ?? {};
    expect(statements).toHaveLength(1);
  });
});

/** A submission with other sealed bytes than the journal's, signed by the same hotline. */
async function submitRaw(
  { id, routing, urgency, onward }: Awaited<ReturnType<Hotline['seal']>>,
  sealed: string,
): Promise<void> {
  const response = await signedFetch('POST', '/v1/referrals', { id, routing, urgency, onward, sealed });
  expect(response.status).toBe(202);
}

async function hotlineStatus(id: string): Promise<{ routes: { statements: unknown[] }[] }> {
  const response = await signedFetch('GET', `/v1/referrals/${HOTLINE}/${id}`);
  return (await response.json()) as { routes: { statements: unknown[] }[] };
}

async function signedFetch(method: string, path: string, document?: unknown): Promise<Response> {
  const { signingKey, id: partner } = await loadHotlineProfile(`${relay.profilesDir}/${HOTLINE}`);
  const url = relay.url + path;
  const body = document === undefined ? undefined : Buffer.from(JSON.stringify(document));
  const headers = signRequest({ method, url, body }, { partner, ...signingKey, now: Date.now() });
  return fetch(url, { method, headers, ...(body && { body }) });
}
