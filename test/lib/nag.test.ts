import { App, Stack, Validations } from 'aws-cdk-lib';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateRegistryFiles } from '../support/generated-registry.ts';
import { ACCOUNT, REGION, SETTINGS, synthesizeStage } from '../support/synthesized-stage.ts';

describe('AwsSolutions of cdk-nag', () => {
  it('finds nothing that is not acknowledged with a reason', () => {
    // The last hotline and the last agency bring keys of their own.
    const files = generateRegistryFiles({ hotlines: 20, agencies: 10 });
    const domain = {
      name: 'relay.example',
      certificateArn: `arn:aws:acm:${REGION}:${ACCOUNT}:certificate/00000000-0000-4000-8000-000000000000`,
      hostedZone: { id: 'Z0123456789EXAMPLE', name: 'relay.example' },
      mutualTls: { bucket: 'relay-example-trust', key: 'authorities.pem' },
    };
    const settings = { ...SETTINGS, operators: [`arn:aws:iam::${ACCOUNT}:role/on-call`], domain };
    const stage = synthesizeStage(files, { settings, plugins: (app) => [new AwsSolutionsChecks(app)] });
    expect(stage.stacks).toHaveLength(32);
  });

  it('does find what is wrong', () => {
    const outdir = mkdtempSync(join(tmpdir(), 'referral-relay-test-'));
    try {
      const app = new App({ outdir, analyticsReporting: false });
      const stack = new Stack(app, 'plain');
      expect(new CfnQueue(stack, 'Queue').node.path).toBe('plain/Queue');
      Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
      expect(() => app.synth()).toThrow(/AwsSolutions-SQS4/);
    } finally {
      rmSync(outdir, { recursive: true });
    }
  });
});
