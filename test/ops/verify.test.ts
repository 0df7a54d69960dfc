import { describe, expect, it } from 'vitest';
import { confirmKeys } from '../../local/confirm-keys.ts';
import { startRelay } from '../../local/relay.ts';
import { operate } from './operated.ts';
import { awsOf, ops } from './operator.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({
  [HOTLINE]: {},
  'zz-test-hotline': {},
  'zz-test-agency': {},
  [AGENCY]: { countries: ['DE'] },
});
const { run, runVerify } = operated;

describe('verify', () => {
  it('brings a canary through the whole relay and back, as often as it is asked for', async () => {
    for (let count = 0; count < 2; count++) {
      const { exit, result } = await runVerify('--json');
      expect(exit).toBe(0);
      const { steps } = result as { steps: { step: string }[] };
      expect(steps.map(({ step }) => step)).toEqual(['accepted', 'opened', 'answered', 'shown as opened']);
    }
  });

  it('fails with exit code 4 where the canary does not arrive in time', async () => {
    await run('suspend', 'zz-test-agency');
    const { exit, text } = await runVerify('--timeout', '1');
    expect([exit, text]).toEqual([4, expect.stringContaining('has not come to the test agency in time')]);
    await run('resume', 'zz-test-agency');
    await operated.relay.sweepNow();
    expect((await runVerify()).exit).toBe(0);
  });

  it('ends with exit code 6 where it is interrupted, which is no fault to report', async () => {
    await run('suspend', 'zz-test-agency');
    const interrupt = new AbortController();
    const aws = await awsOf(operated.relay, 'zz-test-agency');
    const receive: typeof aws.inbox.receive = (...args) => {
      interrupt.abort();
      return aws.inbox.receive(...args);
    };
    const io = {
      dataDir: operated.relay.dataDir,
      aws: { ...aws, inbox: { ...aws.inbox, receive } },
      signal: interrupt.signal,
    };
    const { exit, text } = await ops(io, 'verify');
    expect([exit, text]).toEqual([6, expect.stringMatching(/verify: interrupted \(exit 6\).*\n.*Interrupted/)]);
    await run('resume', 'zz-test-agency');
    await operated.relay.sweepNow();
  });

  it('refuses what another relay than the one that is meant has taken', async () => {
    const other = await startRelay({ sweepEverySeconds: 0, registryDir: operated.registryDir, log: () => undefined });
    await confirmKeys(other.profilesDir);
    const profiles = (['hotline', 'agency'] as const).flatMap((role) => [
      `--${role}`,
      `${other.profilesDir}/zz-test-${role}`,
    ]);
    const { exit, text } = await ops(
      { dataDir: operated.relay.dataDir, aws: await awsOf(other, 'zz-test-agency') },
      'verify',
      ...profiles,
    );
    expect([exit, text]).toEqual([3, expect.stringContaining('by another relay')]);
    await other.close();
  });

  it('refuses an agency that takes real referrals', async () => {
    const { exit, text } = await runVerify('--agency', `${operated.relay.profilesDir}/${AGENCY}`);
    expect([exit, text]).toEqual([3, expect.stringContaining('takes real referrals')]);
  });
});
