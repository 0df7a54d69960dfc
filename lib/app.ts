import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { RegistryError } from '../core/registry.ts';
import { bundleFunctions } from './bundle.ts';
import { createRelayApp } from './relay-app.ts';
import { ignoresAlarms, loadStage, StageError } from './stage-settings.ts';

/*
 * What `npx cdk` runs. `npx cdk deploy --all` deploys the whole stage, in order; `npx cdk deploy -e <stack>` one stack.
 * With `-c alarms=ignored`, no alarm stops it.
 */

const root = join(import.meta.dirname, '..');
const bundleFolder = mkdtempSync(join(tmpdir(), 'referral-relay-'));
try {
  // The CDK command hands the context to every app; this one is only asked for it.
  const { node: asked } = new App({ autoSynth: false });
  const stage = loadStage(root, asked.tryGetContext('stage'));
  const alarmsIgnored = ignoresAlarms(asked.tryGetContext('alarms'));
  const bundles = bundleFunctions(root, stage.registryFiles, bundleFolder);
  const { settings, registry } = stage;
  createRelayApp({ stage: stage.name, settings, registry, bundles, alarmsIgnored }).synth();
} catch (error) {
  if (!(error instanceof StageError) && !(error instanceof RegistryError)) throw error;
  process.stderr.write(`\n${error.message}\n\n`);
  process.exitCode = 1;
} finally {
  rmSync(bundleFolder, { recursive: true });
}
