import { channel } from 'node:diagnostics_channel';

/** Every log line of every relay of this process, as a {@link LoggedLine}: for whoever has to see them all. */
export const LOG_CHANNEL = channel('referral-relay:log');

export interface LoggedLine {
  /** A function, or what surrounds it. */
  source: string;
  line: string;
}
