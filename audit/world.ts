import { loadRegistry, type Partner, type RegistryFile } from '../core/registry.ts';
import { ownKeysOf } from '../lib/own-keys.ts';
import { placeOf } from '../lib/place.ts';
import type { StageSettings } from '../lib/stage-settings.ts';
import { synthesizeStage } from '../test/support/synthesized-stage.ts';
import { type Deployment, readDeployment } from './deployment.ts';
import { surround, type World } from './surroundings.ts';

export interface StageSources {
  /** Of the stage. */
  name: string;
  settings: StageSettings;
  files: readonly RegistryFile[];
}

/** A key that a partner brings is the same for all stages. */
const hasKeyHere = (partner: Partner): boolean => ownKeysOf(partner).length === 0;

/** Synthesizes the stage, and beside it in the same account another one with a hotline and an agency of the same names. */
export function readWorld({ name, settings, files }: StageSources): World {
  const { hotlines, agencies } = loadRegistry(files);
  const twins = new Set([[...hotlines.values()].find(hasKeyHere)?.id, [...agencies.values()].find(hasKeyHere)?.id]);
  const another = {
    name: name === 'another' ? 'other' : 'another',
    settings,
    files: files.filter((file) => twins.has(file.name.replace('.json', ''))),
  };
  return surround(deploy({ name, settings, files }), deploy(another), settings.operators);
}

const deploy = ({ name, settings, files }: StageSources): Deployment =>
  readDeployment(placeOf(name, settings), synthesizeStage(files, { stage: name, settings }));
