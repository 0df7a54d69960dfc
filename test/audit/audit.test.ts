import { describe, expect, it } from 'vitest';
import { run } from '../../audit/command.ts';
import { gather } from '../../audit/findings.ts';
import { evaluate } from '../../audit/matrix.ts';
import { toMarkdown } from '../../audit/report.ts';
import { world } from '../support/audited-stage.ts';
import { differences } from './table.ts';
import { kindsOf, widen } from './widened.ts';

/* The policies of a synthesized stage, asked by a simulator that others wrote, against the table in table.ts. */

describe('the policies of a stage', () => {
  it('let everybody do what the table says and nothing else', { timeout: 120_000 }, async () => {
    const found: string[] = [];
    for await (const difference of differences(world)) found.push(difference);
    expect(found).toEqual([]);
  });

  it('know two hotlines and five agencies, of which one has no way in yet', () => {
    const agencies = world.stage.actors.filter(({ kind }) => kind === 'agency').map(({ name }) => name);
    expect(agencies.toSorted()).toEqual(['be-dijkwacht', 'de-kinderwacht', 'fr-littoral', 'gb-crossbar']);
    expect(world.stage.things.filter(({ sort }) => sort === 'agency key')).toHaveLength(5);
    expect(world.stage.things.filter(({ sort }) => sort === 'intake key')).toHaveLength(2);
  });
});

/** Loosened, and yet as strict: what else holds, and why. */
const REDUNDANT: Readonly<Record<string, string>> = {
  'topic/AlarmsOfThisStage without StringEquals': 'the ARN of the alarm names the account too',
};

describe('a policy that is loosened', () => {
  const loosened = kindsOf(world.stage).map((kind) => [kind, widen(world, kind)] as const);

  it.each(loosened)('%s can be loosened', (_, ways) => {
    expect(ways.length).toBeGreaterThan(0);
  });

  it.each(loosened.flatMap(([, ways]) => ways).map((way) => [way.name, way] as const))(
    '%s is found out',
    async (name, { world: loose, where }) => {
      const { done } = await differences(loose, where).next();
      expect(done).toBe(name in REDUNDANT);
    },
  );
});

describe('the report', () => {
  it('has the statements behind each permission, and what is refused', async () => {
    const findings = await gather(
      world,
      evaluate(world, { thing: ({ owner, sort }) => owner === 'gb-crossbar' && sort === 'agency key' }),
    );
    const text = await toMarkdown({ subject: 'a test', deployment: world.stage, findings, possibilities: [] });
    expect(text).toContain(
      "| deliver | kms:ReEncryptTo, with this agency's id in the encryption context | " +
        'RewrapTo (role deliver, stack core); DeliverWraps (key, stack of the partner) |',
    );
    expect(text).toContain(
      '- kms:Decrypt: to everybody but its agency (own name) (NobodyElseUnwraps, OnlyForThisAgency)',
    );
  });
});

describe('the command', () => {
  it('says what it is for, and refuses what it does not know', async () => {
    const written: string[] = [];
    expect(await run(['--help'], (text) => void written.push(text))).toBe(0);
    expect(written.join('')).toMatch(/npm run audit \[-- <stage>\] \[--json\]/);
    await expect(run(['--jsno'], () => undefined)).rejects.toThrow(/'--jsno'/);
    await expect(run(['sample'], () => undefined)).rejects.toThrow(/not for deployment/);
  });
});
