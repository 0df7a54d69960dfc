import type { SeenReferral } from '../../client/seen.ts';
import type { AgencyMessage } from '../../core/contracts.ts';
import type { ReferralName } from '../../core/ids.ts';
import { caseKey } from './referral-case.ts';

/** One run of an agency's client, in which it remembers what it has just done: one of its machines. */
export interface Poll {
  /** Whether it came to its end, and was not cut short. */
  isOver: boolean;
  /** What was so when it last looked into the memory, by referral; nothing once it has opened one since. */
  readonly seen: Map<string, Glance>;
}

export interface Glance {
  /** Versions that are not to be handed over again, and those that the memory has. */
  settled: ReadonlySet<number>;
  remembered: ReadonlySet<number>;
  /** Whether the agency had been told of a withdrawal. */
  isTold: boolean;
}

interface HandOver {
  poll: Poll;
  /** `failed`: the handler did, or the memory after it. */
  state: 'begun' | 'returned' | 'failed';
  isRemembered: boolean;
}

/**
 * What was really handed over to an agency's handler, whatever its client remembers. A version is handed over again only
 * if the handler failed; if the client was cut short or its memory failed before the memory was written; or by another
 * machine that looked into the memory, after it had opened it, before that.
 */
export class HandOvers {
  readonly #cases = new Map<string, Map<number, HandOver>>();

  /** A machine looks into the memory: what it decides next, it decides on that. */
  look(name: ReferralName, poll: Poll, isTold: boolean): void {
    const versions = [...this.#versions(name)];
    const settled = versions.filter(([, handOver]) => !mayRepeat(handOver, poll));
    const remembered = versions.filter(([, { isRemembered }]) => isRemembered);
    poll.seen.set(caseKey(name), { settled: numbers(settled), remembered: numbers(remembered), isTold });
  }

  /** @returns whether it may be handed over, for the first time or again */
  begin(name: ReferralName, version: number, poll: Poll): boolean {
    const versions = this.#versions(name);
    const before = versions.get(version);
    versions.set(version, { poll, state: 'begun', isRemembered: before?.isRemembered ?? false });
    if (!before || mayRepeat(before, poll)) return true;
    const glance = poll.seen.get(caseKey(name));
    return before.poll !== poll && glance !== undefined && !glance.settled.has(version);
  }

  end(name: ReferralName, version: number, poll: Poll, state: 'returned' | 'failed'): void {
    const handOver = this.#versions(name).get(version);
    if (handOver && (state === 'returned' || handOver.poll === poll)) handOver.state = state;
  }

  /** What the client has handled was written into its memory. */
  remember({ handled, ...name }: SeenReferral): void {
    for (const { version } of handled) {
      const handOver = this.#versions(name).get(version);
      if (handOver?.state === 'returned') handOver.isRemembered = true;
    }
  }

  /** The memory failed: as far as the client knows, it could not be written what this poll has handed over. */
  forget(name: ReferralName, poll: Poll): void {
    for (const handOver of this.#versions(name).values()) {
      if (handOver.poll === poll && handOver.state === 'returned') handOver.state = 'failed';
    }
  }

  /** Whether it was handed over, and the client could know when it last looked. */
  isRemembered(message: AgencyMessage, poll: Poll): boolean {
    return message.kind !== 'withdrawn' && poll.seen.get(caseKey(message))?.remembered.has(message.version) === true;
  }

  #versions(name: ReferralName): Map<number, HandOver> {
    const versions = this.#cases.get(caseKey(name)) ?? new Map<number, HandOver>();
    this.#cases.set(caseKey(name), versions);
    return versions;
  }
}

function mayRepeat({ state, isRemembered, poll: earlier }: HandOver, poll: Poll): boolean {
  if (isRemembered) return false;
  return state === 'failed' || (earlier !== poll && !earlier.isOver);
}

const numbers = (versions: readonly [number, unknown][]): Set<number> => new Set(versions.map(([number]) => number));
