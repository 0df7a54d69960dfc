import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, type IPolicyValidationPlugin, Validations } from 'aws-cdk-lib';
import * as z from 'zod';
import { type FunctionName, FUNCTIONS } from '../../core/names.ts';
import { loadRegistry, type Registry, type RegistryFile } from '../../core/registry.ts';
import type { Bundles } from '../../lib/bundle.ts';
import { measureStacks, type StackKind } from '../../lib/measure-stacks.ts';
import { createRelayApp } from '../../lib/relay-app.ts';
import { readSettings } from '../../lib/stage-settings.ts';

/* A stage, synthesized as it would be deployed but for the code of its functions, and read back from its templates. */

export const ACCOUNT = '111122223333';
export const REGION = 'eu-west-2';
export const SETTINGS = { account: ACCOUNT, region: REGION, alarmEmails: ['on-call@relay.example'] };

const Resource = z.looseObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DeletionPolicy: z.string().optional(),
  UpdateReplacePolicy: z.string().optional(),
  DependsOn: z.array(z.string()).default([]),
});
const Template = z.looseObject({
  Resources: z.record(z.string(), Resource),
  Outputs: z.record(z.string(), z.looseObject({ Value: z.unknown() })).default({}),
});
export type Template = z.output<typeof Template>;
export type Resource = z.output<typeof Resource>;

export interface SynthesizedStack {
  name: string;
  kind: StackKind;
  template: Template;
  terminationProtection: boolean;
  /** Names of the stacks that are deployed before it. */
  dependencies: string[];
  resources: number;
  bytes: number;
}

export interface SynthesizedStage {
  registry: Registry;
  stacks: SynthesizedStack[];
  /** The stack of `core`, `service` or a partner. */
  stack: (part: string) => SynthesizedStack;
}

export interface SynthesisOptions {
  stage?: string;
  settings?: object;
  /** Stands for the code of the functions. */
  code?: string;
  alarmsIgnored?: boolean;
  plugins?: (app: App) => IPolicyValidationPlugin[];
}

export function synthesizeStage(files: readonly RegistryFile[], options: SynthesisOptions = {}): SynthesizedStage {
  const {
    stage = 'prod',
    settings = SETTINGS,
    code = 'export const handler = () => {};',
    alarmsIgnored,
    plugins,
  } = options;
  const folder = mkdtempSync(join(tmpdir(), 'referral-relay-test-'));
  try {
    const registry = loadRegistry(files);
    const app = createRelayApp({
      stage,
      settings: readSettings('settings', JSON.stringify(settings)),
      registry,
      bundles: stubBundles(folder, code),
      outdir: join(folder, 'out'),
      ...(alarmsIgnored !== undefined && { alarmsIgnored }),
    });
    if (plugins) Validations.of(app).addPlugins(...plugins(app));
    const assembly = app.synth();
    const sizes = new Map(measureStacks(assembly, stage, registry).map((size) => [size.name, size]));
    const stacks = assembly.stacks.map((artifact): SynthesizedStack => {
      const size = sizes.get(artifact.stackName);
      if (!size) throw new Error(`${artifact.stackName} was not measured`);
      return {
        ...size,
        template: Template.parse(artifact.template),
        terminationProtection: artifact.terminationProtection === true,
        dependencies: artifact.dependencies.map(({ id }) => id).filter((id) => sizes.has(id)),
      };
    });
    return {
      registry,
      stacks,
      stack(part) {
        const found = stacks.find(({ name }) => name === `referral-relay-${stage}-${part}`);
        if (!found) throw new Error(`there is no stack ${part}`);
        return found;
      },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function stubBundles(folder: string, code: string): Bundles {
  const bundle = (name: FunctionName): string => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'index.mjs'), `${code} // ${name}`);
    return join(folder, name);
  };
  const [submit, deliver, answer, collect, query, sweep] = FUNCTIONS.map(bundle);
  if (!submit || !deliver || !answer || !collect || !query || !sweep) throw new Error('a function is missing');
  return { submit, deliver, answer, collect, query, sweep };
}

/** The properties of every resource of a type. */
export const propertiesOf = ({ template }: SynthesizedStack, type: string): Record<string, unknown>[] =>
  resourcesOf({ template }, type).map(({ Properties }) => Properties);

export const resourcesOf = ({ template }: Pick<SynthesizedStack, 'template'>, type: string): Resource[] =>
  Object.values(template.Resources).filter((resource) => resource.Type === type);

/** The properties of the one resource of a type whose `property` has this value. */
export function findProperties(
  stack: SynthesizedStack,
  type: string,
  property: string,
  value: unknown,
): Record<string, unknown> {
  const [found, ...others] = propertiesOf(stack, type).filter((properties) => properties[property] === value);
  if (!found || others.length > 0) throw new Error(`${stack.name} has not one ${type} with that ${property}`);
  return found;
}

/**
 * What stands in a template once CloudFormation has filled in references: for a resource its logical id, unless `ids`
 * says what it is called.
 */
export function resolve(value: unknown, ids: Readonly<Record<string, string>> = {}): unknown {
  if (Array.isArray(value)) return value.map((element) => resolve(element, ids));
  if (typeof value !== 'object' || value === null) return value;
  const [[name, argument] = [], ...others] = Object.entries(value);
  if (others.length === 0 && typeof name === 'string') {
    if (name === 'Ref') return ids[String(argument)] ?? argument;
    if (name === 'Fn::GetAtt') return Array.isArray(argument) ? argument.join('.') : argument;
    if (name === 'Fn::Join' && Array.isArray(argument)) {
      const [separator, parts] = argument;
      const resolved = resolve(parts, ids);
      return Array.isArray(resolved) ? resolved.join(String(separator)) : undefined;
    }
  }
  return Object.fromEntries(Object.entries(value).map(([member, inner]) => [member, resolve(inner, ids)]));
}

/** Logical ids of the resources of a type. */
export const idsOf = ({ template }: SynthesizedStack, type: string): string[] =>
  Object.entries(template.Resources).flatMap(([id, { Type }]) => (Type === type ? [id] : []));
