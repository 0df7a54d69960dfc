import * as z from 'zod';
import { toTable } from '../../ops/table.ts';

/* What the contract came to, read from vitest's report: which cases each backend has passed, port by port. */

const VitestReport = z.object({
  testResults: z.array(
    z.object({
      message: z.string().default(''),
      assertionResults: z.array(
        z.object({
          ancestorTitles: z.array(z.string()),
          title: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

export interface Case {
  backend: string;
  port: string;
  title: string;
  status: 'passed' | 'failed' | 'skipped';
}

const PORT = 'the contract of ';

/** @param json of vitest's reporter `json` */
export function readCases(json: unknown): Case[] {
  return VitestReport.parse(json).testResults.flatMap(({ assertionResults }) =>
    assertionResults.flatMap(({ ancestorTitles: [backend, group], title, status }) =>
      backend !== undefined && group?.startsWith(PORT)
        ? [{ backend, port: group.slice(PORT.length), title, status: toStatus(status) }]
        : [],
    ),
  );
}

const toStatus = (status: string): Case['status'] => (status === 'passed' || status === 'failed' ? status : 'skipped');

/** From what is nearest to what counts. */
const ORDER = ['the doubles', 'the embedded cloud', 'AWS'];

const nameOf = ({ port, title }: Case): string => `${port}: ${title}`;

/**
 * Why the contract has not been held, a line each; none if every backend that ran has passed the same cases. One of which
 * every case was skipped has not run.
 */
export function findFaults(cases: readonly Case[]): string[] {
  const backends = Map.groupBy(cases, ({ backend }) => backend);
  const ran = [...backends].filter(([, own]) => own.some(({ status }) => status !== 'skipped'));
  if (ran.length < 2) return [`only ${ran.length} of ${backends.size} backends ran: there is nothing to compare`];
  const all = [...new Set(cases.map(nameOf))].sort();
  return ran.flatMap(([backend, own]) => {
    const statuses = new Map(own.map((one) => [nameOf(one), one.status]));
    return all.flatMap((name) => {
      const status = statuses.get(name) ?? 'not there';
      return status === 'passed' ? [] : [`${backend}: ${status}: ${name}`];
    });
  });
}

/** How many cases each backend has passed, by port. */
export function describeCases(cases: readonly Case[]): string {
  const backends = [...new Set(cases.map(({ backend }) => backend))].sort(
    (a, b) => ORDER.findIndex((name) => a.startsWith(name)) - ORDER.findIndex((name) => b.startsWith(name)),
  );
  const ports = [...new Set(cases.map(({ port }) => port))];
  const cell = (backend: string, port?: string): string => {
    const own = cases.filter((one) => one.backend === backend && (port === undefined || one.port === port));
    const count = (status: Case['status']): number => own.filter((one) => one.status === status).length;
    const parts = [
      `${count('passed')}`,
      ...(count('failed') > 0 ? [`${count('failed')} failed`] : []),
      ...(count('skipped') > 0 ? [`${count('skipped')} skipped`] : []),
    ];
    return parts.join(', ');
  };
  return toTable([
    ['port', ...backends],
    ...ports.map((port) => [port, ...backends.map((backend) => cell(backend, port))]),
    ['together', ...backends.map((backend) => cell(backend))],
  ]);
}
