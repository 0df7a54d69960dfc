import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { RegistryError } from '../core/registry.ts';
import { bundleFunctions } from './bundle.ts';
import { createRelayApp } from './relay-app.ts';
import { loadStage, StageError } from './stage-settings.ts';

/*
 * What `npx cdk` runs. `npx cdk deploy --all` deploys the whole stage, in order; `npx cdk deploy -e <stack>` one stack.
 */

const root = join(import.meta.dirname, '..');
const bundleFolder = mkdtempSync(join(tmpdir(), 'referral-relay-'));
try {
  // The CDK command hands the context to every app; this one is only asked for it.
  const stage = loadStage(root, new App({ autoSynth: false }).node.tryGetContext('stage'));
  const bundles = bundleFunctions(root, stage.registryFiles, bundleFolder);
  const { settings, registry } = stage;
  createRelayApp({ stage: stage.name, settings, registry, bundles }).synth();
} catch (error) {
  if (!(error instanceof StageError) && !(error instanceof RegistryError)) throw error;
  process.stderr.write(`\n${error.message}\n\n`);
  process.exitCode = 1;
} finally {
  rmSync(bundleFolder, { recursive: true });
}
