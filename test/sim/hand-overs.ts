import type { SeenReferral } from '../../client/seen.ts';
import type { AgencyMessage } from '../../core/contracts.ts';
import type { ReferralName } from '../../core/ids.ts';
import { caseKey } from './referral-case.ts';

/** One run of an agency's client, in which it remembers what it has just done. */
export interface Poll {
  /** Whether it came to its end, and was not cut short. */
  isOver: boolean;
}

interface HandOver {
  poll: Poll;
  /** `failed`: the handler did, or the memory could not be written. */
  state: 'begun' | 'returned' | 'remembered' | 'failed';
}

/**
 * What was really handed over to an agency's handler, whatever its client remembers. A version is handed over again only
 * if the handler failed, or if the client was cut short or its memory failed before the memory was written.
 */
export class HandOvers {
  readonly #cases = new Map<string, Map<number, HandOver>>();

  /** @returns whether it may be handed over, for the first time or again */
  begin(name: ReferralName, version: number, poll: Poll): boolean {
    const versions = this.#versions(name);
    const before = versions.get(version);
    versions.set(version, { poll, state: 'begun' });
    if (!before || before.state === 'failed') return true;
    return before.state !== 'remembered' && before.poll !== poll && !before.poll.isOver;
  }

  end(name: ReferralName, version: number, state: 'returned' | 'failed'): void {
    const handOver = this.#versions(name).get(version);
    if (handOver) handOver.state = state;
  }

  /** What the client has handled was written into its memory, or could not be. */
  write(seen: SeenReferral, state: 'remembered' | 'failed'): void {
    const versions = this.#versions(seen);
    for (const { version } of seen.handled) {
      const handOver = versions.get(version);
      if (handOver?.state === 'returned') handOver.state = state;
    }
  }

  /** Whether it was handed over, and the client knows. */
  isRemembered(message: AgencyMessage): boolean {
    return message.kind !== 'withdrawn' && this.#versions(message).get(message.version)?.state === 'remembered';
  }

  #versions(name: ReferralName): Map<number, HandOver> {
    const versions = this.#cases.get(caseKey(name)) ?? new Map<number, HandOver>();
    this.#cases.set(caseKey(name), versions);
    return versions;
  }
}
