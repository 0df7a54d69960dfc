import type { OutcomeStatement } from '../contracts.ts';
import type { ReferralName } from '../ids.ts';
import { inboxLane } from '../lanes.ts';
import type { StatementContent, StatementRow } from '../ledger.ts';
import { LIMITS, SCHEDULE } from '../limits.ts';
import type { Relay } from '../ports.ts';
import type { Agency } from '../registry.ts';
import type { Timestamp } from '../schema.ts';
import { verifyStatement } from '../statements.ts';
import { checkBinding, checkName, keysOf, mismatch, notFound, takeStatement } from './binding.ts';
import { applyOutcome, sendToInbox } from './settle.ts';

type Parts = Pick<Relay, 'ledger' | 'queues' | 'registry' | 'clock' | 'telemetry'>;

/** The statement that stands, and whether it had been made before. */
export interface Answer {
  statement: string;
  acceptedAt: Timestamp;
  repeated: boolean;
}

/**
 * Takes in what an agency states about a referral (protocol section 7). The statement is written first; what follows
 * from it, the state of the route and the hotline's inbox, is owed by its row until done.
 * @throws {RelayError} `not-found`, `malformed`, `statement-mismatch`, `limit-reached`
 */
export async function answerReferral(relay: Parts, agency: Agency, name: ReferralName, token: string): Promise<Answer> {
  const { ledger, registry, clock } = relay;
  const now = clock.now();
  const { payload } = await verifyStatement('outcome', token, keysOf(registry, agency.id, now));
  checkName(payload, name);
  if (payload.agency !== agency.id) throw mismatch('agency', 'must be the agency that signs the request');

  const record = await ledger.read(name);
  const route = record.routes.find((row) => row.agency === agency.id);
  if (!record.referral || !route) throw notFound();
  checkBinding(payload, record.referral, now);
  if (payload.version > route.version) throw mismatch('version', 'must be one that was delivered');

  const { row, repeated } = await takeStatement(
    relay,
    name,
    record.statements,
    {
      prefix: `outcome#${agency.id}`,
      limit: LIMITS.statementsPerRoute,
      content: toContent(payload, token),
      same: (stated) => stated.type === 'outcome' && outcomeKey(stated) === outcomeKey(payload),
      lane: inboxLane(name.hotline),
      grace: SCHEDULE.grace,
    },
    now,
  );
  if (!repeated) {
    const { status, reason } = payload;
    relay.telemetry.record('answered', { ...name, agency: agency.id, status, ...(reason && { reason }) });
  }
  await applyOutcome(relay, row);
  // One that was known is brought to the inbox by sweep, which owns it since the first attempt; so is what fails here.
  if (!repeated) await sendToInbox(relay, row).catch(() => relay.telemetry.record('inbox-failed', { ...name }));
  return { statement: tokenOf(row), acceptedAt: row.acceptedAt, repeated };
}

const toContent = (payload: OutcomeStatement, statement: string): StatementContent => ({
  type: 'outcome',
  statement,
  agency: payload.agency,
  version: payload.version,
  status: payload.status,
  reason: payload.reason,
  countries: payload.countries?.toSorted(),
});

const outcomeKey = (stated: Pick<OutcomeStatement, 'version' | 'status' | 'reason' | 'countries'>): string =>
  JSON.stringify([stated.version, stated.status, stated.reason ?? null, stated.countries?.toSorted() ?? null]);

const tokenOf = ({ content }: StatementRow): string => (content.type === 'event' ? '' : content.statement);
