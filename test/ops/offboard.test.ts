import { expect, it } from 'vitest';
import { outboxLane } from '../../core/lanes.ts';
import { toTimestamp } from '../../core/time.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { offboard } from '../../ops/offboard.ts';
import { testRegistry, World } from '../support/world.ts';
import { sessionIn } from './session.ts';

const GB = 'gb-hotline';

it('lets no agency go that a referral behind a bulk of others is on its way to', async () => {
  const world = new World();
  const createdAt = toTimestamp(world.clock.now());
  const due = { lane: 'outbox#0', at: createdAt };
  for (let count = 0; count < 10_000; count++) {
    const id = `0197a5b0-1111-7abc-8def-${String(count).padStart(11, '0')}0`;
    const others = { v: 1, kind: 'outbox', hotline: GB, id, rev: 1, createdAt, urgency: 'routine', due } as const;
    await world.relay().ledger.put(others);
  }
  world.clock.advance(1000);
  let sealed = await world.seal(GB, { suspect: ['DE'], victim: [] });
  while (outboxLane(sealed.name.id) !== due.lane) sealed = await world.seal(GB, { suspect: ['DE'], victim: [] });
  await submitReferral(world.relay(), world.hotline(GB), sealed.submission);
  await expect(
    offboard(sessionIn(world, testRegistry({ 'de-police': { countries: [] } })), 'de-police', {}),
  ).rejects.toMatchObject({
    code: 'being-placed',
  });
  expect(world.ledger.suspended).toEqual(new Set());
});
