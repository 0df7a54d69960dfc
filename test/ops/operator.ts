import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connectAws } from '../../client/aws.ts';
import type { Io } from '../../client/cli/io.ts';
import { loadAgencyProfile } from '../../client/profile.ts';
import type { LocalRelay } from '../../local/relay.ts';
import { runOps } from '../../ops/program.ts';
import { makeIo } from '../support/heard-io.ts';
import { publishOutput } from '../support/leaks.ts';

/* The operator at work on an embedded cloud. */

export interface Ran {
  exit: number;
  /** Standard output and standard error. */
  text: string;
  /** With `--json`: the first line, and the line of the audit. */
  result: Record<string, unknown>;
  audit: Record<string, unknown> | undefined;
}

/** Runs `ops …args` on a relay; `aws` are the queues and the key of the test agency, where one is to open something. */
export async function ops(
  relay: Pick<LocalRelay, 'dataDir'> & { aws?: Io['aws'] } & Partial<Pick<Io, 'signal' | 'env'>>,
  ...args: string[]
): Promise<Ran> {
  const { io: unheard, written } = makeIo();
  const { env = unheard.env, signal = unheard.signal, aws } = relay;
  const io: Io = { ...unheard, env, signal, aws };
  const exit = await runOps([...args, '--local', relay.dataDir], io);
  publishOutput('ops', written.out + written.err);
  const lines = args.includes('--json') ? written.out.trim().split('\n') : [];
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const audit = records.find((record) => 'audit' in record)?.['audit'] as Record<string, unknown> | undefined;
  return { exit, text: written.out + written.err, result: records[0] ?? {}, audit };
}

/**
 * The queues and the key of an agency. Its profile names a configuration file of the SDK instead, of which one process
 * can use but one.
 */
export async function awsOf(relay: LocalRelay, agency: string): Promise<NonNullable<Io['aws']>> {
  const { awsConfig: _, ...profile } = await loadAgencyProfile(join(relay.profilesDir, agency));
  return connectAws({ ...profile, ...relay.agencyClients(agency) });
}

/** A registry folder of these partners of the sample registry, each changed as it says. */
export async function makeRegistry(partners: Readonly<Record<string, object>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'referral-relay-registry-'));
  for (const [id, changes] of Object.entries(partners)) await writePartner(folder, id, changes);
  return folder;
}

const SAMPLE = fileURLToPath(new URL('../../registry/sample', import.meta.url));

/** Changes the file of a partner, which is taken from the sample registry if it is not there. */
export async function writePartner(folder: string, id: string, changes: object): Promise<void> {
  const path = join(folder, `${id}.json`);
  await cp(join(SAMPLE, `${id}.json`), path, { force: false, errorOnExist: false }).catch(() => undefined);
  const partner = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as object;
  await writeFile(path, JSON.stringify({ ...partner, ...changes }));
}

/** Deploys a registry in which that partner is changed, or gone: sweep works by it from now on. */
export async function deployPartner(relay: LocalRelay, id: string, changes: object | 'gone'): Promise<void> {
  const folder = join(relay.dataDir, 'registry');
  if (changes === 'gone') await rm(join(folder, `${id}.json`));
  else await writePartner(folder, id, changes);
  await relay.crash('sweep');
  await relay.sweepNow();
}

export const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

/** A sample document with changes, unlike any other: the same again would be the same referral. */
export const draft = (sample: string, changes: object = {}): object => ({
  ...(JSON.parse(readFileSync(new URL(`../../samples/${sample}.json`, import.meta.url), 'utf8')) as object),
  originator: { reference: randomUUID() },
  ...changes,
});

/** Resolves when `isTrue` does; fails after some seconds. */
export async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await isTrue()) return;
    await delay(25);
  }
  throw new Error(`never came true: ${what}`);
}
