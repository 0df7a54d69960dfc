import { usageError } from '../client/cli/exit.ts';
import { toTimestamp } from '../core/time.ts';
import { describeEntry, done, type Ending, type Session } from './session.ts';

/** What was ordered in a month, this command included. */
export async function showAudit(
  { cloud, now, show }: Session,
  month = toTimestamp(now()).slice(0, 7),
): Promise<Ending> {
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) throw usageError('Name a month, such as 2026-11.');
  const entries = await cloud.audit.read(month);
  for (const entry of entries) await show({ entry }, describeEntry(entry));
  return done(`${entries.length} entries`);
}
