import type { KMSClient } from '@aws-sdk/client-kms';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { hashText } from '../core/base64url.ts';
import type { OUTCOMES, OutcomeStatement, OutcomeStatus, ReferralMessage, TakenStatement } from '../core/contracts.ts';
import type { ReferralName } from '../core/ids.ts';
import type { SigningKey } from '../core/jws.ts';
import { LIMITS } from '../core/limits.ts';
import type { Lane } from '../core/names.ts';
import { OpenError } from '../core/open.ts';
import { openReferral } from '../core/open-referral.ts';
import type { Routing } from '../core/schema.ts';
import { signStatement } from '../core/statements.ts';
import { toTimestamp } from '../core/time.ts';
import { type AgencyReferral, createDeliveryHandler, type DeliveryReport, type Handlers } from './delivery.ts';
import { createDirectoryClient } from './directory.ts';
import { ClientError } from './errors.ts';
import { type AgencyInbox, type ContentKeys, type Delivery, readMessages } from './inbox.ts';
import { createKeyring } from './keyring.ts';
import { LONG_POLL, type PollOptions, runAgency, type RunOptions } from './polling.ts';
import { createRelayCalls, type RoutesAnswer } from './relay.ts';
import { type Runtime, runtimeOf } from './runtime.ts';
import type { SeenStore } from './seen.ts';
import { createTransport } from './transport.ts';
import { createTrust, type TrustEntry, type TrustStore } from './trust.ts';

export interface AgencyOptions {
  /** Own partner id. */
  id: string;
  /** As registered: which referrals are addressed to this agency. */
  countries: readonly string[];
  fallback: boolean;
  /** Origin of the relay. */
  relay: string;
  signingKey: SigningKey;
  /** URLs of the queues, ARN of the KMS key and its Region, as handed over at registration. */
  queues: Readonly<Record<Lane, string>>;
  kmsKey: string;
  region: string;
  /** Absolute path of an AWS shared configuration file for this process to use instead of the user's own. */
  awsConfig?: string | undefined;
  trust: TrustStore;
  seen: SeenStore;
  /**
   * SDK clients of one's own, with time limits: by itself the SDK waits for ever. Without them its default chain of
   * credentials is used.
   */
  sqs?: SQSClient | undefined;
  kms?: KMSClient | undefined;
  /** In place of SQS and KMS, for tests. */
  aws?: { inbox: AgencyInbox; contentKeys: ContentKeys } | undefined;
  /** How long one call to the relay may take with all its attempts, in milliseconds; a minute if not given. */
  patience?: number | undefined;
  runtime?: Partial<Runtime> | undefined;
}

/** What an agency may state, each status with what belongs to it; `unreadable` is stated by the client itself. */
export type AgencyOutcome = {
  [S in Exclude<OutcomeStatus, 'unreadable'>]: S extends 'wrong-jurisdiction'
    ? { status: S; countries: string[] }
    : (typeof OUTCOMES)[S] extends readonly []
      ? { status: S }
      : { status: S; reason: (typeof OUTCOMES)[S][number] };
}[Exclude<OutcomeStatus, 'unreadable'>];

/**
 * Which referral is meant. Version and hash are those of the last one handed over, from the store of seen referrals,
 * unless both are given.
 */
export type ReferralReference = ReferralName & { version?: number; sealed?: string };

/**
 * An agency's side of the protocol. AWS errors come as {@link ClientError} with what to do; calls to the relay throw
 * `RelayProblem` where it refuses.
 */
export interface Agency {
  /**
   * Messages of the urgent queue, else of the routine one; hidden from others for two minutes. While both are empty it
   * asks once a second; `run` waits with fewer requests.
   */
  poll(options?: PollOptions): Promise<Delivery[]>;

  /**
   * Opens a message without answering it.
   * @throws {OpenError} the verdict that `handle` would answer
   * @throws {UntrustedKeyError} no verdict: a key on which it depends has not been confirmed
   */
  open(delivery: Delivery): Promise<AgencyReferral>;

  /**
   * Does with one message all that the protocol asks for: opens it, hands it over, answers `opened` or `unreadable`, and
   * removes it or leaves it. Never rejects.
   */
  handle(delivery: Delivery, handlers: Handlers, signal?: AbortSignal): Promise<DeliveryReport>;

  /** Lets messages that will not be handled now be received again at once. Never rejects: they come back anyway. */
  giveBack(deliveries: readonly Delivery[]): Promise<void>;

  /**
   * States an outcome. May be repeated: the first statement of its kind stands, and is what is returned.
   * @throws {RelayError} `malformed` if reason or countries do not belong to the status
   */
  answer(referral: ReferralReference, outcome: AgencyOutcome): Promise<TakenStatement>;

  /** Sends a referral on to the agencies of further countries; the hotline must allow it, and the operator as well. */
  sendOn(referral: ReferralReference, routing: Routing): Promise<RoutesAnswer>;

  /**
   * Polls and handles until `signal` is aborted, or, with `drain`, until nothing is left; then waits for what is under
   * way.
   * @throws {ClientError} for what somebody has to mend: credentials, access, a missing queue or key
   */
  run(handlers: Handlers | Handlers['referral'], options: RunOptions): Promise<void>;

  /** The keys that this agency relies on, to be shown and compared. */
  reviewKeys(partner?: string): Promise<TrustEntry[]>;
  /** Trusts the keys that were shown. */
  trustKeys(entries: readonly TrustEntry[]): Promise<void>;
}

export function createAgency(options: AgencyOptions): Agency {
  const { id: agency, signingKey, seen } = options;
  const runtime = runtimeOf(options.runtime);
  const transport = createTransport({ ...options, partner: agency });
  const calls = createRelayCalls(transport);
  const directory = createDirectoryClient(transport, runtime);
  const trust = createTrust(options.trust, { id: agency, kind: 'agency', kid: signingKey.kid });
  const keyring = createKeyring(directory, trust);

  // Only here is the SDK loaded, so that a hotline which imports the same package never does.
  let connected: Promise<{ inbox: AgencyInbox; contentKeys: ContentKeys }> | undefined;
  const aws = () =>
    (connected ??= options.aws
      ? Promise.resolve(options.aws)
      : import('./aws.ts').then(({ connectAws }) => connectAws(options)));
  const inbox: AgencyInbox = {
    receive: async (...request) => (await aws()).inbox.receive(...request),
    hide: async (message, seconds) => (await aws()).inbox.hide(message, seconds),
    remove: async (message) => (await aws()).inbox.remove(message),
  };

  async function openMessage(message: ReferralMessage): Promise<AgencyReferral> {
    const { hotline, id, version, acceptedAt } = message;
    // Recomputed, never taken from the message: a key wrapped for another agency or referral does not open.
    const context = { hotline, referral: id, agency, sealed: hashText(message.sealed) };
    const contentKey = await (await aws()).contentKeys.unwrap(message.key, context);
    const opened = await openReferral({ message, contentKey, agency: options, directory: keyring });
    return { ...opened, hotline, id, version, acceptedAt };
  }

  async function post(
    about: ReferralName & { version: number; sealed: string },
    outcome: Pick<OutcomeStatement, 'status' | 'reason' | 'countries'>,
  ): Promise<TakenStatement> {
    const { hotline, id, version, sealed } = about;
    const at = toTimestamp(runtime.now());
    const payload = { hotline, referral: id, version, agency, sealed, ...outcome, at };
    return calls.answer({ hotline, id }, await signStatement('outcome', payload, signingKey));
  }

  /** Completes a reference from what was handed over before. */
  async function resolve({ hotline, id, version, sealed }: ReferralReference) {
    if (version !== undefined && sealed !== undefined) return { hotline, id, version, sealed };
    const handled = (await seen.read({ hotline, id }))?.handled.toSorted((a, b) => b.version - a.version);
    const found = handled?.find((one) => version === undefined || one.version === version);
    if (found) return { hotline, id, ...found };
    throw new ClientError(
      'not-known',
      `Nothing named ${hotline}/${id} was handed over here: check the hotline and the id, or poll for it first.`,
    );
  }

  const handle = createDeliveryHandler({
    agency,
    inbox,
    seen,
    keyring,
    runtime,
    open: openMessage,
    async answer(about, reason) {
      await post(about, reason ? { status: 'unreadable', reason } : { status: 'opened' });
    },
  });

  async function receive(lane: Lane, max: number, wait: number, signal?: AbortSignal): Promise<Delivery[]> {
    const received = await inbox.receive(lane, max, wait, signal);
    return readMessages(received);
  }

  /**
   * Urgent before routine; if both are empty, waits at them in turn, a second each, and at each of them at least once:
   * without a wait SQS may overlook what is there.
   */
  async function poll({ max = LIMITS.receiveItems, wait = LONG_POLL, signal }: PollOptions = {}): Promise<Delivery[]> {
    const attempts: [Lane, number][] = [['urgent', 0]];
    if (wait === 0) attempts.push(['routine', 0]);
    for (let second = 0; second < wait; second += 2) attempts.push(['routine', 1], ['urgent', 1]);
    for (const [lane, seconds] of attempts) {
      const deliveries = await receive(lane, max, seconds, signal);
      if (deliveries.length > 0) return deliveries;
    }
    return [];
  }

  return {
    poll,
    async open(delivery) {
      if (delivery.kind !== 'referral' || delivery.message.agency !== agency) throw new OpenError('envelope');
      return openMessage(delivery.message);
    },
    handle: (delivery, handlers, signal = new AbortController().signal) => handle(delivery, handlers, signal),
    async giveBack(deliveries) {
      await Promise.all(deliveries.map((delivery) => inbox.hide(delivery, 0).catch(() => undefined)));
    },
    answer: async (referral, outcome) => post(await resolve(referral), outcome),
    async sendOn(reference, routing) {
      const { hotline, id, sealed } = await resolve(reference);
      const payload = { hotline, referral: id, by: agency, sealed, routing, at: toTimestamp(runtime.now()) };
      return calls.route({ hotline, id }, await signStatement('route', payload, signingKey));
    },
    run: (handlers, wanted) =>
      runAgency(
        { receive, handle, runtime },
        typeof handlers === 'function' ? { referral: handlers } : handlers,
        wanted,
      ),
    reviewKeys: async (partner) => trust.review(await directory.refresh(), partner),
    trustKeys: (entries) => trust.confirm(entries),
  };
}
