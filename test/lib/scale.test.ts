import { describe, expect, it } from 'vitest';
import { STACK_BOUNDS } from '../../lib/measure-stacks.ts';
import { generateRegistryFiles } from '../support/generated-registry.ts';
import { type SynthesizedStage, synthesizeStage } from '../support/synthesized-stage.ts';

const files = generateRegistryFiles({ hotlines: 60, agencies: 250 });
const whole = synthesizeStage(files);
const templates = ({ stacks }: SynthesizedStage, except: string[] = []) =>
  Object.fromEntries(stacks.filter(({ name }) => !except.includes(name)).map(({ name, template }) => [name, template]));

describe('60 hotlines and 250 agencies', () => {
  it('are a stack each, beside the core and the service', () => {
    const kinds = whole.stacks.map(({ kind }) => kind);
    const count = (kind: string) => kinds.filter((one) => one === kind).length;
    expect([count('core'), count('service'), count('hotline'), count('agency')]).toEqual([1, 1, 60, 250]);
  });

  it('stay far below what CloudFormation takes of a stack', () => {
    const beyond = whole.stacks.filter(
      ({ resources, bytes }) => resources > STACK_BOUNDS.resources || bytes > STACK_BOUNDS.bytes,
    );
    expect(beyond.map(({ name }) => name)).toEqual([]);
    expect(Math.max(...whole.stacks.map(({ resources }) => resources))).toBeGreaterThan(10);
  });

  it('make neither the roles of the functions nor the service any larger', () => {
    const none = synthesizeStage([]);
    expect(whole.stack('core').template).toEqual(none.stack('core').template);
    expect(whole.stack('service').template).toEqual(none.stack('service').template);
  });
});

describe('a partner in the middle', () => {
  const few = generateRegistryFiles({ hotlines: 3, agencies: 4 });
  const all = synthesizeStage(few);

  it.each(few.map(({ name }) => name).filter((_, index) => index === 1 || index === 4))(
    '%s comes and goes without any other stack changing',
    (file) => {
      const name = `referral-relay-prod-${file.replace('.json', '')}`;
      const without = synthesizeStage(few.filter((one) => one.name !== file));
      expect(Object.keys(templates(all))).toContain(name);
      expect(templates(without)).toEqual(templates(all, [name]));
    },
  );

  it('that rotates its key changes its own stack only', () => {
    const [first] = few;
    if (!first) throw new Error('no partner');
    const text = first.text.replace('[{"generation":1}]', '[{"generation":1},{"generation":2}]');
    expect(text).not.toBe(first.text);
    const name = `referral-relay-prod-${first.name.replace('.json', '')}`;
    const rotated = synthesizeStage([{ name: first.name, text }, ...few.slice(1)]);
    expect(templates(rotated, [name])).toEqual(templates(all, [name]));
    const before = all.stacks.find((stack) => stack.name === name)?.template.Resources;
    const after = rotated.stacks.find((stack) => stack.name === name)?.template.Resources;
    expect(after).toMatchObject(before ?? {});
    expect(Object.keys(after ?? {})).toHaveLength(Object.keys(before ?? {}).length + 2);
  });
});

/** A resource without the two places where a new version of the code shows. */
const withoutCode = (resource: { Type: string; Properties: Record<string, unknown> }): unknown => {
  const { Code: _code, FunctionVersion: _version, ...properties } = resource.Properties;
  const isFunction = resource.Type === 'AWS::Lambda::Function' || resource.Type === 'AWS::Lambda::Alias';
  return isFunction ? { Type: resource.Type, properties } : { Type: resource.Type, properties: resource.Properties };
};

/** The service but for its code and the versions of it. */
const withoutVersions = (stage: SynthesizedStage) =>
  Object.entries(stage.stack('service').template.Resources)
    .filter(([, { Type }]) => Type !== 'AWS::Lambda::Version')
    .map(([id, resource]) => [id, withoutCode(resource)]);

describe('a change to the code, the registry beside it included', () => {
  it('changes of the service the code and its versions alone, and no other stack', () => {
    const files = generateRegistryFiles({ hotlines: 1, agencies: 1 });
    const before = synthesizeStage(files, { code: 'export const handler = () => 1;' });
    const after = synthesizeStage(files, { code: 'export const handler = () => 2;' });
    expect(templates(after, [after.stack('service').name])).toEqual(templates(before, [before.stack('service').name]));
    expect(withoutVersions(after)).toEqual(withoutVersions(before));
    expect(after.stack('service').template).not.toEqual(before.stack('service').template);
  });
});

const names = (stage: SynthesizedStage): string[] =>
  stage.stacks.flatMap(({ template }) =>
    Object.values(template.Resources).flatMap(({ Properties }) =>
      Object.entries(Properties).flatMap(([property, value]) =>
        /^(?!Domain)\w*Name$/.test(property) && typeof value === 'string' && value.includes('referral-relay')
          ? [`${property} ${value}`]
          : [],
      ),
    ),
  );

describe('two stages in one account', () => {
  const few = generateRegistryFiles({ hotlines: 2, agencies: 3 });
  const stages = ['prod', 'test'].map((stage) => synthesizeStage(few, { stage }));

  it('share no name of anything', () => {
    const [prod = [], test = []] = stages.map(names);
    expect(prod.length).toBeGreaterThan(50);
    expect(prod.filter((name) => test.includes(name))).toEqual([]);
  });

  it('export nothing, whose names an account has but once', () => {
    const outputs = stages.flatMap(({ stacks }) => stacks.flatMap(({ template }) => Object.values(template.Outputs)));
    expect(outputs.length).toBeGreaterThan(10);
    expect(outputs.filter((output) => 'Export' in output)).toEqual([]);
  });
});
