import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../client/cli/program.ts';
import { loadRegistry } from '../../core/registry.ts';
import { runOps } from '../../ops/program.ts';
import { makeIo } from '../support/heard-io.ts';

/* Every page of the project: what it links to is there, and what it says to type can be typed. */

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

const pages = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(new URL('docs/', ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort();

/** Lines of the shell blocks of a page that call this program, as the words of a command line. */
const commandLines = (page: string, program: RegExp): string[][] =>
  [...read(page).matchAll(/^```sh(?: [^\n]*)?\n(?<lines>.*?)^```/gms)]
    .flatMap(({ groups }) => (groups?.['lines'] ?? '').split('\n'))
    .flatMap((line) => line.split(/ && | \| /))
    .filter((line) => program.test(line))
    .map((line) => line.replace(program, '').split(/\s+/).filter(Boolean));

async function helpOf(run: typeof runCli, command: readonly string[]): Promise<string> {
  const { io, written } = makeIo();
  await run([...command, '--help'], io);
  return written.out + written.err;
}

describe('The pages', () => {
  it('include those that a newcomer looks for', () => {
    expect(pages).toEqual(
      expect.arrayContaining(['CHANGELOG.md', 'CONTRIBUTING.md', 'README.md', 'SECURITY.md', 'docs/protocol.md']),
    );
    expect(existsSync(new URL('LICENSE', ROOT))).toBe(true);
  });

  it.each(pages)('link to nothing that is missing: %s', (page) => {
    const targets = [...read(page).matchAll(/\]\((?<target>[^)\s]+)\)/g)].map(({ groups }) => groups?.['target'] ?? '');
    const files = targets
      .filter((target) => !/^(?:https?:|#)/.test(target))
      .map((target) => target.split('#')[0] ?? '');
    expect(files.filter((file) => !existsSync(new URL(file, new URL(page, ROOT))))).toEqual([]);
  });

  it.each(pages)('name no npm script that there is not: %s', (page) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/npm run (?<name>[a-z][\w:-]*)/g)].map(
      ({ groups }) => groups?.['name'] ?? '',
    );
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  const commands = pages.flatMap((page) =>
    commandLines(page, /^(?:\$ )?(?:npx )?referral-relay /).map((words) => ({ page, line: words.join(' '), words })),
  );

  it.each(commands)('give commands as they are: referral-relay $line ($page)', async ({ words }) => {
    const [first = '', second = ''] = words;
    const command = ['hotline', 'agency', 'registry'].includes(first) ? [first, second] : [first];
    const help = await helpOf(runCli, command);
    expect(help).toContain(`Usage: referral-relay ${command.join(' ')} [options]`);
    const unknown = words.filter((word) => word.startsWith('--')).filter((option) => !help.includes(option));
    expect(unknown).toEqual([]);
  });

  const orders = pages.flatMap((page) =>
    commandLines(page, /^(?:\$ )?npm run ops -- /).map((words) => ({ page, line: words.join(' '), words })),
  );

  it.each(orders)("give the operator's commands as they are: $line ($page)", async ({ words }) => {
    const [command = ''] = words;
    const help = await helpOf(runOps, [command]);
    expect(help).toContain(`Usage: ops ${command} `);
    const unknown = words.filter((word) => word.startsWith('--')).filter((option) => !help.includes(option));
    expect(unknown).toEqual([]);
  });
});

describe('The guides', () => {
  const examples = readdirSync(new URL('docs/guides/examples/', ROOT));

  it.each(examples)('hold the example %s as it is in its file, which is type-checked', (name) => {
    const [guide = ''] = name.split('.');
    const code = read(`docs/guides/examples/${name}`).replace('../../../client/index.ts', 'referral-relay');
    expect(read(`docs/guides/${guide}.md`)).toContain(`<!-- example: ${name} -->`);
    expect(read(`docs/guides/${guide}.md`)).toContain(`\n${code}\`\`\`\n`);
  });

  it.each(['hotline', 'agency'])('show the %s its registry file, in a form that the registry takes', (guide) => {
    const [, json = ''] = /<!-- registry file -->\s+```json\n(.*?)```/s.exec(read(`docs/guides/${guide}.md`)) ?? [];
    const text = json.replace('"…"', '"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"');
    const { hotlines, agencies } = loadRegistry([{ name: `${/"id": "(.*?)"/.exec(text)?.[1]}.json`, text }]);
    expect([hotlines.size, agencies.size]).toEqual(guide === 'hotline' ? [1, 0] : [0, 1]);
  });

  it('give an agency a profile with which it opens what its countries and the canary of its onboarding bring', () => {
    const guide = read('docs/guides/agency.md');
    const countriesIn = (what: string): unknown => {
      const [, json = '{}'] = new RegExp(`<!-- ${what} -->\\s+\`\`\`json\\n(.*?)\`\`\``, 's').exec(guide) ?? [];
      return (JSON.parse(json) as { countries?: unknown }).countries;
    };
    expect(countriesIn('profile')).toEqual([...(countriesIn('registry file') as string[]), 'ZZ']);
    expect(read('docs/operations/onboarding-agency.md')).toContain('"countries": ["AT", "DE", "ZZ"]');
  });

  it('name the package as it is', () => {
    expect(JSON.parse(read('package.json'))).toMatchObject({ name: 'referral-relay' });
  });
});

describe('The page of decisions', () => {
  const names = readdirSync(fileURLToPath(new URL('docs/adr/', ROOT))).sort();

  it('numbers them without a gap', () => {
    expect(names.map((name) => Number(name.slice(0, 3)))).toEqual(names.map((_, index) => index + 1));
  });

  it.each(names)('says what, why and what follows: %s', (name) => {
    const text = read(`docs/adr/${name}`);
    expect(text).toMatch(new RegExp(`^# ${name.slice(0, 3)}\\. `));
    const headings = [...text.matchAll(/^## (?<heading>\w+)/gm)].map(({ groups }) => groups?.['heading']);
    expect(headings).toEqual(['What', 'Why', 'Consequences']);
  });
});
