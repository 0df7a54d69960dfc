import type { KeyObject } from 'node:crypto';
import type { Call, Reply, Transport } from '../../client/transport.ts';
import { thumbprint } from '../../core/keys.ts';
import type { Signer } from './envelope.ts';

export interface ListedKey {
  signer: Signer;
  retiredAt?: string;
  compromisedAt?: string;
}

/** A key as the directory lists it. */
export const listed = ({ signer, ...dates }: ListedKey) => ({
  kid: signer.kid,
  jwk: signer.record.jwk,
  ...dates,
});

export const agency = (id: string, keys: ListedKey[], more: object = {}) => ({
  id,
  countries: [],
  fallback: false,
  forwards: false,
  keys: keys.map(listed),
  ...more,
});

export const hotline = (id: string, keys: ListedKey[]) => ({ id, keys: keys.map(listed) });

/** An intake key of the caller, from its public half. */
export function intake(key: KeyObject, current = true) {
  const { n, e } = key.export({ format: 'jwk' });
  const jwk = { kty: 'RSA' as const, n: n ?? '', e: 'AQAB' as const };
  if (e !== jwk.e) throw new Error('not the exponent of intake keys');
  return { kid: thumbprint(jwk), jwk, current };
}

/** A transport that answers `GET /v1/directory` with `document`, honouring `If-None-Match`, and counts what it did. */
export class DirectoryTransport implements Transport {
  readonly calls: Call[] = [];
  /** Answers given with a body. */
  sent = 0;
  document: object;
  failure: Error | undefined;

  constructor(document: object) {
    this.document = document;
  }

  call(call: Call): Promise<Reply> {
    this.calls.push(call);
    if (this.failure) return Promise.reject(this.failure);
    const etag = `"${JSON.stringify(this.document).length}"`;
    const headers = new Headers({ etag });
    if (call.headers?.['if-none-match'] === etag) return Promise.resolve({ status: 304, headers, body: undefined });
    this.sent += 1;
    return Promise.resolve({ status: 200, headers, body: structuredClone(this.document) });
  }
}
