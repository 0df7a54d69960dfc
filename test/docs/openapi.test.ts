import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ENDPOINTS, matchEndpoint } from '../../core/endpoints.ts';
import { ERRORS } from '../../core/errors.ts';
import { errorsOf } from '../../scripts/openapi/operations.ts';
import { type Exchange, playJourney } from '../../scripts/protocol-examples/journey.ts';
import { OPENAPI_FILE, openapiText } from '../../scripts/write-openapi.ts';

/* The published description, held against the code and against what the code really answers. */

const text = readFileSync(OPENAPI_FILE, 'utf8');

const Content = z.object({ content: z.record(z.string(), z.object({ schema: z.object({ $ref: z.string() }) })) });
const Operation = z.object({
  operationId: z.string(),
  requestBody: Content.optional(),
  responses: z.record(z.string(), z.object({ description: z.string(), ...Content.partial().shape })),
});
const Description = z.object({
  paths: z.record(z.string(), z.record(z.string(), Operation)),
  components: z.object({ schemas: z.record(z.string(), z.looseObject({})) }),
});
const description = Description.parse(JSON.parse(text));
const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
);

const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
ajv.addKeyword('components');
/**
 * The components, but closed: what the relay answers today must be described, though later versions may add to it. An
 * item of the inbox stays open, since `Received` adds its receipt.
 */
const { InboxItem, ...others } = description.components.schemas;
ajv.addSchema({ $id: 'openapi', components: { schemas: { InboxItem, ...mapMembers(others, closed) } } });

/** A copy in which no object has other members than it lists; where several lists apply to one object, it is left open. */
function closed(schema: unknown, key?: string): unknown {
  if (Array.isArray(schema)) return key === 'allOf' ? schema : schema.map((one) => closed(one));
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = mapMembers(schema, closed);
  return 'type' in copy && 'properties' in copy ? { additionalProperties: false, ...copy } : copy;
}

function mapMembers(value: object, map: (member: unknown, key: string) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, map(member, key)]));
}

function faultsOf(reference: string | undefined, value: unknown): unknown[] {
  const validate = ajv.getSchema(`openapi${reference}`);
  if (!validate) throw new Error(`there is no schema ${reference}`);
  return validate(value) ? [] : (validate.errors ?? []);
}

const journey = await playJourney();
const exchanges = Object.entries(journey).flatMap(([name, value]): [string, Exchange][] =>
  typeof value === 'object' && 'response' in value ? [[name, value]] : [],
);

describe('docs/openapi.json', () => {
  it('is what the code says: otherwise run "npm run docs:openapi"', async () => {
    expect(text).toBe(await openapiText());
  });

  it('has every call of the API and no other', () => {
    const described = operations.map(({ operationId, method, path }) => `${operationId} ${method} ${path}`);
    const calls = ENDPOINTS.map(({ name, method, path }) => `${name} ${method} ${path}`);
    expect(described.sort()).toEqual(calls.sort());
  });

  it('mentions every code with which the relay refuses', () => {
    const mentioned = new Set(ENDPOINTS.flatMap((endpoint) => errorsOf(endpoint)));
    expect([...mentioned].sort()).toEqual(Object.keys(ERRORS).sort());
  });

  it('is compiled by a validator, schema by schema', () => {
    for (const name of Object.keys(description.components.schemas)) {
      expect(() => faultsOf(`#/components/schemas/${name}`, null)).not.toThrow();
    }
  });
});

describe('What the relay is sent and answers in the worked examples', () => {
  it('covers every call', () => {
    const called = exchanges.map(([, { request }]) => matchEndpoint(request.method, request.path)?.endpoint.name);
    expect(new Set(called)).toEqual(new Set(ENDPOINTS.map(({ name }) => name)));
  });

  it.each(exchanges)('is described: %s', (_, { request, response }) => {
    const endpoint = matchEndpoint(request.method, request.path)?.endpoint;
    const operation = operations.find(({ operationId }) => operationId === endpoint?.name);
    const answer = operation?.responses[String(response.status)];
    const type = response.headers['content-type'] ?? '';
    expect(answer?.content?.[type]).toBeDefined();
    expect(faultsOf(answer?.content?.[type]?.schema.$ref, JSON.parse(response.body))).toEqual([]);
    if (response.status < 300 && request.method === 'POST') {
      const body: unknown = JSON.parse(Buffer.from(request.body).toString());
      expect(faultsOf(operation?.requestBody?.content['application/json']?.schema.$ref, body)).toEqual([]);
    }
  });

  it.each([
    { schema: 'OutcomeStatement', value: journey.outcome.payload },
    { schema: 'RouteStatement', value: journey.route.payload },
    { schema: 'WithdrawStatement', value: journey.withdraw.payload },
    { schema: 'ReferralMessage', value: journey.message },
    { schema: 'ReferralMessage', value: journey.sentOn },
    { schema: 'WithdrawnMessage', value: journey.withdrawn },
  ])('is described: a $schema', ({ schema, value }) => {
    expect(faultsOf(`#/components/schemas/${schema}`, value)).toEqual([]);
  });

  it.each([
    { title: 'a submission with a further member', schema: 'Submission', change: { more: 1 } },
    { title: 'a submission without an id', schema: 'Submission', change: { id: undefined } },
    { title: 'a country twice', schema: 'Submission', change: { routing: { suspect: ['DE', 'DE'], victim: [] } } },
  ])('would not have been described: $title', ({ schema, change }) => {
    const body: unknown = JSON.parse(Buffer.from(journey.submission.request.body).toString());
    const changed: unknown = JSON.parse(JSON.stringify(Object.assign({}, body, change)));
    expect(faultsOf(`#/components/schemas/${schema}`, changed)).not.toEqual([]);
  });

  it.each([
    { title: 'an outcome with the reason of another status', change: { reason: 'arrest' } },
    { title: 'an outcome without its reason', change: { reason: undefined } },
    { title: 'countries where none belong', change: { countries: ['DE'] } },
    { title: 'opened with a reason', change: { status: 'opened' } },
  ])('would not have been described: $title', ({ change }) => {
    const changed: unknown = JSON.parse(JSON.stringify({ ...journey.outcome.payload, ...change }));
    expect(faultsOf('#/components/schemas/OutcomeStatement', changed)).not.toEqual([]);
  });
});
