import type * as z from 'zod/mini';
import { decodeBase64url } from './base64url.ts';
import { parseJson } from './json.ts';
import { toFaults } from './schema.ts';

/** Characters; the headers of the protocol have fewer than 180. Bounds what is parsed and what a fault may quote. */
const LONGEST = 512;

/**
 * A protected header of the protocol: "header exactly" is that set of members, in any order, in canonical base64url and
 * serialised without white space. What no member allows (`crit`, `zip`, `jwk`, `jku`, `x5u`, …) is thereby refused.
 * @param schema a strict object whose members are strings
 * @throws {SyntaxError} with a clause that names the fault, to follow "the protected header"
 */
export function readExactHeader<T extends z.ZodMiniType>(segment: string, schema: T): z.output<T> {
  if (segment.length > LONGEST) throw new SyntaxError('is too long');
  const bytes = decodeBase64url(segment);
  if (bytes === undefined) throw new SyntaxError('is not canonical, unpadded base64url');
  const value = parseHeader(bytes);
  const header = schema.safeParse(value, { reportInput: true });
  if (!header.success) {
    const fault = header.error.issues.flatMap(toFaults)[0];
    throw new SyntaxError(`is wrong: ${fault?.pointer || 'the header'} ${fault?.detail ?? 'is not as required'}`);
  }
  if (JSON.stringify(value) !== bytes.toString()) {
    throw new SyntaxError('must be serialised without white space and without needless escapes');
  }
  return header.data;
}

function parseHeader(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (error) {
    throw new SyntaxError(`is not strict JSON: ${error instanceof Error ? error.message : ''}`, { cause: error });
  }
}
