import { expect } from 'vitest';
import type { Ledger } from '../../core/ports.ts';
import { makeName, makePartnerId, makeReferralRow } from '../support/rows.ts';
import { type Cases, describeContract, type Tally } from './contract.ts';

export interface SuspensionsBackend {
  ledger: Ledger;
  /** As the operator does it. */
  suspend: (partner: string) => Promise<unknown>;
  resume: (partner: string) => Promise<unknown>;
}

const cases: Cases<SuspensionsBackend> = {
  'nobody is suspended whom the operator has not suspended': async ({ ledger }) => {
    expect(await ledger.isSuspended(makePartnerId('de'))).toBe(false);
  },

  'a partner is suspended from the moment the row stands until it is gone': async ({ ledger, suspend, resume }) => {
    const partner = makePartnerId('de');
    await suspend(partner);
    expect(await ledger.isSuspended(partner)).toBe(true);
    await suspend(partner);
    expect(await ledger.isSuspended(partner)).toBe(true);
    await resume(partner);
    expect(await ledger.isSuspended(partner)).toBe(false);
    await resume(partner);
    expect(await ledger.isSuspended(partner)).toBe(false);
  },

  'a neighbour, even one whose name begins alike, is not touched': async ({ ledger, suspend }) => {
    const partner = makePartnerId('gb');
    await suspend(partner);
    expect(await ledger.isSuspended(`${partner}-scotland`)).toBe(false);
  },

  'what stands of referrals has nothing to do with it': async ({ ledger, suspend }) => {
    const name = makeName(makePartnerId('gb'));
    await ledger.create(makeReferralRow(name));
    expect(await ledger.isSuspended(name.hotline)).toBe(false);
    await suspend(name.hotline);
    expect((await ledger.read(name)).referral).toBeDefined();
  },
};

/** Holds the deny rows to `core/ports.ts`. It may be shared: each case makes partners of its own. */
export const describeSuspensions = (backend: () => SuspensionsBackend): Tally =>
  describeContract('suspensions', cases, backend);
