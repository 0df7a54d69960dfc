import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { v7 as uuidv7 } from 'uuid';
import { loadHotlineProfile } from '../client/index.ts';
import { agencyQueue } from '../core/names.ts';
import { signRequest } from '../core/profile.ts';
import { SECOND } from '../core/time.ts';
import { readNumber, readOptions } from '../local/command-line.ts';
import { confirmKeys } from '../local/confirm-keys.ts';
import { callHotline } from '../local/demo/cast.ts';
import { type LocalRelay, startRelay } from '../local/relay.ts';
import { type Claim, describeClaims, exitCodeOf } from './load/claim.ts';
import { createProgress } from './load/progress.ts';
import { createProbe, drainQueue, quantile, untilOr } from './sweep/probe.ts';

const HELP = `Measures what one hotline's flood costs another: how long the other's immediate referrals take from acceptance to
the agency's queue, in peace, while a hotline with a limit floods the same lane, and while one without does. The flood
does not heed Retry-After. All in one run on the embedded cloud, which has no fair queues.

Usage: npm run bench:fairness [-- OPTIONS]

  --seconds N       each phase (default 30)
  --connections N   of the flood (default 8)
  --limit N         submissions a minute of the hotline that has a limit (default 120)
  --json            the report as JSON
  --help

Exit code: 0 if the limit protects the other hotline, 1 if not, 2 for a wrong option.`;

const values = readOptions(HELP, {
  seconds: { type: 'string', default: '30' },
  connections: { type: 'string', default: '8' },
  limit: { type: 'string', default: '120' },
  json: { type: 'boolean', default: false },
});
const seconds = readNumber('--seconds', values.seconds, { least: 1 });
const connections = readNumber('--connections', values.connections, { least: 1 });
const limit = readNumber('--limit', values.limit, { least: 1 });

const QUIET = 'gb-lantern';
const LIMITED = 'us-beacon';
const UNLIMITED = 'zz-test-hotline';
/** Where the quiet hotline's referrals go, and where the flood does. */
const [OTHER, FLOODED] = ['de-kinderwacht', 'fr-littoral'] as const;

/** How many times the median in peace a limited flood may make of the other hotline's: what a person would not notice. */
const UNNOTICED = 4;

interface Phase {
  /** Milliseconds from acceptance to the agency's queue, of the quiet hotline's referrals. */
  quiet: { submitted: number; missing: number; p50: number; p95: number; submitP50: number };
  flood?: { requests: number; accepted: number; refused: number; failed: number };
}

type Phases = Record<'peace' | 'limited' | 'unlimited', Phase>;

const progress = createProgress();
const load = loadavg();
const folder = await mkdtemp(join(tmpdir(), 'referral-relay-fairness-'));
await cp(fileURLToPath(new URL('../registry/sample', import.meta.url)), folder, { recursive: true });
const file = join(folder, `${LIMITED}.json`);
const partner = JSON.parse(await readFile(file, 'utf8')) as object;
await writeFile(file, JSON.stringify({ ...partner, limits: { submissionsPerMinute: limit } }));
const relay = await startRelay({ registryDir: folder, sweepEverySeconds: 0, log: () => undefined });
const over = new AbortController();
try {
  await confirmKeys(relay.profilesDir);
  const phases = await measure(relay);
  const claims = claimsOn(phases);
  progress.clear();
  const report = { seconds, connections, limit, ...phases, load: { before: load, after: loadavg() }, claims };
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : describe(phases, claims));
  process.exitCode = exitCodeOf(claims);
} finally {
  over.abort();
  await relay.close();
  await rm(folder, { recursive: true, force: true });
}

function claimsOn({ peace, limited }: Phases): Claim[] {
  const { accepted = 0, refused = 0, failed = 0 } = limited.flood ?? {};
  // A window of a minute may end and another begin meanwhile.
  const most = limit * (1 + Math.ceil(seconds / 60));
  const ratio = limited.quiet.p50 / peace.quiet.p50;
  return [
    {
      claim: `a hotline with a limit of ${limit} a minute has no more than ${most} accepted, and the rest refused with 429`,
      holds: accepted <= most && refused > 0 && failed === 0,
      found: `${accepted} accepted, ${refused} refused, ${failed} failed otherwise`,
    },
    {
      claim: `another hotline's immediate referrals wait no more than ${UNNOTICED} times as long as in peace (median)`,
      holds: ratio <= UNNOTICED,
      found: `${ratio.toFixed(1)} times as long`,
    },
    {
      claim: 'all of these arrive',
      holds: limited.quiet.submitted > 0 && limited.quiet.missing === 0,
      found: `${limited.quiet.submitted} of them, ${limited.quiet.missing} missing`,
    },
  ];
}

function describe(phases: Phases, claims: readonly Claim[]): string {
  const rows = Object.entries(phases).map(([name, { quiet, flood }]) => {
    const told = flood
      ? `${flood.requests} requests, ${flood.accepted} accepted, ${flood.refused} refused`
      : 'no flood';
    const ratio = (quiet.p50 / phases.peace.quiet.p50).toFixed(1);
    return `${name.padEnd(10)}p50 ${quiet.p50} ms, p95 ${quiet.p95} ms, ${ratio} times peace; ${told}`;
  });
  return `${rows.join('\n')}\n\n${describeClaims(claims)}\n`;
}

async function measure(at: LocalRelay): Promise<Phases> {
  const hotline = await callHotline(at, QUIET);
  const submits: number[] = [];
  const submit = async (document: object) => {
    const began = performance.now();
    const acceptance = await hotline.submit(document);
    submits.push(performance.now() - began);
    return acceptance;
  };
  const probe = createProbe({ submit: (document) => submit(Object(document)) }, () => draft('DE'));
  for (const [agency, take] of [
    [OTHER, probe.arrived],
    [FLOODED, () => undefined],
  ] as const) {
    const { sqs } = at.agencyClients(agency);
    void drainQueue(sqs, at.queueUrl(agencyQueue(at.stage, agency, 'urgent')), take, over.signal);
  }

  const run = async (name: string, flood?: string): Promise<Phase> => {
    const done = new AbortController();
    const [firstWait, firstSubmit] = [probe.waits.length, submits.length];
    const flooding = flood === undefined ? undefined : floodAs(at, flood, done.signal);
    const probing = probe.run(SECOND / 2, done.signal);
    for (let second = 0; second < seconds; second++) {
      progress.update(`${name}: ${second} of ${seconds} s`);
      await untilOr(1, () => false);
    }
    done.abort();
    await probing;
    const counts = await flooding;
    // What the flood has piled up goes first.
    await untilOr(600, () => probe.missing() === 0);
    const waits = probe.waits.slice(firstWait).map(({ wait }) => wait);
    return {
      quiet: {
        submitted: waits.length,
        missing: probe.missing(),
        p50: Math.round(quantile(waits, 0.5)),
        p95: Math.round(quantile(waits, 0.95)),
        submitP50: Math.round(quantile(submits.slice(firstSubmit), 0.5)),
      },
      ...(counts && { flood: counts }),
    };
  };
  await probe.submit();
  return {
    peace: await run('peace'),
    limited: await run('flood with a limit', LIMITED),
    unlimited: await run('flood without one', UNLIMITED),
  };
}

/** The same sealed referral under one id after another, as fast as the relay answers. */
async function floodAs(at: LocalRelay, id: string, signal: AbortSignal): Promise<NonNullable<Phase['flood']>> {
  const { sealed } = await (await callHotline(at, id)).seal(draft('FR'));
  const { signingKey } = await loadHotlineProfile(join(at.profilesDir, id));
  const counts = { requests: 0, accepted: 0, refused: 0, failed: 0 };
  const url = `${at.url}/v1/referrals`;
  const flood = async (): Promise<void> => {
    while (!signal.aborted) {
      const routing = { suspect: ['FR'], victim: [] };
      const submission = { id: uuidv7(), routing, urgency: 'immediate', onward: 'allowed', sealed };
      const body = Buffer.from(JSON.stringify(submission));
      const headers = signRequest({ method: 'POST', url, body }, { partner: id, ...signingKey, now: Date.now() });
      const { status } = await fetch(url, { method: 'POST', headers, body });
      counts.requests += 1;
      if (status === 202) counts.accepted += 1;
      else if (status === 429) counts.refused += 1;
      else counts.failed += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, flood));
  return counts;
}

function draft(country: string): object {
  const sample = readFileSync(new URL('../samples/immediate.json', import.meta.url), 'utf8');
  return {
    ...(JSON.parse(sample) as object),
    originator: { reference: randomUUID() },
    routing: { suspect: [country], victim: [] },
  };
}
