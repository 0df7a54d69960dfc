import type {
  Acceptance,
  OutcomeStatement,
  ReferralStatus,
  RouteStatement,
  WithdrawStatement,
} from '../core/contracts.ts';
import { type Fault, RelayError } from '../core/errors.ts';
import type { SigningKey } from '../core/jws.ts';
import type { Warning } from '../core/referral.ts';
import { planRoutes, type PlannedRoute } from '../core/routing.ts';
import type { Routing } from '../core/schema.ts';
import { signStatement } from '../core/statements.ts';
import { toTimestamp } from '../core/time.ts';
import { createDirectoryClient, type DirectoryIntakeKey } from './directory.ts';
import { ClientError, RelayProblem } from './errors.ts';
import type { Journal, JournalEntry } from './journal.ts';
import { createKeyring } from './keyring.ts';
import { type Outcome, type OutcomesOptions, receiveOutcomes } from './outcomes.ts';
import { createRelayCalls, type RoutesAnswer } from './relay.ts';
import { type Runtime, runtimeOf } from './runtime.ts';
import { inspectDocument, sealEntry, toReferral } from './sealing.ts';
import { checkOutcome, checkRoute, type CheckedStatement } from './statement-check.ts';
import { createTransport } from './transport.ts';
import { createTrust, type TrustEntry, type TrustStore } from './trust.ts';

export interface HotlineOptions {
  /** Own partner id. */
  id: string;
  /** Origin of the relay. */
  relay: string;
  signingKey: SigningKey;
  journal: Journal;
  trust: TrustStore;
  /** How long one call to the relay may take with all its attempts, in milliseconds; a minute if not given. */
  patience?: number | undefined;
  runtime?: Partial<Runtime> | undefined;
}

/** What `check` finds. A document without `faults` can be sealed; `warnings` say how it would serve better. */
export interface Review {
  faults: Fault[];
  warnings: Warning[];
  /** Who would receive it, by the directory as it is now; absent with faults, or if the relay was not asked. */
  plan?: { routes: PlannedRoute[]; unrouted: string[] };
}

/** A referral's status, with every statement verified here. */
export type CheckedStatus = Omit<ReferralStatus, 'routes' | 'routed'> & {
  routes: (Omit<ReferralStatus['routes'][number], 'statements'> & {
    statements: CheckedStatement<OutcomeStatement>[];
  })[];
  routed: CheckedStatement<RouteStatement>[];
};

/**
 * A hotline's side of the protocol. It needs no AWS credentials. Every method that calls the relay throws
 * {@link RelayProblem} where the relay refuses, and {@link ClientError} where it cannot be reached.
 */
export interface Hotline {
  /** Holds a draft, or a complete referral, against the schema and against what makes a referral useful. */
  check(document: unknown, options?: { offline?: boolean }): Promise<Review>;

  /**
   * Seals a draft for the intake key that the directory, at most a minute old, says is current, and stores it in the
   * journal; nothing is sent. The same draft again gives the same sealed referral, unless that was refused, or `anew` is
   * asked for.
   * @throws {RelayError} `malformed`, with a fault for each member
   * @throws {UntrustedKeyError} if the intake key has not been confirmed
   */
  seal(document: unknown, options?: { anew?: boolean }): Promise<JournalEntry>;

  /**
   * Submits a draft, or by its id what was sealed before, and resolves once the relay owns it. May be repeated after
   * any failure: the same bytes are sent, and there is no second effect. What the journal says was accepted is not sent
   * again, unless `resend` is asked for (after a restore of the relay from a backup). A draft whose intake key has been
   * retired meanwhile is sealed anew, once.
   * @throws as {@link seal}
   */
  submit(what: object | string, options?: { resend?: boolean }): Promise<Acceptance>;

  /** Ids of what was sealed and is not known to be with the relay: submit each of them. */
  unfinished(): Promise<string[]>;

  /** Names further countries of a referral, whose agencies then receive it as well. */
  route(id: string, routing: Routing): Promise<RoutesAnswer>;

  /**
   * Withdraws a referral. It is not sent any more, and every agency that may have it is told; who finds the referral in
   * its queue before that news still reads it. The first withdrawal of a referral stands, with its reason.
   * @throws {ClientError} `not-known` if it is only in the journal, which still owes it
   */
  withdraw(id: string, reason: WithdrawStatement['reason']): Promise<RoutesAnswer>;

  status(id: string): Promise<CheckedStatus>;

  /**
   * What agencies answer and the relay reports, as it comes, until `signal` is aborted, or, with `drain`, until nothing
   * is left. An item is acknowledged once the loop comes back for the next; see `receiveOutcomes`.
   */
  outcomes(options?: OutcomesOptions): AsyncGenerator<Outcome, void, undefined>;

  /** The keys that this hotline relies on, to be shown and compared. */
  reviewKeys(partner?: string): Promise<TrustEntry[]>;
  /** Trusts the keys that were shown. */
  trustKeys(entries: readonly TrustEntry[]): Promise<void>;
}

/** What `toReferral` makes of a document. */
type CompletedDraft = ReturnType<typeof toReferral>;

/** Refusals that say that this very sealed referral will never be taken; all others leave it owed. */
const FINAL = new Set<RelayProblem['code']>([
  'malformed',
  'invalid-envelope',
  'id-conflict',
  'too-large',
  'no-route',
  'wrong-intake-key',
]);

export function createHotline(options: HotlineOptions): Hotline {
  const { id: hotline, signingKey, journal } = options;
  const runtime = runtimeOf(options.runtime);
  const transport = createTransport({ ...options, partner: hotline });
  const calls = createRelayCalls(transport);
  const directory = createDirectoryClient(transport, runtime);
  const trust = createTrust(options.trust, { id: hotline, kind: 'hotline', kid: signingKey.kid });
  const keyring = createKeyring(directory, trust);

  /** Drafts that are being sealed: who asks for the same one meanwhile gets the same referral. */
  const sealing = new Map<string, Promise<JournalEntry>>();

  async function seal(document: unknown, { anew = false }: { anew?: boolean } = {}): Promise<JournalEntry> {
    const { referral, draft } = toReferral(document, hotline, runtime.now());
    if (anew) return sealNow({ referral, draft });
    const sealed = sealing.get(draft) ?? sealOnce({ referral, draft }).finally(() => sealing.delete(draft));
    sealing.set(draft, sealed);
    return sealed;
  }

  async function sealOnce(completed: CompletedDraft): Promise<JournalEntry> {
    const known = await journal.findDraft(completed.draft);
    return known && known.state !== 'refused' ? known : sealNow(completed);
  }

  /** Ids that are being given to sealed bytes. */
  const taken = new Set<string>();

  async function sealNow(completed: CompletedDraft): Promise<JournalEntry> {
    const { id } = completed.referral;
    if (taken.has(id)) throw usedId();
    taken.add(id);
    try {
      return await sealAs(completed);
    } finally {
      taken.delete(id);
    }
  }

  async function sealAs({ referral, draft }: CompletedDraft): Promise<JournalEntry> {
    // An id names one sequence of sealed bytes for ever; only a document that brings its own can ask for another.
    if ((await journal.read(referral.id)) !== undefined) throw usedId();
    const intakeKey = await currentIntakeKey();
    await trust.require({ partner: hotline, use: 'intake', kid: intakeKey.kid });
    const entry = await sealEntry({ referral, draft }, { signingKey, intakeKey: intakeKey.jwk }, runtime.now());
    await journal.write(entry);
    return entry;
  }

  /** Which there may not be for a moment: a relay that cannot read it names no other in its place. */
  async function currentIntakeKey(): Promise<DirectoryIntakeKey> {
    const key =
      (await directory.current()).intakeKeys.find(isCurrent) ?? (await directory.refresh()).intakeKeys.find(isCurrent);
    if (key) return key;
    throw new ClientError(
      'unexpected-answer',
      'The directory lists no current intake key of yours: try again, and ask the operator if that lasts.',
      { transient: true },
    );
  }

  async function send(entry: JournalEntry): Promise<Acceptance> {
    const { id, routing, urgency, onward, sealed } = entry;
    let acceptance: Acceptance;
    try {
      acceptance = await calls.submit({ id, routing, urgency, onward, sealed });
    } catch (error) {
      if (error instanceof RelayProblem && FINAL.has(error.code) && entry.state !== 'accepted') {
        const refusal = { code: error.code, detail: error.detail, at: toTimestamp(runtime.now()) };
        await journal.write({ ...entry, state: 'refused', refusal });
      }
      throw error;
    }
    if (acceptance.id !== id || acceptance.hotline !== hotline || acceptance.sealed !== entry.hash) {
      throw new ClientError('unexpected-answer', `The relay confirms another referral than ${id}: tell the operator.`);
    }
    const { refusal: _, ...kept } = entry;
    await journal.write({ ...kept, state: 'accepted', acceptance });
    return acceptance;
  }

  /** The hash that a statement about a referral names: of the bytes in the journal, else as the relay has it. */
  async function hashOf(id: string): Promise<string> {
    const entry = await journal.read(id);
    return entry?.hash ?? (await calls.status({ hotline, id })).sealed;
  }

  /** What every statement about a referral begins with. */
  const bind = async (id: string) => ({
    hotline,
    referral: id,
    sealed: await hashOf(id),
    at: toTimestamp(runtime.now()),
  });

  return {
    async check(document, { offline = false } = {}) {
      const { faults, warnings, referral } = inspectDocument(document, hotline, runtime.now());
      if (referral === undefined || offline) return { faults, warnings };
      return { faults, warnings, plan: planRoutes(referral.routing, await directory.current()) };
    },

    seal,

    async submit(what, { resend = false } = {}) {
      const entry = typeof what === 'string' ? await journal.read(what) : await seal(what);
      if (entry === undefined) {
        throw new ClientError('not-known', `The journal holds no referral ${JSON.stringify(what)}: submit its draft.`);
      }
      if (entry.acceptance && !resend) return entry.acceptance;
      try {
        return await send(entry);
      } catch (error) {
        if (!(error instanceof RelayProblem) || error.code !== 'wrong-intake-key') throw error;
        // Its key was retired since the directory was last asked for. A draft can be sealed for the next one.
        await directory.refresh();
        if (typeof what === 'string' || 'id' in what || entry.acceptance) throw error;
        return send(await seal(what));
      }
    },

    unfinished: () => journal.unfinished(),

    async route(id, routing) {
      const statement = await signStatement('route', { ...(await bind(id)), by: hotline, routing }, signingKey);
      return calls.route({ hotline, id }, statement);
    },

    async withdraw(id, reason) {
      const statement = await signStatement('withdraw', { ...(await bind(id)), reason }, signingKey);
      try {
        return await calls.withdraw({ hotline, id }, statement);
      } catch (error) {
        const isUnknown = error instanceof RelayProblem && error.code === 'not-found';
        if (isUnknown && (await journal.read(id))?.state === 'sealed') throw stillOwed(id);
        throw error;
      }
    },

    async status(id) {
      const { routes, routed, ...facts } = await calls.status({ hotline, id });
      const ours = (await journal.read(id))?.hash ?? facts.sealed;
      if (facts.id !== id || facts.hotline !== hotline || facts.sealed !== ours) {
        throw new ClientError(
          'unexpected-answer',
          `The relay tells of another referral than ${id}: tell the operator.`,
        );
      }
      const subject = { hotline, referral: id, sealed: ours };
      return {
        ...facts,
        routes: await Promise.all(
          routes.map(async (route) => ({
            ...route,
            statements: await Promise.all(
              route.statements.map((taken) => checkOutcome(taken, subject, keyring, route.agency)),
            ),
          })),
        ),
        routed: await Promise.all(routed.map((taken) => checkRoute(taken, subject, keyring))),
      };
    },

    outcomes: (wanted = {}) => receiveOutcomes({ hotline, calls, keyring, journal, runtime }, wanted),

    reviewKeys: async (partner) => trust.review(await directory.refresh(), partner),
    trustKeys: (entries) => trust.confirm(entries),
  };
}

const stillOwed = (id: string): ClientError =>
  new ClientError(
    'not-known',
    `The relay does not have ${id} yet, but the journal owes it: its draft or "--unfinished" would still submit it. Move unfinished/${id}.json out of the journal to keep it from being sent.`,
  );

function usedId(): RelayError {
  const detail =
    'names a referral that was sealed before: submit that one by its id, or leave out "id", "hotline" and "writtenAt" to make a new one';
  return new RelayError('malformed', `Correct /id: it ${detail}.`, { faults: [{ pointer: '/id', detail }] });
}

const isCurrent = ({ current }: DirectoryIntakeKey): boolean => current;
