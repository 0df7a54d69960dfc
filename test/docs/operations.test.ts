import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { VISIBILITY } from '../../client/inbox.ts';
import { retryVisibility } from '../../client/visibility.ts';
import { DEFAULT_RETENTION } from '../../core/limits.ts';
import { FUNCTIONS } from '../../core/names.ts';
import { FUNCTION_SIZES } from '../../core/sizing.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../core/time.ts';
import { readRegistryDir } from '../../lambda/registry-files.ts';
import { WATCHED_CALLS } from '../../lib/key-watch.ts';
import { LOOK, RECEIVE } from '../../lib/queue-policies.ts';
import { serviceControlPolicy } from '../../lib/service-control-policy.ts';
import { readSettings } from '../../lib/stage-settings.ts';
import { anchorsOf, listPages, readBlocks, readPage } from '../support/runbook.ts';
import { findProperties, propertiesOf, SETTINGS, synthesizeStage } from '../support/synthesized-stage.ts';

/* The operator's pages against the templates: every alarm has its section, and the numbers are those of the code. */

const pages = readdirSync(new URL('../../docs/operations/', import.meta.url)).sort();
/** The partners that the pages speak of. */
const stage = synthesizeStage(readRegistryDir(fileURLToPath(new URL('../../registry/sample', import.meta.url))), {
  settings: { ...SETTINGS, region: 'eu-west-1', operators: ['arn:aws:iam::111122223333:role/on-call'] },
});

const Named = z.looseObject({ AlarmName: z.string(), AlarmDescription: z.string() });
const alarms = stage.stacks
  .flatMap((stack) => propertiesOf(stack, 'AWS::CloudWatch::Alarm'))
  .map((properties) => Named.parse(properties));

/** As the pages write it: names of partners and functions are placeholders there. */
const inGeneral = (alarm: string): string =>
  FUNCTIONS.reduce((name, each) => name.replace(new RegExp(`-${each}-(errors|throttles)$`), '-<function>-$1'), alarm)
    .replace(new RegExp(`-(${[...stage.registry.agencies.keys()].sort().toReversed().join('|')})-`), '-<agency>-')
    .replace('referral-relay-prod-', 'referral-relay-<stage>-');

const RUNBOOK = / Runbook: docs\/operations\/(?<page>[a-z-]+\.md)#(?<anchor>[a-z-]+)$/;

/** A section with its subsections. */
function sectionOf(page: string, anchor: string): string {
  const text = readPage(page);
  const headings = [...text.matchAll(/^(?<marks>#+) .+$/gm)];
  const index = anchorsOf(page).indexOf(anchor);
  const depth = headings[index]?.groups?.['marks']?.length ?? 0;
  const next = headings.slice(index + 1).find(({ groups }) => (groups?.['marks']?.length ?? 0) <= depth);
  return text.slice(headings[index]?.index ?? text.length, next?.index);
}

describe('Every alarm', () => {
  const kinds = new Map(alarms.map((alarm) => [inGeneral(alarm.AlarmName), alarm.AlarmDescription]));
  const index = readPage('README.md').split('\n## Pages')[0] ?? '';
  const rows = [...index.matchAll(/^\| `(?<name>referral-relay-[^`]+)` +\|.*\]\((?<page>[^)#]+)#(?<anchor>[^)]+)\)/gm)];

  it.each([...kinds])('%s names the section that says what to do, and that names it', (name, description) => {
    const { page = '', anchor = '' } = RUNBOOK.exec(description)?.groups ?? {};
    expect(pages).toContain(page);
    expect(anchorsOf(page)).toContain(anchor);
    expect(sectionOf(page, anchor)).toContain(`\`${name}\``);
  });

  it('is in the index, with the same section, and nothing else is', () => {
    const expected = [...kinds].map(([name, description]) => {
      const { page, anchor } = RUNBOOK.exec(description)?.groups ?? {};
      return `${name} ${page}#${anchor}`;
    });
    const listed = rows.map(({ groups }) => `${groups?.['name']} ${groups?.['page']}#${groups?.['anchor']}`);
    expect(listed.sort()).toEqual(expected.sort());
  });

  it('fits, with what it means and where to read on', () => {
    for (const { AlarmDescription } of alarms) expect(AlarmDescription.length).toBeLessThan(1024);
  });
});

describe('The message of a key change', () => {
  it('names its section as well', () => {
    const rules = propertiesOf(stage.stack('service'), 'AWS::Events::Rule');
    const text = JSON.stringify(rules.find(({ Name }) => Name === 'referral-relay-prod-key-changes'));
    expect(text).toContain('Key change: <detail-eventName>');
    expect(text).toContain('Runbook: docs/operations/suspected-leak.md#key-changes');
    expect(anchorsOf('suspected-leak.md')).toContain('key-changes');
  });

  it('comes for nothing that the page does not look up, and roles and trail are looked up with keys', () => {
    const [, asked = ''] =
      /^for name in (.+); do$/m.exec(sectionOf('suspected-leak.md', '3-see-who-changed-what')) ?? [];
    const roles = ['AttachRolePolicy', 'PutRolePolicy', 'UpdateAssumeRolePolicy'];
    const trail = ['DeleteTrail', 'PutEventSelectors', 'StopLogging', 'UpdateTrail'];
    expect(asked.split(' ')).toEqual(expect.arrayContaining([...WATCHED_CALLS, ...roles, ...trail]));
  });
});

/** `aws kms disable-key` is `kms:DisableKey` to a policy. */
const actionOf = (service = '', operation = ''): string =>
  `${service}:${operation.replaceAll(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase())}`;

describe('The commands', () => {
  const NAMES = [
    'FunctionName',
    'QueueName',
    'TableName',
    'AlarmName',
    'RoleName',
    'LogGroupName',
    'TopicName',
    'AliasName',
    'Name',
  ];
  const resources = stage.stacks.flatMap(({ template }) => Object.values(template.Resources));
  const deployed = [
    ...stage.stacks.map(({ name }) => name),
    ...resources.flatMap(({ Properties }) => NAMES.map((name) => Properties[name])),
  ].filter((name) => typeof name === 'string');
  /** Made by the steps themselves: a role, a table beside the ledger, the next generation of a key. */
  const made = [
    'referral-relay-prod-zz-test-agency',
    'referral-relay-prod-ledger-restored',
    'alias/referral-relay/prod/hotline/gb-lantern/2',
  ];
  const known = new Set([...deployed, ...made]);
  const named = pages.flatMap((page) =>
    readBlocks(page).flatMap(({ script, line }) =>
      [...script.matchAll(/(?:alias\/|\/aws\/[\w/]+\/)?referral-relay[-/]prod[-/][\w/-]+/g)]
        .map(([name]) => name.replace(/-$/, ''))
        .filter((name) => name !== 'referral-relay-prod')
        .map((name) => ({ page, line, name })),
    ),
  );

  it('name nothing that is not deployed, where they cannot be run here either', () => {
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter(({ name }) => !known.has(name))).toEqual([]);
  });

  const denied = new Set(serviceControlPolicy().Statement.flatMap(({ Action }) => Action));
  // Of the first deployment, all but a trial that is to be refused comes before the policy is attached.
  const privileged = pages
    .filter((page) => page !== 'first-deployment.md')
    .flatMap((page) =>
      readBlocks(page)
        .filter(
          ({ script }) =>
            /cdk (?:deploy|bootstrap)/.test(script) ||
            [...script.matchAll(/aws (?<service>[a-z]+) (?<operation>[a-z-]+)/g)].some(({ groups }) =>
              denied.has(actionOf(groups?.['service'], groups?.['operation'])),
            ),
        )
        .map(({ script, line }) => ({ page, line, script })),
    );

  it('that the control policy denies to all but the break-glass role say that it takes that role', () => {
    expect(privileged.length).toBeGreaterThan(15);
    const silent = privileged.filter(({ page, line, script }) => {
      const before = readPage(page).split('\n').slice(0, line).join('\n');
      return !/BREAK_GLASS/.test(script) && !/break-glass/.test(before.slice(before.lastIndexOf('\n#')));
    });
    expect(silent.map(({ page, line }) => `${page}:${line}`)).toEqual([]);
  });
});

describe('The pages', () => {
  it('are all in the index', () => {
    expect(listPages().sort()).toEqual(pages);
  });

  it.each(pages)('link to sections that there are: %s', (page) => {
    const links = [...readPage(page).matchAll(/\]\((?<file>[\w/.-]*)#(?<anchor>[^)\s]+)\)/g)];
    const missing = links
      .map(({ groups }) => ({ file: groups?.['file'] || page, anchor: groups?.['anchor'] ?? '' }))
      .filter(({ file, anchor }) => !anchorsOf(file).includes(anchor));
    expect(missing).toEqual([]);
  });

  const REFERENCE = new Set(['README.md', 'cost.md', 'data-protection.md']);

  it.each(pages.filter((page) => !REFERENCE.has(page)))(
    'say when, with what, how, how one knows that it worked, and what may go wrong: %s',
    (page) => {
      const text = readPage(page);
      const parts = ['**When:** ', '**You need', '## Steps', '## How you know it worked', '## What may go wrong'];
      const places = parts.map((part) => text.indexOf(`\n${part}`));
      expect(places.every((place) => place > 0)).toBe(true);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
    },
  );
});

describe('The page on restoring', () => {
  it('gives functions back what they have of the concurrency', () => {
    const given = [
      ...sectionOf('restore.md', '7-let-it-work').matchAll(
        /put-function-concurrency --function-name referral-relay-prod-(\w+) --reserved-concurrent-executions (\d+)/g,
      ),
    ].map(([, name, number]) => [name, Number(number)]);
    const reserved = FUNCTIONS.flatMap((name) => {
      const most = FUNCTION_SIZES[name].reserved;
      return most === undefined ? [] : [[name, most]];
    });
    expect(given).toEqual(reserved);
  });
});

describe('The page on the first deployment', () => {
  it('says what a stage reserves, and asks for enough', () => {
    const reserved = FUNCTIONS.reduce((sum, name) => sum + (FUNCTION_SIZES[name].reserved ?? 0), 0);
    const text = readPage('first-deployment.md');
    expect(text).toContain(`Each stage reserves ${reserved}: `);
    const [, desired] = /--desired-value (\d+)/.exec(text) ?? [];
    expect(Number(desired)).toBeGreaterThanOrEqual(reserved + 100);
  });
});

describe('The page on data protection', () => {
  it('says how long things are kept as the settings do', () => {
    const settings = readSettings('settings', JSON.stringify(SETTINGS));
    const text = readPage('data-protection.md');
    expect(settings.retention).toEqual({
      contentDays: DEFAULT_RETENTION.content / DAY,
      custodyDays: DEFAULT_RETENTION.custody / DAY,
    });
    expect(text).toMatch(
      new RegExp(
        `until ${settings.retention.contentDays} days after every route is final \\(\`retention\\.contentDays\``,
      ),
    );
    expect(text).toMatch(new RegExp(`${settings.retention.custodyDays} days \\(\`retention\\.custodyDays\``));
    expect(text).toMatch(new RegExp(`${settings.logDays} days \\(\`logDays\``));
    const queues = stage.stacks.flatMap((stack) => propertiesOf(stack, 'AWS::SQS::Queue'));
    expect(new Set(queues.map(({ MessageRetentionPeriod }) => MessageRetentionPeriod))).toEqual(
      new Set([(14 * DAY) / 1000]),
    );
    expect(text).toContain('14 days at most');
  });
});

describe('The page on dead letters', () => {
  it('says how long an agency’s messages take to die', () => {
    const lane = findProperties(
      stage.stack('de-kinderwacht'),
      'AWS::SQS::Queue',
      'QueueName',
      'referral-relay-prod-de-kinderwacht-urgent',
    );
    const { maxReceiveCount: receives } = z.object({ maxReceiveCount: z.number() }).parse(lane['RedrivePolicy']);
    expect((receives * VISIBILITY * SECOND) / MINUTE).toBe(20);
    const hours = [0, 1].map((fraction) => {
      const waits = Array.from({ length: receives }, (_, index) => retryVisibility(index + 1, 0, fraction));
      return Math.round((waits.reduce((sum, wait) => sum + wait, 0) * SECOND) / HOUR);
    });
    expect(hours).toEqual([4, 9]);
    expect(readPage('dead-letters.md')).toMatch(/dies after 20 minutes;.*after four to nine hours/);
  });
});

describe('The page on onboarding an agency', () => {
  it('gives its principal what the relay gives a role of its own', () => {
    const [, json = ''] =
      /<!-- access of an agency -->\s+```json\n(.*?)```/s.exec(readPage('onboarding-agency.md')) ?? [];
    const Policy = z.object({ Statement: z.array(z.object({ Action: z.array(z.string()) })) });
    const [queues, key] = Policy.parse(JSON.parse(json)).Statement;
    expect(queues?.Action.sort()).toEqual([...RECEIVE, ...LOOK].sort());
    expect(key?.Action).toEqual(['kms:Decrypt', 'kms:DescribeKey']);
  });
});
