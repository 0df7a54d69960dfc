import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { describe, expect, it } from 'vitest';
import { ledgerTable } from '../../core/names.ts';
import { operate } from './operated.ts';
import { ops, removeFolder } from './operator.ts';

const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const operated = operate({ [HOTLINE]: {}, [AGENCY]: { countries: ['DE'] } });
const { run, besides, swept } = operated;

describe('the audit', () => {
  it('notes who ordered what and when, also what was refused, and is never changed', async () => {
    await run('suspend', AGENCY, '--reason', 'a drill');
    const before = await run('redrive', 'gb-typo');
    expect(before.text).toMatch(
      /audit: \S+ local user \S+: redrive gb-typo: unknown-agency \(exit 3\), the relay on this machine\n/,
    );
    const { exit, text } = await run('audit');
    expect(exit).toBe(0);
    expect(text).toMatch(/redrive gb-typo: begun\n.*redrive gb-typo: unknown-agency \(exit 3\)\n/);
    expect(text).toMatch(/suspend de-kinderwacht \(a drill\): suspended \(exit 0\)/);
    expect((await run('audit', '1999-01')).text).not.toContain('redrive');
    expect((await run('audit', 'yesterday')).exit).toBe(2);
  });

  it('holds two entries for every command, under the month', async () => {
    const ofAgency = ['suspend', 'resume', 'offboard', `redeliver ${HOTLINE}/0197a5b0-1111-7abc-8def-000000000000`];
    const ordered = ['redrive dispatch', 'status', 'sweep', 'keys', 'verify', 'audit', 'audit yesterday'].concat(
      ofAgency.map((command) => `${command} ${AGENCY}`),
    );
    for (const command of ordered) await run(...command.split(' '));
    const { Items = [] } = await operated.relay.clients.dynamodb.send(
      new ScanCommand({
        TableName: ledgerTable(operated.relay.stage),
        FilterExpression: 'begins_with(pk, :audit)',
        ExpressionAttributeValues: { ':audit': { S: 'audit#' } },
      }),
    );
    const entries = Items.map((item) => unmarshall(item));
    expect(entries.every(({ pk, at }) => pk === `audit#${String(at).slice(0, 7)}`)).toBe(true);
    const phases = Map.groupBy(entries, ({ run: id }) => String(id));
    for (const [, group] of phases) {
      expect(group.map(({ phase }) => String(phase))).toEqual(['begun', 'ended']);
    }
    const noted = [...phases.values()].map(([entry]) => String(entry?.['what']));
    expect(noted).toEqual(expect.arrayContaining(ordered));
  });

  it('stands before the deed: what cannot be noted is not done', async () => {
    const dataDir = await besides({ dynamodb: 'http://127.0.0.1:9' });
    const before = swept();
    const { exit, text } = await ops({ dataDir }, 'sweep');
    expect([exit, text]).toEqual([4, expect.stringContaining('Nothing answers for the relay on this machine')]);
    expect(swept()).toBe(before);
    await removeFolder(dataDir);
  });
});
