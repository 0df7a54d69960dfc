import { SECOND } from '../core/time.ts';

/** How waits grow: `base` milliseconds at first, doubled each time, never more than `cap`. */
export interface Backoff {
  base: number;
  cap: number;
}

/** The longest wait before attempt number `attempt` (from 0) is repeated, in milliseconds. */
export const ceilingOf = ({ base, cap }: Backoff, attempt: number): number => Math.min(cap, base * 2 ** attempt);

/**
 * "Full jitter": anything between nothing and the ceiling, so that clients which failed together do not come back
 * together (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * @param fraction uniform in [0, 1)
 */
export const fullJitter = (backoff: Backoff, attempt: number, fraction: number): number =>
  Math.floor(fraction * ceilingOf(backoff, attempt));

/** "Equal jitter": between half the ceiling and all of it, for waits that must grow. */
export const equalJitter = (backoff: Backoff, attempt: number, fraction: number): number =>
  Math.floor(((1 + fraction) / 2) * ceilingOf(backoff, attempt));

/**
 * `Retry-After` (RFC 9110 section 10.2.3), seconds or a date, in milliseconds from now; `undefined` where it is absent
 * or makes no sense. A date is held against the answer's own `Date`, so that a wrong clock here does no harm.
 */
export function readRetryAfter(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * SECOND;
  const at = Date.parse(value);
  if (Number.isNaN(at) || !/[a-z]/i.test(value)) return undefined;
  const sentAt = Date.parse(headers.get('date') ?? '');
  return Math.max(0, at - (Number.isNaN(sentAt) ? now : sentAt));
}
