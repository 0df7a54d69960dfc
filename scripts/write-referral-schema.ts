import { writeFile } from 'node:fs/promises';
import * as z from 'zod';
import { Referral } from '../core/referral.ts';
import { readOptions } from '../local/command-line.ts';

const HELP = `Writes docs/referral.schema.json, the JSON Schema that is part of the protocol (section 1). A test fails while the
file differs from the code.

Usage: npm run docs:schema [-- --help]`;

export const SCHEMA_FILE = new URL('../docs/referral.schema.json', import.meta.url);

/** The JSON Schema (draft 2020-12) of a referral, as text. */
export function referralSchema(): string {
  const { $schema, ...schema } = z.toJSONSchema(Referral, { target: 'draft-2020-12', override: refuseFinalBreak });
  return `${JSON.stringify({ $schema, $id: 'urn:referral-relay:schema:referral/1', ...schema }, null, 2)}\n`;
}

/** In Python, Java and others `$` matches before a final line break as well; what is not to have one says so apart. */
function refuseFinalBreak({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const { pattern } = jsonSchema;
  if (pattern !== undefined && !new RegExp(pattern).test('\n')) jsonSchema.not = { pattern: String.raw`\n` };
}

if (import.meta.main) {
  readOptions(HELP, {});
  await writeFile(SCHEMA_FILE, referralSchema());
}
