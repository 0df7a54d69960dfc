import { describe, expect, it } from 'vitest';
import { startLambdaApi } from '../../local/lambda.ts';
import { operate } from './operated.ts';
import { ops, removeFolder } from './operator.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({ [HOTLINE]: {}, [AGENCY]: { countries: ['DE'] } });
const { run, besides } = operated;

describe('something unexpected', () => {
  it('is said where it happened, if one asks for that as one is told to', async () => {
    const strange = await startLambdaApi({
      stage: operated.relay.stage,
      invoke: () => Promise.resolve({ rows: 'no number' }),
    });
    const dataDir = await besides({ lambda: strange.endpoint });
    const { exit, text } = await ops({ dataDir }, 'sweep');
    expect([exit, text]).toEqual([1, expect.stringContaining('again with REFERRAL_RELAY_DEBUG=1')]);
    const asked = await ops({ dataDir, env: { REFERRAL_RELAY_DEBUG: '1' } }, 'sweep');
    expect(asked.text).toMatch(/\n +at .*cloud\.ts/);
    await strange.close();
    await removeFolder(dataDir);
  });
});

describe('a command that is not understood', () => {
  it.each([
    ['no such command', ['resurrect']],
    ['nothing to suspend', ['suspend']],
    ['a stage besides a relay on this machine', ['status', '--stage', 'prod']],
    ['a timeout that is none', ['verify', '--timeout', 'long']],
    ['a reason that is too long', ['suspend', AGENCY, '--reason', 'x'.repeat(201)]],
  ])('ends with exit code 2: %s', async (_title, args) => {
    expect((await run(...args)).exit).toBe(2);
  });

  it('has help that shows how a program reads the answer', async () => {
    expect((await run('status', '--help')).text).toContain('$ npm run -s ops -- status --stage prod --json');
  });

  it('says what to do where there is no relay', async () => {
    const { exit, text } = await ops({ dataDir: operated.registryDir }, 'status');
    expect([exit, text]).toEqual([2, expect.stringContaining('npm start')]);
  });
});
