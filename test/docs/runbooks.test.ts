import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agencyQueue, dispatchQueue } from '../../core/names.ts';
import { callHotline } from '../../local/demo/cast.ts';
import { type LocalRelay, startRelay } from '../../local/relay.ts';
import { deployPartner } from '../ops/operator.ts';
import { type Block, findMissing, listPages, readBlocks } from '../support/runbook.ts';

/*
 * Types every command of the operator's pages, page after page in the order of the index, in a checkout of its own and
 * against one relay on this machine (test/support/runbook.ts has the syntax).
 */

/** Blocks that cannot run here, by page: a further one is a conscious act, and is entered here. */
const SKIPPED: Readonly<Record<string, number>> = {
  'first-deployment.md': 11,
  'deploying.md': 6,
  'onboarding-hotline.md': 2,
  'onboarding-agency.md': 3,
  'rotation.md': 5,
  'revocation.md': 3,
  'silent-agency.md': 1,
  'dead-letters.md': 3,
  'service-faults.md': 9,
  'suspected-leak.md': 5,
  'restore.md': 6,
  'offboarding.md': 2,
  'moving-region.md': 2,
  'cost.md': 1,
};
const REASONS = [
  'needs an AWS account',
  'needs the other party',
  "needs the organisation's management account",
  'prints what this page says',
];

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Milliseconds for one block; far more than it takes. */
const PATIENCE = 120_000;
/** Stands in the pages for a referral that there is. */
const EXAMPLE_ID = '01a207bd-a9c0-7000-8000-000000000001';
const HOTLINE = 'gb-lantern';
const AGENCY = 'de-kinderwacht';

const pages = ['first-deployment.md', ...listPages().filter((page) => page !== 'first-deployment.md')];
const blocks = pages.flatMap(readBlocks);
const skipped = blocks.filter(({ skip }) => skip !== undefined);
const isTyped = (block: Block): boolean => block.skip === undefined;

let checkout = '';
let commands: ChildProcess | undefined;
let environment: NodeJS.ProcessEnv = {};
let relay: Promise<LocalRelay> | undefined;
/** What {@link EXAMPLE_ID} stands for. */
let referral = '';

const at = (...parts: string[]): string => join(checkout, ...parts);
const readJson = (path: string): object => JSON.parse(readFileSync(path, 'utf8')) as object;
const writeJson = (path: string, value: object): void => writeFileSync(path, JSON.stringify(value, null, 2));

/** What a stage is deployed from: the sources, drafts of a hotline, and nothing of the operator's own yet. */
function makeCheckout(): void {
  checkout = mkdtempSync(join(tmpdir(), 'referral-relay-runbooks-'));
  const sources = [
    'bin',
    'client',
    'core',
    'deploy',
    'lambda',
    'lib',
    'local',
    'ops',
    'registry',
    'samples',
    'scripts',
  ];
  for (const source of [...sources, 'test/support', 'package.json', 'cdk.json', 'tsconfig.json']) {
    cpSync(join(ROOT, source), at(source), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), at('node_modules'));
  mkdirSync(at('.local', 'relay', 'profiles'), { recursive: true });
  symlinkSync(at('.local', 'relay', 'profiles'), at('profiles'));
  mkdirSync(at('incoming'));
  mkdirSync(at('drafts', 'sent-today'), { recursive: true });
  const draft = { ...readJson(at('samples', 'routine.json')), onward: 'allowed' };
  writeJson(at('drafts', 'sent-today', 'one.json'), draft);
}

/** A shell in which `npm` and `npx` ask one process for the project's commands. */
async function makeShell(): Promise<void> {
  const support = (file: string): string => at('test', 'support', file);
  commands = spawn(process.execPath, [support('runbook-commands.ts')], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (!commands.stdout) throw new Error('The process of the commands has no output.');
  const [address] = (await once(createInterface(commands.stdout), 'line')) as [string];
  mkdirSync(at('.path'));
  for (const name of ['npm', 'npx']) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${support('runbook-stand-in.ts')}' ${name} "$@"\n`;
    writeFileSync(at('.path', name), script);
    chmodSync(at('.path', name), 0o755);
  }
  const { PATH = '', HOME = '' } = process.env;
  environment = {
    HOME,
    PATH: [at('.path'), PATH].join(delimiter),
    RUNBOOK_PATH: PATH,
    RUNBOOK_COMMANDS: address,
    RUNBOOK_RELAY: at('.local', 'relay'),
  };
}

/**
 * What `cdk deploy` would have made: a relay with the partners of the first page, and with those of the sample registry,
 * whose files then come in as if they had sent them. Something immediate waits for one.
 */
async function deploy(): Promise<LocalRelay> {
  const registryDir = at('deployed');
  for (const stage of ['sample', 'prod']) cpSync(at('registry', stage), registryDir, { recursive: true });
  const deployed = await startRelay({
    dataDir: at('.local', 'relay'),
    registryDir,
    stage: 'prod',
    sweepEverySeconds: 0,
    log: () => undefined,
  });
  await deployed.sweepNow();
  for (const id of [HOTLINE, AGENCY]) {
    cpSync(join(deployed.dataDir, 'registry', `${id}.json`), at('incoming', `${id}.json`));
  }
  const hotline = await callHotline(deployed, HOTLINE);
  await hotline.trustKeys(await hotline.reviewKeys());
  const { id } = await hotline.submit({
    ...readJson(at('samples', 'immediate.json')),
    routing: { suspect: ['DE'], victim: ['FR'] },
  });
  referral = id;
  return deployed;
}

/** What has happened when a page begins. */
const GIVEN: Readonly<Record<string, (deployed: LocalRelay) => Promise<void>>> = {
  /** A copy of what waits for the agency, and an order of dispatch that has been carried out. */
  async 'dead-letters.md'({ clients: { sqs }, queueUrl, stage }) {
    const { Messages: [letter] = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl(agencyQueue(stage, AGENCY, 'urgent')),
        VisibilityTimeout: 0,
        WaitTimeSeconds: 10,
      }),
    );
    const letters = [
      { queue: agencyQueue(stage, AGENCY, 'dead'), MessageBody: letter?.Body ?? '' },
      {
        queue: dispatchQueue(stage, 'dead-urgent'),
        MessageBody: JSON.stringify({ v: 1, hotline: HOTLINE, id: referral }),
      },
    ];
    for (const { queue, MessageBody } of letters) {
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl(queue), MessageBody }));
    }
  },
  /** The agency's file has been deployed without its countries. */
  'offboarding.md': (deployed) => deployPartner(deployed, 'fr-littoral', { countries: [] }),
};

async function type({ script }: Block): Promise<{ exit: number; printed: string }> {
  const shell = spawn('sh', ['-eu', '-c', script.replaceAll(EXAMPLE_ID, referral)], {
    cwd: checkout,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[exit], out, err] = await Promise.all([
    once(shell, 'close') as Promise<[number]>,
    text(shell.stdout),
    text(shell.stderr),
  ]);
  return { exit, printed: `${out}${err}` };
}

beforeAll(async () => {
  makeCheckout();
  await makeShell();
});
afterAll(async () => {
  commands?.kill();
  await (await relay)?.close();
  rmSync(checkout, { recursive: true });
});

describe('The pages of the operator', () => {
  it('skip only what they say they skip, for one of the known reasons', () => {
    const list = pages.map((page) => skipped.filter((block) => block.page === page)).filter(({ length }) => length > 0);
    const lines = list.map(
      (found) => `  ${found.map(({ line, skip }) => `${found[0]?.page}:${line} ${skip}`).join('\n  ')}`,
    );
    process.stdout.write(
      `runbooks: ${blocks.length - skipped.length} blocks of commands run, ${skipped.length} skipped:\n${lines.join('\n')}\n`,
    );
    expect(Object.fromEntries(list.map((found) => [found[0]?.page, found.length]))).toEqual(SKIPPED);
    expect(REASONS).toEqual(expect.arrayContaining([...new Set(skipped.map(({ skip }) => skip))]));
  });

  describe.each(pages.filter((page) => blocks.some((block) => block.page === page && isTyped(block))))('%s', (page) => {
    const typed = blocks.filter((block) => block.page === page && isTyped(block));

    it.each(typed.map((block) => ({ block, line: block.line, first: block.script.split('\n')[0] })))(
      'line $line does what it says: $first',
      async ({ block }) => {
        // While templates are made, for all partners of the first page are registered then.
        if (/npm run synth|ops -- |referral-relay (?:agency|hotline|trust)/.test(block.script)) {
          relay ??= deploy();
        }
        if (!block.script.includes('npm run synth')) {
          const deployed = await relay;
          if (deployed && block === typed[0]) await GIVEN[page]?.(deployed);
        }
        const { exit, printed } = await type(block);
        expect(exit, printed).toBe(block.exit);
        expect(findMissing(printed, block.prints), printed).toBeUndefined();
      },
      PATIENCE,
    );
  });
});
