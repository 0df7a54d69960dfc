import { describe, expect, it } from 'vitest';
import type { TelemetryEvent } from '../../core/ports.ts';
import { createTelemetry } from '../../lambda/telemetry.ts';

function record(event: TelemetryEvent, fields?: Record<string, string | number>): Record<string, unknown> {
  const lines: string[] = [];
  const telemetry = createTelemetry({
    stage: 'prod',
    functionName: 'deliver',
    write: (line) => lines.push(line),
    now: () => Date.parse('2026-11-23T09:30:00.000Z'),
  });
  telemetry.record(event, fields);
  const [line = '', ...others] = lines;
  expect(others).toEqual([]);
  expect(line).not.toContain('\n');
  return JSON.parse(line);
}

describe('telemetry', () => {
  it('writes one line with the event and its fields, and counts it by stage', () => {
    const fields = {
      hotline: 'gb-hotline',
      id: '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e',
      agency: 'de-police',
      failures: 3,
    };
    expect(record('delivery-failed', { ...fields, cause: 'DisabledException' })).toEqual({
      ...fields,
      cause: 'DisabledException',
      timestamp: '2026-11-23T09:30:00.000Z',
      level: 'WARN',
      event: 'delivery-failed',
      function: 'deliver',
      Stage: 'prod',
      'delivery-failed': 1,
      _aws: {
        Timestamp: 1_795_426_200_000,
        CloudWatchMetrics: [
          {
            Namespace: 'ReferralRelay',
            Dimensions: [['Stage']],
            Metrics: [{ Name: 'delivery-failed', Unit: 'Count' }],
          },
        ],
      },
    });
  });

  it('writes how many immediate referrals are unopened, by agency as well, for the alarm of each', () => {
    expect(record('unopened-immediate', { agency: 'de-police', count: 3, minutes: 16 })).toMatchObject({
      level: 'WARN',
      Agency: 'de-police',
      'unopened-immediate': 3,
      _aws: { CloudWatchMetrics: [{ Dimensions: [['Stage'], ['Stage', 'Agency']] }] },
    });
  });

  it.each([
    ['accepted', 'INFO'],
    ['swept', 'INFO'],
    ['unopened', 'WARN'],
    ['undeliverable', 'WARN'],
    ['failed', 'ERROR'],
  ] as const)('writes %s at level %s', (event, level) => {
    expect(record(event)).toMatchObject({ event, level, [event]: 1 });
  });

  it.each([
    ['a sealed referral', `${'e'.repeat(200)}.${'f'.repeat(400)}`],
    ['a statement', `eyJ.${'x'.repeat(300)}.${'y'.repeat(86)}`],
    ['a body', '{"victim":"somebody"}'],
    ['several lines', 'one\ntwo'],
    ['an address', 'somebody@example.org'],
  ])('withholds %s', (_title, value) => {
    expect(record('failed', { code: value })).toMatchObject({ code: '(withheld)' });
  });

  it.each(['DE,CA', 'gb-hotline#019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e route#de-police', '2026-11-23T09:30:00.000Z'])(
    'writes %s as it is',
    (value) => {
      expect(record('failed', { code: value })).toMatchObject({ code: value });
    },
  );

  it('lets no field stand for what it writes itself', () => {
    expect(record('accepted', { level: 'ERROR', Stage: 'dev', accepted: 100, _aws: 'x' })).toMatchObject({
      level: 'INFO',
      Stage: 'prod',
      accepted: 1,
      _aws: { Timestamp: 1_795_426_200_000 },
    });
  });
});
