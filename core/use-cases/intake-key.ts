import type { IntakeKey, Relay } from '../ports.ts';
import type { Hotline, KmsKeyRecord } from '../registry.ts';

/**
 * One of a hotline's intake keys. That it cannot be read is told and comes back as a result, for it concerns no other
 * key: a hotline that brings its own can have one of them fail at any time.
 */
export async function readIntakeKey(
  { keys, telemetry }: Pick<Relay, 'keys' | 'telemetry'>,
  { id: hotline }: Hotline,
  record: KmsKeyRecord,
): Promise<PromiseSettledResult<IntakeKey>> {
  const [result] = await Promise.allSettled([keys.intakeKey(hotline, record)]);
  if (result.status === 'rejected') {
    const error = result.reason instanceof Error ? result.reason.name : 'unknown';
    telemetry.record('failed', { what: 'intake-key', hotline, generation: record.generation, error });
  }
  return result;
}
