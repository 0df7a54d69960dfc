import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SQSClient } from '@aws-sdk/client-sqs';
import {
  type AgencyReferral,
  ClientError,
  createAgency,
  createSeenMemory,
  type DeliveryReport,
  loadAgencyProfile,
  type PollReport,
  RelayProblem,
  type SeenStore,
} from '../../client/index.ts';
import { fromTimestamp } from '../../core/time.ts';
import type { AgencyEntry, Book } from './books.ts';
import { digestOf } from './drafts.ts';
import { connectMachine } from './machine.ts';

/** How many referrals are handled at the same time: a large agency, which nearly every second referral is for. */
const PARALLEL = 16;

/** Before a new connection after a lost one, in milliseconds. */
const PAUSE = 200;

export interface AgencyJob {
  /** Of the relay. */
  dataDir: string;
  agency: string;
  book: Book<AgencyEntry>;
  signal: AbortSignal;
  /** Keep what was seen in memory instead of the profile's folder. */
  memory?: boolean;
  /** Messages are hidden no longer than this, in seconds, so that what a kill has cut off comes back sooner. */
  hiddenSeconds?: number | undefined;
}

/**
 * An agency that never gives up: it polls, opens and files what comes until `signal` is aborted, and connects anew
 * whenever the relay's cloud has been away, for it comes back on other ports.
 */
export async function workAsAgency({ memory = false, book, ...job }: AgencyJob): Promise<void> {
  const { signal } = job;
  const filed = new Set(book.entries.flatMap((entry) => (entry.kind === 'opened' ? [keyOf(entry)] : [])));
  const inMemory = memory ? createSeenMemory() : undefined;

  /** What a case system does: the same referral is filed once. */
  function file({ hotline, id, version, referral, acceptedAt }: AgencyReferral): void {
    const at = Date.now();
    const key = keyOf({ hotline, id, version });
    if (filed.has(key)) {
      book.add({ kind: 'suppressed', hotline, id, by: 'book', at });
      return;
    }
    filed.add(key);
    const waited = at - fromTimestamp(acceptedAt);
    const { urgency } = referral;
    book.add({ kind: 'opened', hotline, id, version, digest: digestOf(referral), urgency, waited, at });
  }

  function note(report: DeliveryReport | PollReport): void {
    if (report.result === 'poll-failed') return;
    const { hotline = '?', id = '?', result } = report;
    if (result === 'duplicate') book.add({ kind: 'suppressed', hotline, id, by: 'client', at: Date.now() });
    if (result === 'unreadable') {
      book.add({ kind: 'strange', hotline, id, what: `unreadable: ${report.reason}`, at: Date.now() });
    }
  }

  while (!signal.aborted) {
    try {
      await connectAndRun({ ...job, inMemory }, file, note);
    } catch (error) {
      // The relay is down, its cloud has moved, or the key is disabled.
      if (!(error instanceof ClientError) && !(error instanceof RelayProblem)) throw error;
    }
    await delay(PAUSE, undefined, { signal }).catch(() => undefined);
  }
}

async function connectAndRun(
  {
    dataDir,
    agency,
    signal,
    hiddenSeconds,
    inMemory,
  }: Omit<AgencyJob, 'book' | 'memory'> & { inMemory: SeenStore | undefined },
  file: (referral: AgencyReferral) => void,
  note: (report: DeliveryReport | PollReport) => void,
): Promise<void> {
  const machine = connectMachine(dataDir);
  const { sqs, kms } = machine.agencyClients(agency);
  if (hiddenSeconds !== undefined) hideNoLonger(sqs, hiddenSeconds);
  const connection = new AbortController();
  try {
    const { awsConfig: _, ...profile } = await loadAgencyProfile(join(machine.profilesDir, agency));
    const client = createAgency({ ...profile, ...(inMemory && { seen: inMemory }), sqs, kms });
    await client.run(file, {
      signal: AbortSignal.any([signal, connection.signal]),
      concurrency: PARALLEL,
      report(report) {
        note(report);
        if (report.result === 'poll-failed') connection.abort();
      },
    });
  } finally {
    sqs.destroy();
    kms.destroy();
    machine.close();
  }
}

/** Whatever the client asks for, received messages come back after so many seconds. */
function hideNoLonger(sqs: SQSClient, seconds: number): void {
  sqs.middlewareStack.add(
    (next) => async (request) => {
      const { input } = request;
      if (!('VisibilityTimeout' in input) || input.VisibilityTimeout === undefined) return next(request);
      return next({ ...request, input: { ...input, VisibilityTimeout: Math.min(input.VisibilityTimeout, seconds) } });
    },
    { step: 'initialize', name: 'hideNoLonger' },
  );
}

const keyOf = ({ hotline, id, version }: { hotline: string; id: string; version: number }): string =>
  `${hotline}/${id} ${version}`;
