import { describe, expect, it } from 'vitest';
import { FunctionError, THROTTLED } from '../../local/functions.ts';
import { startLambdaApi } from '../../local/lambda.ts';
import { operate } from './operated.ts';
import { ops, removeFolder } from './operator.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({ [HOTLINE]: {}, [AGENCY]: { countries: ['DE'] } });
const { run, besides } = operated;

describe('sweep', () => {
  it('runs the deployed function once and says what it did', async () => {
    const { exit, result } = await run('sweep', '--json');
    expect([exit, result]).toEqual([0, { sweep: { rows: expect.any(Number) as number, failures: 0, complete: true } }]);
  });

  it('is left to a run that is under way', async () => {
    const busy = await startLambdaApi({
      stage: operated.relay.stage,
      invoke: () => Promise.reject(new FunctionError('sweep', THROTTLED, '1 invocations are under way')),
    });
    const dataDir = await besides({ lambda: busy.endpoint });
    const { exit, text } = await ops({ dataDir }, 'sweep');
    expect([exit, text]).toEqual([4, expect.stringContaining('Sweep is running already')]);
    await busy.close();
    await removeFolder(dataDir);
  });
});
