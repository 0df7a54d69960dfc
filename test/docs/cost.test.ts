import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { IntakeJwk } from '../../core/keys.ts';
import type { Relay } from '../../core/ports.ts';
import { sealReferral } from '../../core/seal.ts';
import { DAY } from '../../core/time.ts';
import { answerReferral } from '../../core/use-cases/answer.ts';
import { acknowledgeOutcomes, receiveOutcomes } from '../../core/use-cases/collect.ts';
import { submitReferral } from '../../core/use-cases/submit.ts';
import { costPage, LEDGER_USE, PAGE_FILE } from '../../scripts/cost.ts';
import type { Invocation } from '../doubles/faults.ts';
import { type Meter, meterLedger, recordBytes } from '../support/metered-ledger.ts';
import { intakeKeyOf, signerOf, World } from '../support/world.ts';

/* The page on cost says what the script computes, and the script computes with what the code does. */

class MeteredWorld extends World {
  readonly meter: Meter = { writes: 0, reads: 0 };

  override relay(invocation?: Invocation): Relay {
    const relay = super.relay(invocation);
    return { ...relay, ledger: meterLedger(relay.ledger, (name) => this.ledger.record(name, 'content'), this.meter) };
  }
}

const HOTLINE = 'gb-hotline';
const AGENCIES = ['de-police', 'ca-police'] as const;

const page = readFileSync(PAGE_FILE, 'utf8');
/** Templates are made for it: not within the time of a test. */
const computed = await costPage(page);

describe('The page on cost', () => {
  it('says what the script computes (npm run cost -- --write)', () => {
    expect(computed).toBe(page);
  });

  it('reckons with what a referral does to the ledger in all its life', async () => {
    const world = new MeteredWorld();
    const routing = { suspect: ['DE'], victim: ['CA'] };
    const id = world.newId();
    const name = { hotline: HOTLINE, id };
    const document = {
      id,
      hotline: HOTLINE,
      routing,
      urgency: 'routine',
      onward: 'allowed',
      summary: 'x'.repeat(8000),
    };
    const { kid, privateKey } = signerOf(HOTLINE);
    const { sealed, hash } = await sealReferral(document, {
      signingKey: { kid, privateKey },
      intakeKey: IntakeJwk.parse(createPublicKey(intakeKeyOf(HOTLINE)).export({ format: 'jwk' })),
    });

    const hotline = world.hotline(HOTLINE);
    await submitReferral(world.relay(), hotline, { id, routing, urgency: 'routine', onward: 'allowed', sealed });
    await world.dispatch();
    for (const agency of AGENCIES) {
      await world.openAll(agency);
      const token = await world.outcome(agency, name, hash, { status: 'actionable', reason: 'case-opened' });
      await answerReferral(world.relay(), world.agency(agency), name, token);
    }
    const { items } = await receiveOutcomes(world.relay(), hotline, { max: 10, wait: 0 });
    expect(items).toHaveLength(4);
    await acknowledgeOutcomes(
      world.relay(),
      hotline,
      items.map(({ receipt }) => receipt),
    );
    const withContent = recordBytes(world.ledger.record(name, 'content'));
    world.clock.advance(31 * DAY);
    await world.pass(5);
    const facts = recordBytes(world.ledger.record(name, 'content'));
    world.clock.advance(400 * DAY);
    await world.pass(30);

    expect(world.ledger.names()).toEqual([]);
    const measured = { ...world.meter, facts, withContent };
    for (const [what, value] of Object.entries(LEDGER_USE)) {
      const ratio = measured[what as keyof typeof measured] / value;
      expect(Math.abs(ratio - 1), `${what}: ${JSON.stringify(measured)}`).toBeLessThan(0.05);
    }
  });
});
