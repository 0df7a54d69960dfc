import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { run } from '../../scripts/synth.ts';

const out = mkdtempSync(join(tmpdir(), 'referral-relay-synth-'));
afterAll(() => rmSync(out, { recursive: true }));

function synth(...args: string[]): { exit: number; printed: string } {
  let printed = '';
  const exit = run([...args, '--out', out], (text) => void (printed += text));
  return { exit, printed };
}

describe('npm run synth', () => {
  it('says what it does and takes', () => {
    const { exit, printed } = synth('--help');
    expect(exit).toBe(0);
    for (const option of ['hotlines', 'agencies', 'domain', 'nag', 'out', 'json'])
      expect(printed).toContain(`--${option}`);
  });

  it('tells a program of every stack its resources and its size', () => {
    const { exit, printed } = synth('--json', '--domain', '--hotlines', '1', '--agencies', '2');
    expect(exit).toBe(0);
    const done = JSON.parse(printed) as object;
    expect(done).toMatchObject({
      stage: 'domain',
      generated: true,
      hotlines: 1,
      agencies: 2,
      bounds: { resources: 450 },
    });
    const templates = readdirSync(out).filter((name) => name.endsWith('.template.json'));
    expect(done).toMatchObject({
      stacks: expect.arrayContaining(
        templates.map((file): unknown =>
          expect.objectContaining({
            name: file.replace('.template.json', ''),
            resources: expect.any(Number),
            bytes: expect.any(Number),
          }),
        ),
      ),
    });
    expect(templates).toHaveLength(5);
  });

  it.each([
    ['a number that is none', ['--hotlines', 'many'], '--hotlines takes a number'],
    ['a number below nothing', ['--agencies=-1'], '--agencies takes a number'],
    ['an option that there is not', ['--hotline', '1'], "Unknown option '--hotline'"],
    ['a size for a stage that is not generated', ['prod', '--agencies', '3'], 'are for a generated stage'],
    ['two stages', ['prod', 'test'], 'Name one stage'],
    ['the sample', ['sample'], 'The stage "sample" is not for deployment'],
  ])('refuses %s', (_what, args, message) => {
    expect(() => synth(...args)).toThrow(message);
  });
});
