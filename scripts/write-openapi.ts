import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { readOptions } from '../local/command-line.ts';
import { paths } from './openapi/operations.ts';
import { componentSchemas } from './openapi/schemas.ts';

const HELP = `Writes docs/openapi.json, the HTTP part of the protocol in OpenAPI 3.1. A test fails while the file differs from
the code.

Usage: npm run docs:openapi [-- --help]`;

export const OPENAPI_FILE = new URL('../docs/openapi.json', import.meta.url);

const header = (name: string, description: string, required: boolean): object => ({
  name,
  in: 'header',
  description,
  required,
  schema: { type: 'string' },
});

export const openapi = (): object => ({
  openapi: '3.1.1',
  info: {
    title: 'Referral relay',
    version: '1',
    summary: 'Carries sealed referrals from hotlines to law-enforcement agencies, and their answers back.',
    description:
      'The HTTP calls of the protocol, version 1. The protocol page (docs/protocol.md) is normative; sections named here are its sections. Its examples, whole, are in docs/protocol-vectors.json.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [
    {
      url: 'https://{authority}',
      variables: { authority: { default: 'relay.example', description: 'What the operator hands a partner.' } },
    },
  ],
  security: [{ MessageSignature: [] }],
  paths: paths(),
  components: {
    securitySchemes: {
      MessageSignature: {
        type: 'apiKey',
        in: 'header',
        name: 'Signature',
        description: 'HTTP Message Signatures (RFC 9421) in the profile of section 6; not a key that is sent.',
      },
    },
    parameters: {
      SignatureInput: header('Signature-Input', 'What is signed, by whom and when (RFC 9421, section 6).', true),
      ContentDigest: header('Content-Digest', 'sha-256 or sha-512 over the bytes of the body (RFC 9530).', true),
      IfNoneMatch: header('If-None-Match', 'The ETag of an earlier answer.', false),
    },
    schemas: componentSchemas(),
  },
});

/** The description as text. */
export async function openapiText(): Promise<string> {
  const filepath = fileURLToPath(OPENAPI_FILE);
  return format(JSON.stringify(openapi(), null, 2), { ...(await resolveConfig(filepath)), filepath });
}

if (import.meta.main) {
  readOptions(HELP, {});
  await writeFile(OPENAPI_FILE, await openapiText());
}
