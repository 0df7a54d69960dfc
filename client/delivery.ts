import { hashText } from '../core/base64url.ts';
import type { ReferralMessage, UnreadableReason, WithdrawnMessage, WithdrawStatement } from '../core/contracts.ts';
import { RelayError } from '../core/errors.ts';
import type { ReferralName } from '../core/ids.ts';
import { OpenError } from '../core/open.ts';
import type { OpenedReferral } from '../core/open-referral.ts';
import { type PartnerDirectory, verifyTaken } from '../core/taken-statement.ts';
import { RelayProblem } from './errors.ts';
import type { AgencyInbox, Delivery } from './inbox.ts';
import type { Runtime } from './runtime.ts';
import type { SeenReferral, SeenStore } from './seen.ts';
import { keepHidden, retryVisibility } from './visibility.ts';

/* What becomes of one received message (protocol section 5, step 6). */

/** A referral that was opened, verified and found to be addressed to this agency. */
export interface AgencyReferral extends OpenedReferral {
  hotline: string;
  id: string;
  /** Counts up when later statements gave this agency a new role or country. */
  version: number;
  /** When the relay took it in. */
  acceptedAt: string;
}

/** A referral that its hotline has withdrawn, as its signature shows. */
export interface Withdrawal extends ReferralName {
  reason: WithdrawStatement['reason'];
  acceptedAt: string;
  /** Whether the referral was handed over; if not, it never will be, but where another machine is just about it. */
  handed: boolean;
}

export interface Handlers {
  /**
   * Takes a referral over for good: when this returns, the relay is told that it was opened and the message is gone. If
   * it throws, the message comes back later. It may run twice for the same version if a crash comes in between, and on two
   * machines at the same time where both have the message.
   */
  referral(referral: AgencyReferral, signal: AbortSignal): Promise<void> | void;
  /** Told of withdrawals; may be told twice, and in the end that it was `handed` if it was. */
  withdrawn?(withdrawal: Withdrawal): Promise<void> | void;
}

/**
 * What became of a message.
 * - `handled`: the handler has returned; answered `opened` and removed.
 * - `duplicate`: handled before; answered `opened` again and removed.
 * - `withdrawn`: the withdrawal is remembered and told; removed.
 * - `discarded`: a referral withdrawn before it was handed over; nothing answered, removed.
 * - `unreadable`: left for the dead letters; `answered` so unless it does not tell what it is about, or names what the
 *   relay never sent here.
 * - `left`: no verdict, or the handler or the answer failed; nothing is lost, and it comes back after a growing delay.
 */
export type DeliveryResult =
  | { result: 'handled' | 'duplicate' | 'withdrawn' | 'discarded' }
  | { result: 'unreadable'; reason: UnreadableReason; answered: boolean }
  | { result: 'left'; error: unknown };

/** A result, and of what. Ids and codes only, but for `error`, which may be the handler's own. */
export type DeliveryReport = DeliveryResult & Partial<ReferralName> & { version?: number; lane: Delivery['lane'] };

export interface DeliveryParts {
  agency: string;
  inbox: AgencyInbox;
  seen: SeenStore;
  keyring: PartnerDirectory;
  runtime: Runtime;
  open(message: ReferralMessage): Promise<AgencyReferral>;
  /** Posts `opened` or `unreadable`. */
  answer(about: ReferralName & { version: number; sealed: string }, reason?: UnreadableReason): Promise<void>;
}

/** The relay's answers to a statement about something that it never sent here. */
const UNANSWERABLE = new Set<RelayProblem['code']>(['not-found', 'statement-mismatch', 'malformed', 'limit-reached']);

/** Handles deliveries, those of one referral one after the other. The promise never rejects. */
export function createDeliveryHandler(
  parts: DeliveryParts,
): (delivery: Delivery, handlers: Handlers, signal: AbortSignal) => Promise<DeliveryReport> {
  const { agency, inbox, seen, keyring, runtime } = parts;
  const last = new Map<string, Promise<unknown>>();

  return async (delivery, handlers, signal) => {
    const hidden = keepHidden(inbox, delivery, runtime);
    let result: DeliveryResult;
    try {
      result = await inTurn(keyOf(delivery), () => handle(delivery, handlers, signal));
      await hidden.stop();
    } catch (error) {
      await hidden.stop();
      result = { result: 'left', error };
      const seconds = retryVisibility(delivery.receives, hidden.age(), runtime.random());
      // If this fails, it comes back sooner.
      await inbox.hide(delivery, seconds).catch(() => undefined);
    }
    return { ...result, lane: delivery.lane, ...nameOf(delivery) };
  };

  function handle(delivery: Delivery, handlers: Handlers, signal: AbortSignal): Promise<DeliveryResult> {
    switch (delivery.kind) {
      case 'referral':
        return handleReferral(delivery, handlers, signal);
      case 'withdrawn':
        return handleWithdrawal(delivery, handlers);
      case 'malformed':
        return refuse(delivery.about, 'envelope');
    }
  }

  async function handleReferral(
    delivery: Delivery & { kind: 'referral' },
    handlers: Handlers,
    signal: AbortSignal,
  ): Promise<DeliveryResult> {
    const { message } = delivery;
    if (message.agency !== agency) return refuse(message, 'envelope');
    const { hotline, id, version } = message;
    const sealed = hashText(message.sealed);
    let known = await recall(message);
    let referral: AgencyReferral | undefined;
    if (stateOf(known, version, sealed) === 'new') {
      try {
        referral = await parts.open(message);
      } catch (error) {
        if (error instanceof OpenError) return refuse(message, error.reason);
        throw error;
      }
      // That takes its time: another machine may have handed it over meanwhile, or learnt that it is withdrawn.
      known = await recall(message);
    }
    const state = stateOf(known, version, sealed);
    if (state === 'withdrawn') {
      await inbox.remove(delivery);
      return { result: 'discarded' };
    }
    if (state === 'new' && referral) {
      await handlers.referral(referral, signal);
      const { handled, ...others } = await recall(message);
      await seen.write({ ...others, handled: [...handled, { version, sealed }] });
      known = await recall(message);
    }
    // Where another machine has told that it never will be handed over.
    if (known.withdrawn?.sealed === sealed && !known.withdrawn.handed) await tell(known.withdrawn, message, handlers);
    await parts.answer({ hotline, id, version, sealed });
    await inbox.remove(delivery);
    return { result: state === 'new' ? 'handled' : 'duplicate' };
  }

  /** The message stays where it is: the redrive policy moves it to the dead letters. */
  async function refuse(
    about: (ReferralName & { version: number; sealed: string }) | undefined,
    reason: UnreadableReason,
  ): Promise<DeliveryResult> {
    if (about === undefined) return { result: 'unreadable', reason, answered: false };
    const { hotline, id, version, sealed } = about;
    try {
      await parts.answer({ hotline, id, version, sealed: hashText(sealed) }, reason);
      return { result: 'unreadable', reason, answered: true };
    } catch (error) {
      const isUnknown = error instanceof RelayProblem && UNANSWERABLE.has(error.code);
      if (isUnknown) return { result: 'unreadable', reason, answered: false };
      throw error;
    }
  }

  async function handleWithdrawal(
    delivery: Delivery & { kind: 'withdrawn' },
    handlers: Handlers,
  ): Promise<DeliveryResult> {
    const { message } = delivery;
    const statement = await verifyWithdrawal(message);
    // Nothing can be answered to a withdrawal; a false one is left for the dead letters.
    if (statement === undefined) return { result: 'unreadable', reason: 'signature', answered: false };
    const known = await recall(message);
    const withdrawn: Withdrawn = known.withdrawn ?? {
      sealed: statement.sealed,
      reason: statement.reason,
      acceptedAt: message.acceptedAt,
      told: false,
    };
    if (!known.withdrawn) await seen.write({ ...known, withdrawn });
    if (!withdrawn.told) await tell(withdrawn, message, handlers);
    await inbox.remove(delivery);
    return { result: 'withdrawn' };
  }

  /** What was handed over is looked up once the withdrawal is remembered, for another machine may be about it. */
  async function tell(withdrawn: Withdrawn, { hotline, id }: ReferralName, handlers: Handlers): Promise<void> {
    const { reason, acceptedAt } = withdrawn;
    const handed = (await recall({ hotline, id })).handled.length > 0;
    await handlers.withdrawn?.({ hotline, id, reason, acceptedAt, handed });
    await seen.write({ ...(await recall({ hotline, id })), withdrawn: { ...withdrawn, told: true, handed } });
  }

  async function verifyWithdrawal(message: WithdrawnMessage): Promise<WithdrawStatement | undefined> {
    try {
      const statement = await verifyTaken('withdraw', message, keyring, (signer) => signer === message.hotline);
      return statement.referral === message.id ? statement : undefined;
    } catch (error) {
      if (error instanceof RelayError) return undefined;
      throw error;
    }
  }

  /** Read again before each write: a handler takes its time, and another machine may have written meanwhile. */
  async function recall({ hotline, id }: ReferralName): Promise<SeenReferral> {
    return (await seen.read({ hotline, id })) ?? { v: 1, hotline, id, handled: [] };
  }

  /** Two messages about one referral must not be handled at the same time: each may change what the other does. */
  async function inTurn<T>(key: string | undefined, act: () => Promise<T>): Promise<T> {
    if (key === undefined) return act();
    const turn = (last.get(key) ?? Promise.resolve()).then(act);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    last.set(key, settled);
    await settled;
    if (last.get(key) === settled) last.delete(key);
    return turn;
  }
}

type Withdrawn = NonNullable<SeenReferral['withdrawn']>;

/** Also after a withdrawal it stays handled: a hotline must not believe that nobody read what was handed over here. */
function stateOf(
  { handled, withdrawn }: SeenReferral,
  version: number,
  sealed: string,
): 'new' | 'handled' | 'withdrawn' {
  if (handled.some((one) => one.version === version && one.sealed === sealed)) return 'handled';
  return withdrawn?.sealed === sealed ? 'withdrawn' : 'new';
}

function nameOf(delivery: Delivery): Partial<ReferralName> & { version?: number } {
  const about = delivery.kind === 'malformed' ? delivery.about : delivery.message;
  if (about === undefined) return {};
  const { hotline, id } = about;
  return 'version' in about ? { hotline, id, version: about.version } : { hotline, id };
}

const keyOf = (delivery: Delivery): string | undefined => {
  const { hotline, id } = nameOf(delivery);
  return hotline && id && `${hotline}/${id}`;
};
