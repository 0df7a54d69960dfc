import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Claim } from '../../bench/load/claim.ts';

const PROGRAM = fileURLToPath(new URL('../../bench/fairness.ts', import.meta.url));

/** How long anybody waits is measured, not tested. */
it('a flood is kept to its limit, and nothing of the other hotline is lost in it', async () => {
  const flags = ['--seconds', '2', '--connections', '2', '--limit', '5', '--json'];
  const [status, report] = await new Promise<[unknown, string]>((resolve) => {
    execFile(process.execPath, [PROGRAM, ...flags], (error, out) => resolve([error?.code ?? 0, out]));
  });
  const { claims, limited } = JSON.parse(report) as { claims: Claim[]; limited: { flood: { accepted: number } } };
  expect(claims.map(({ holds }) => holds)).toEqual([true, expect.any(Boolean), true]);
  expect(limited.flood.accepted).toBeGreaterThan(0);
  expect(status).toBe(claims.every(({ holds }) => holds) ? 0 : 1);
});
