import { cpus, loadavg, totalmem } from 'node:os';
import type { Urgency } from '../../core/schema.ts';
import { laneOf } from '../../core/lanes.ts';
import { type Lane, LANES } from '../../core/names.ts';
import type { Ceiling } from './ceiling.ts';
import { countPerSecond, growthOf, type Percentiles, percentilesOf } from './figures.ts';
import { drawPicture, type Panel, type Point } from './picture.ts';
import type { SoakLoad, SoakRun } from './soak-run.ts';
import { compareBooks, isSound, type Verdict } from './verdict.ts';

export interface SoakReport {
  sound: boolean;
  options: SoakLoad;
  machine: { processor: string; cores: number; memory: number; node: string; loadAtEnd: number };
  /** Referrals a second that the emulators can do at all; absent if it was not measured. */
  ceiling?: Ceiling;
  /** Referrals a second during the load: meant to be sent, accepted, opened by all their agencies, all answers collected. */
  offered: number;
  accepted: number;
  opened: number;
  answered: number;
  /** Milliseconds from when it was meant to be sent to the answer 202, by lane. */
  accept: Partial<Record<Lane, Percentiles>>;
  /** Milliseconds from the relay's acceptance to the agency's handler, by lane. */
  open: Partial<Record<Lane, Percentiles>>;
  /** Milliseconds by which the driver itself was late. */
  lateness: Percentiles | undefined;
  /** Milliseconds of processor time for each referral. Absent with faults: the relay's process is killed meanwhile. */
  cpu?: { relay: number; driver: number };
  /** Factor by which the relay's memory grew between the second and the last quarter of the load. Absent with faults. */
  growth?: number;
  restAfter: number | null;
  verdict: Verdict;
  samples: SoakRun['samples'];
  marks: SoakRun['marks'];
}

export function createReport(run: SoakRun, options: SoakLoad, ceiling?: Ceiling): SoakReport {
  const { startedAt, hotlines, agencies, samples, marks } = run;
  const { rate, seconds } = options;
  const until = startedAt + seconds * 1000;
  const verdict = compareBooks({ hotlines, agencies });
  const written = [...hotlines.values()].flatMap(({ entries }) => entries);
  const urgencies = new Map<string, Urgency>();
  for (const entry of written) if (entry.kind === 'written') urgencies.set(entry.id, entry.urgency);
  const laneOfId = (id: string): Lane => laneOf(urgencies.get(id) ?? 'routine');

  const accepted = written.flatMap((entry) => (entry.kind === 'accepted' && entry.at >= startedAt ? [entry] : []));
  const mine = new Set(accepted.map(({ id }) => id));
  const opened = [...agencies.values()].flatMap(({ entries }) =>
    entries.flatMap((entry) => (entry.kind === 'opened' && mine.has(entry.id) ? [entry] : [])),
  );
  const answers = written.flatMap((entry) => (entry.kind === 'outcome' && mine.has(entry.id) ? [entry] : []));
  /** Referrals a second, of what was done to them while the load lasted. */
  const rateOf = (done: readonly { at: number }[]): number => {
    const inTime = done.filter(({ at }) => at < until).length / Math.max(1, done.length);
    return (accepted.length * inTime) / seconds;
  };
  const referrals = rate * seconds;
  const byLane = (lane: Lane, values: readonly { id: string; value: number }[]): number[] =>
    values.filter(({ id }) => laneOfId(id) === lane).map(({ value }) => value);
  const lanes = (values: readonly { id: string; value: number }[]): Partial<Record<Lane, Percentiles>> =>
    Object.fromEntries(
      LANES.flatMap((lane) => {
        const found = percentilesOf(byLane(lane, values));
        return found ? [[lane, found]] : [];
      }),
    );

  return {
    sound: isSound(verdict) && run.restAfter !== undefined,
    options,
    machine: {
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memory: Math.round(totalmem() / 2 ** 30),
      node: process.version,
      loadAtEnd: loadavg()[0] ?? 0,
    },
    ...(ceiling && { ceiling }),
    offered: rate,
    accepted: accepted.filter(({ at }) => at < until).length / seconds,
    opened: rateOf(opened),
    answered: rateOf(answers),
    accept: lanes(accepted.map(({ id, took }) => ({ id, value: took }))),
    open: lanes(opened.map(({ id, waited }) => ({ id, value: waited }))),
    lateness: percentilesOf(run.lateness),
    ...(!options.faults && {
      cpu: { relay: (run.cpu.relay * 1000) / referrals, driver: (run.cpu.driver * 1000) / referrals },
      growth: growthOf(samples.filter(({ at }) => at <= seconds).map(({ relayMemory }) => relayMemory)),
    }),
    restAfter: run.restAfter ?? null,
    verdict,
    samples,
    marks,
  };
}

/** @param run that the report is of */
export function drawReport(report: SoakReport, { startedAt, hotlines, agencies }: SoakRun): string {
  const { samples, options } = report;
  const seconds = Math.ceil(Math.max(options.seconds, samples.at(-1)?.at ?? 0));
  const perSecond = (all: readonly number[]): Point[] =>
    smooth(countPerSecond(all, startedAt, seconds)).map((count, second) => [second, count]);
  const sampled = (value: (sample: (typeof samples)[number]) => number): Point[] =>
    samples.map((sample) => [sample.at, value(sample)]);
  const panels: Panel[] = [
    {
      title: 'a second (mean over five)',
      series: [
        { name: 'accepted', points: perSecond(momentsOf(hotlines, 'accepted')) },
        { name: 'opened', points: perSecond(momentsOf(agencies, 'opened')) },
        { name: 'outcomes', points: perSecond(momentsOf(hotlines, 'outcome')) },
      ],
    },
    {
      title: 'messages in queues',
      series: [
        { name: 'dispatch', points: sampled(({ dispatch }) => dispatch) },
        { name: 'agencies', points: sampled(({ agencies }) => agencies) },
        { name: 'hotlines', points: sampled(({ inboxes }) => inboxes) },
      ],
    },
    {
      title: 'resident memory, MB',
      series: [
        { name: 'relay and cloud', points: sampled(({ relayMemory }) => relayMemory) },
        { name: 'driver', points: sampled(({ driverMemory }) => driverMemory) },
      ],
    },
    { title: 'load average of the machine', series: [{ name: 'one minute', points: sampled(({ load }) => load) }] },
  ];
  const heading = `${options.rate} referrals a second for ${options.seconds} s, each to two of ${options.agencies} agencies`;
  return drawPicture(heading, panels, report.marks, seconds);
}

const momentsOf = (books: SoakRun['hotlines'] | SoakRun['agencies'], kind: string): number[] =>
  [...books.values()].flatMap(({ entries }) => entries.flatMap((entry) => (entry.kind === kind ? [entry.at] : [])));

/** Mean of each value, its two neighbours before and its two after. */
const smooth = (values: readonly number[]): number[] =>
  values.map((_, index) => {
    const near = values.slice(Math.max(0, index - 2), index + 3);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });

const figures = (of: Percentiles | undefined): string =>
  of
    ? `p50 ${Math.round(of.p50)}, p90 ${Math.round(of.p90)}, p99 ${Math.round(of.p99)}, max ${Math.round(of.max)} ms (${of.count})`
    : 'none';

const KILLED = 'not measured: with faults the relay is killed meanwhile';

function describeCpu({ cpu, ceiling }: SoakReport): string {
  if (!cpu) return KILLED;
  const own = `${cpu.relay.toFixed(1)} ms a referral in the relay and its cloud, ${cpu.driver.toFixed(1)} ms in all partners`;
  if (!ceiling) return own;
  const { driver, emulators } = ceiling.cpu;
  const share = Math.round((100 * (driver + emulators)) / (cpu.relay + cpu.driver));
  return `${own}; the SDK calls alone cost ${driver.toFixed(1)} ms and the emulators ${emulators.toFixed(1)} ms for them, together ${share} %`;
}

/** The report for a person. */
export function describeReport(report: SoakReport): string {
  const { options, machine, ceiling, verdict } = report;
  const share = (rate: number): string =>
    ceiling ? ` (${Math.round((100 * rate) / ceiling.rate)} % of the ceiling)` : '';
  const { immediate, high } = options.shares;
  return `machine     ${machine.cores} cores of ${machine.processor}, ${machine.memory} GB, Node ${machine.node}; load average ${machine.loadAtEnd.toFixed(1)} at the end
load        ${options.seconds} s, each referral to two of ${options.agencies} agencies, mix ${options.mix}, ${100 * immediate} % immediate, ${100 * high} % high, ${options.faults ? 'with' : 'without'} faults (seed ${options.seed})
ceiling     ${ceiling ? `${ceiling.rate.toFixed(1)} referrals/s: the same SDK calls alone, ${ceiling.concurrency} at a time` : 'not measured'}
offered     ${report.offered.toFixed(1)}/s${share(report.offered)}
accepted    ${report.accepted.toFixed(1)}/s${share(report.accepted)}, ${verdict.accepted} in all
opened      ${report.opened.toFixed(1)}/s by all its agencies${share(report.opened)}, ${verdict.opened} of ${verdict.routes} routes in all
answered    ${report.answered.toFixed(1)}/s, collected by its hotline${share(report.answered)}, ${verdict.outcomes} in all
accept      urgent ${figures(report.accept.urgent)}
            routine ${figures(report.accept.routine)}
to opened   urgent ${figures(report.open.urgent)}
            routine ${figures(report.open.routine)}
driver      late by ${figures(report.lateness)}
processor   ${describeCpu(report)}
memory      ${report.growth === undefined ? KILLED : `of the relay: grew by a factor of ${report.growth.toFixed(2)} between the second and the last quarter`}
at rest     ${report.restAfter === null ? 'never' : `${report.restAfter.toFixed(0)} s after the last submission`}
retries     ${verdict.retries}, duplicates suppressed ${verdict.suppressed}
lost        ${verdict.lost.length}
`;
}
