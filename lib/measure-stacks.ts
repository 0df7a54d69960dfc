import { statSync } from 'node:fs';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { stackName } from '../core/names.ts';
import type { Registry } from '../core/registry.ts';

/** Well below what CloudFormation takes: 500 resources and 1 MB a stack (CloudFormation quotas). */
export const STACK_BOUNDS = { resources: 450, bytes: 900_000 } as const;

export type StackKind = 'core' | 'hotline' | 'agency' | 'service';

export interface StackSize {
  name: string;
  kind: StackKind;
  resources: number;
  /** Of the template as it is uploaded. */
  bytes: number;
}

/** Every stack of a synthesized stage with its size. */
export function measureStacks(assembly: CloudAssembly, stage: string, registry: Registry): StackSize[] {
  const kinds = new Map<string, StackKind>([
    [stackName(stage, 'core'), 'core'],
    [stackName(stage, 'service'), 'service'],
    ...Array.from(registry.hotlines.keys(), (id) => [stackName(stage, id), 'hotline'] as const),
    ...Array.from(registry.agencies.keys(), (id) => [stackName(stage, id), 'agency'] as const),
  ]);
  return assembly.stacks.map(({ stackName: name, template, templateFullPath }) => {
    const kind = kinds.get(name);
    if (!kind) throw new Error(`${name} is no stack of the stage ${stage}`);
    return { name, kind, resources: countResources(template), bytes: statSync(templateFullPath).size };
  });
}

const countResources = (template: { Resources?: object }): number => Object.keys(template.Resources ?? {}).length;
