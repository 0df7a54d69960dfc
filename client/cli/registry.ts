import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { loadRegistry, type Partner, RegistryError, type RegistryFile, type Registry } from '../../core/registry.ts';
import { thumbprint } from '../../core/keys.ts';
import { fromTimestamp, HOUR, toTimestamp } from '../../core/time.ts';
import { runtimeOf } from '../runtime.ts';
import { EXIT, type Exit, usageError } from './exit.ts';
import { groups } from './keygen.ts';
import { safeLine } from './safe-text.ts';
import type { Session } from './session.ts';
import * as words from './words.ts';

/* Registries as files: `registry/<stage>/<partner id>.json`. */

/** Holds registries against the schema and against what no file can see alone; names every faulty file and field. */
export async function checkRegistries(session: Session, where: string): Promise<Exit> {
  const found = await findRegistries(where);
  let faulty = 0;
  for (const { folder, files, alone } of found) {
    try {
      const registry = loadRegistry(files);
      const keyless = listPartners(registry).filter(({ keys }) => keys.length === 0);
      const { hotlines, agencies, fallback } = registry;
      const sizes = `${words.count(hotlines.size, 'hotline')}, ${words.count(agencies.size, 'agency', 'agencies')}`;
      const remarks = [
        sizes,
        ...(fallback ? [`fallback ${fallback.id}`] : []),
        ...(!fallback && !alone ? ['no fallback: a referral for a country nobody serves is refused'] : []),
        ...(keyless.length > 0 ? [`without signing keys: ${keyless.map(({ id }) => id).join(', ')}`] : []),
      ];
      await session.show(
        { folder, ok: true, hotlines: hotlines.size, agencies: agencies.size, faults: [] },
        `${session.style.good('sound')}  ${folder}: ${remarks.join('; ')}`,
      );
      await remarkOnHaste(session, registry);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      faulty += 1;
      const lines = error.faults.map(
        ({ file, pointer, detail }) => `  ${safeLine(file)}${pointer && ` ${safeLine(pointer)}`}: ${safeLine(detail)}`,
      );
      const heading = `${session.style.bad('faulty')}  ${folder}: ${words.count(error.faults.length, 'fault')}`;
      await session.show({ folder, ok: false, faults: error.faults }, [heading, ...lines].join('\n'));
    }
  }
  return faulty > 0 ? EXIT.refused : EXIT.ok;
}

/**
 * A signing key that retires before the deployment is over: until then, functions of the version before take in what nobody
 * will count.
 */
async function remarkOnHaste({ io, note }: Session, registry: Registry): Promise<void> {
  const now = runtimeOf(io.runtime).now();
  for (const { id, keys } of listPartners(registry)) {
    for (const { jwk, retiredAt } of keys) {
      if (retiredAt === undefined || Math.abs(fromTimestamp(retiredAt) - now) > DEPLOYMENT) continue;
      await note(
        `${id}: key ${thumbprint(jwk)} retires at ${retiredAt}, while a deployment may still be under way, and what is taken in with it from then on counts with nobody. Unless it is deployed already, put "retiredAt" an hour ahead: ${toTimestamp(now + HOUR)}`,
      );
    }
  }
}

/** How long a deployment may take, generously. */
const DEPLOYMENT = HOUR / 2;

/** Shows who takes part, with which countries and keys. */
export async function listRegistries(session: Session, where: string): Promise<Exit> {
  for (const { folder, files } of await findRegistries(where)) {
    const partners = listPartners(loadRegistry(files));
    if (!session.json) await session.show({}, session.style.strong(folder));
    for (const partner of partners) {
      await session.show({ folder, ...toRecord(partner) }, describe(partner));
    }
  }
  return EXIT.ok;
}

interface Found {
  folder: string;
  files: RegistryFile[];
  /** One partner's file, which cannot say who else takes part. */
  alone?: true;
}

/** A file is a registry of one; a folder is one registry, or has one in each folder in it. */
async function findRegistries(where: string): Promise<Found[]> {
  if (!(await stat(where)).isDirectory()) {
    return [
      { folder: where, files: [{ name: path.basename(where), text: await readFile(where, 'utf8') }], alone: true },
    ];
  }
  const here = await readRegistry(where);
  if (here.files.length > 0) return [here];
  const entries = await readdir(where, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(where, name));
  const found = (await Promise.all(folders.sort().map(readRegistry))).filter(({ files }) => files.length > 0);
  if (found.length === 0) throw usageError(`There is no partner file (<id>.json) in ${where} nor in a folder in it.`);
  return found;
}

async function readRegistry(folder: string): Promise<Found> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json') && !name.startsWith('.'));
  const files = names.sort().map(async (name) => ({ name, text: await readFile(path.join(folder, name), 'utf8') }));
  return { folder, files: await Promise.all(files) };
}

const listPartners = ({ hotlines, agencies }: Registry): Partner[] => [...hotlines.values(), ...agencies.values()];

function toRecord(partner: Partner): object {
  const { id, kind, name, keys } = partner;
  const fingerprints = keys.map(({ jwk, retiredAt, compromisedAt }) => ({
    fingerprint: thumbprint(jwk),
    ...(retiredAt !== undefined && { retiredAt }),
    ...(compromisedAt !== undefined && { compromisedAt }),
  }));
  if (partner.kind === 'hotline') return { id, kind, name, keys: fingerprints };
  const { countries, fallback, forwards } = partner;
  return { id, kind, name, countries, fallback, forwards, keys: fingerprints };
}

function describe(partner: Partner): string {
  const roles =
    partner.kind === 'hotline'
      ? 'hotline'
      : [
          'agency',
          partner.countries.length > 0 ? `for ${words.countries(partner.countries)}` : 'for no country of its own',
          ...(partner.fallback ? ['takes what nobody else does'] : []),
          ...(partner.forwards ? ['may send on'] : []),
        ].join(', ');
  const keys = partner.keys.map(({ jwk, retiredAt, compromisedAt }) => {
    const state = compromisedAt ? ', compromised' : retiredAt ? `, retired ${words.moment(retiredAt)}` : '';
    return `    ${groups(thumbprint(jwk))} (${jwk.crv}${state})`;
  });
  const rest = keys.length > 0 ? keys : ['    no signing key yet'];
  return [`  ${partner.id}  ${safeLine(partner.name)}`, `    ${roles}`, ...rest].join('\n');
}
