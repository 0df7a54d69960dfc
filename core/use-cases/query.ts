import { hashText } from '../base64url.ts';
import type { ReferralStatus, TakenStatement } from '../contracts.ts';
import type { ReferralName } from '../ids.ts';
import type { IntakeJwk, KeyRecord } from '../keys.ts';
import { thumbprint } from '../keys.ts';
import type { ReferralRecord, StatementRow } from '../ledger.ts';
import { LIMITS } from '../limits.ts';
import type { Relay } from '../ports.ts';
import { acceptedIntakeKeys, type Hotline, type Partner } from '../registry.ts';
import { mergeRoutes } from '../routing.ts';
import { DAY, toTimestamp } from '../time.ts';
import { notFound } from './binding.ts';
import { readIntakeKey } from './intake-key.ts';
import { plannedSoFar } from './route.ts';

type Parts = Pick<Relay, 'keys' | 'registry' | 'clock' | 'telemetry' | 'retention'>;

/**
 * Where a referral stands, with every statement about it (protocol section 7).
 * @throws {RelayError} `not-found`
 */
export async function referralStatus(
  { ledger }: Pick<Relay, 'ledger'>,
  hotline: Hotline,
  name: ReferralName,
): Promise<ReferralStatus> {
  if (hotline.id !== name.hotline) throw notFound();
  const record = await ledger.read(name);
  const { referral } = record;
  if (!referral) throw notFound();
  return {
    id: referral.id,
    hotline: referral.hotline,
    status: 'accepted',
    acceptedAt: referral.acceptedAt,
    sealed: referral.hash,
    routes: routeStates(record),
    unrouted: referral.plan.unrouted,
    routed: takenStatements(record.statements, ({ content }) => content.type === 'route'),
  };
}

/** Every planned route, those whose row is still to be made as pending. */
function routeStates(record: ReferralRecord): ReferralStatus['routes'] {
  const rows = new Map(record.routes.map((row) => [row.agency, row]));
  return mergeRoutes(plannedSoFar(record)).map(({ agency, roles, countries }) => {
    const row = rows.get(agency);
    return {
      agency,
      roles,
      countries,
      status: row?.status ?? 'pending',
      version: row?.version ?? 1,
      deliveredAt: row?.deliveredAt ?? null,
      openedAt: row?.openedAt ?? null,
      statements: takenStatements(
        record.statements,
        ({ content }) => content.type === 'outcome' && content.agency === agency,
      ),
    };
  });
}

const takenStatements = (rows: readonly StatementRow[], wanted: (row: StatementRow) => boolean): TakenStatement[] =>
  rows
    .filter(wanted)
    .flatMap(({ content, acceptedAt }) =>
      content.type === 'event' ? [] : [{ statement: content.statement, acceptedAt }],
    );

/** What partners need to know of each other (protocol section 7). */
export interface Directory {
  agencies: {
    id: string;
    countries: string[];
    fallback: boolean;
    forwards: boolean;
    keys: DirectoryKey[];
  }[];
  hotlines: { id: string; keys: DirectoryKey[] }[];
  /** The caller's own. */
  intakeKeys?: { kid: string; jwk: IntakeJwk; current: boolean }[];
  limits: Record<string, number>;
}

type DirectoryKey = KeyRecord & { kid: string };

/** The directory as `caller` may see it, and a tag that changes exactly with it. */
export async function readDirectory(relay: Parts, caller: Partner): Promise<{ directory: Directory; etag: string }> {
  const { registry, retention } = relay;
  const directory: Directory = {
    agencies: Array.from(registry.agencies.values(), ({ id, countries, fallback, forwards, keys: records }) => ({
      id,
      countries,
      fallback,
      forwards,
      keys: records.map(toDirectoryKey),
    })),
    hotlines: Array.from(registry.hotlines.values(), ({ id, keys: records }) => ({
      id,
      keys: records.map(toDirectoryKey),
    })),
    limits: {
      requestBytes: LIMITS.requestBytes,
      statementCharacters: LIMITS.statementCharacters,
      statementsPerRoute: LIMITS.statementsPerRoute,
      routeStatements: LIMITS.routeStatements,
      contentDays: retention.content / DAY,
      custodyDays: retention.custody / DAY,
    },
  };
  if (caller.kind === 'hotline') directory.intakeKeys = await intakeKeys(relay, caller);
  return { directory, etag: `"${hashText(JSON.stringify(directory))}"` };
}

/**
 * Those that can be read. The current one is that of the highest generation, read or not: where it cannot be read, none
 * is, so that nobody seals for an older one instead.
 * @throws whatever kept them from being read, if none could be
 */
async function intakeKeys(relay: Parts, hotline: Hotline): Promise<NonNullable<Directory['intakeKeys']>> {
  const accepted = acceptedIntakeKeys(hotline, toTimestamp(relay.clock.now()));
  const results = await Promise.all(accepted.map((record) => readIntakeKey(relay, hotline, record)));
  const found = results.flatMap((result, index) => {
    if (result.status === 'rejected') return [];
    const { kid, jwk } = result.value;
    return [{ kid, jwk, current: index === 0 }];
  });
  const failure = results.find(({ status }) => status === 'rejected');
  if (found.length === 0 && failure?.status === 'rejected') throw failure.reason;
  return found;
}

const toDirectoryKey = (record: KeyRecord): DirectoryKey => ({ kid: thumbprint(record.jwk), ...record });
