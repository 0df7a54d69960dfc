import { App, Stack, Validations } from 'aws-cdk-lib';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateRegistryFiles } from '../support/generated-registry.ts';
import { synthesizeStage } from '../support/synthesized-stage.ts';

describe('AwsSolutions of cdk-nag', () => {
  it('finds nothing that is not acknowledged with a reason', () => {
    const files = generateRegistryFiles({ hotlines: 1, agencies: 5 });
    const stage = synthesizeStage(files, { plugins: (app) => [new AwsSolutionsChecks(app)] });
    expect(stage.stacks).toHaveLength(8);
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
