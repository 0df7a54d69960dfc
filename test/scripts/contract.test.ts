import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

const SCRIPT = fileURLToPath(new URL('../../scripts/contract.ts', import.meta.url));

const run = (...args: string[]) => spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });

const Result = z.object({
  cases: z.array(z.object({ backend: z.string(), port: z.string(), title: z.string(), status: z.string() })),
  faults: z.array(z.string()),
});

describe('npm run contract', { timeout: 300_000 }, () => {
  it('rehearses what is done on AWS: all backends pass the same cases, and nothing is left behind', () => {
    const { stdout, stderr, status } = run('--rehearse', '--json');
    const { cases, faults } = Result.parse(JSON.parse(stdout));
    expect(faults).toEqual([]);
    expect(status, stderr).toBe(0);
    const passed = Map.groupBy(
      cases.filter((one) => one.status === 'passed'),
      ({ backend }) => backend,
    );
    const titles = [...passed.values()].map((own) => own.map(({ port, title }) => `${port}: ${title}`).sort());
    expect([...passed.keys()].sort()).toEqual(['AWS, rehearsed', 'the doubles', 'the embedded cloud']);
    expect(titles[0]?.length).toBeGreaterThan(80);
    expect(titles[1]).toEqual(titles[0]);
    expect(titles[2]).toEqual(titles[0]);
  });

  it('does not know what it was not told', () => {
    expect(run('--everything')).toMatchObject({ status: 2, stdout: '' });
    expect(run('--help')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('REFERRAL_RELAY_CONTRACT_STAGE') as string,
    });
  });
});
