import { SETTINGS, synthesizeStage } from './synthesized-stage.ts';

/* The service's stack, synthesized once for all tests about it. */

export const service = synthesizeStage([]).stack('service');

export const withEverySetting = synthesizeStage([], {
  settings: {
    ...SETTINGS,
    alarmEmails: ['a@relay.example', 'b@relay.example'],
    domain: {
      name: 'relay.example.org',
      certificateArn: 'arn:aws:acm:eu-west-2:111122223333:certificate/00000000-0000-4000-8000-000000000000',
      hostedZone: { id: 'Z0000000000000000000', name: 'example.org' },
      mutualTls: { bucket: 'relay-trust', key: 'partners.pem', version: 'v1' },
    },
    retention: { contentDays: 14, custodyDays: 60 },
    throttling: { rate: 50, burst: 80 },
    deliverConcurrency: { urgent: 5, routine: 3 },
    logDays: 30,
  },
}).stack('service');
