import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/*
 * Certificates and revocation lists made at run time (RFC 5280, in DER): just enough for what reads a CA's certificate.
 */

const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const size = content.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
};

const sequence = (...parts: Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), bytes);
const time = (at: Date): Buffer => der(0x18, Buffer.from(at.toISOString().replaceAll(/[-:T]|\.\d+/g, '')));
const name = (commonName: string): Buffer =>
  sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))));
const extension = (id: string, value: Buffer): Buffer =>
  sequence(oid(id), der(0x01, Buffer.from([0xff])), der(0x04, value));

const ED25519 = sequence(oid('2b6570'));

const signed = (body: Buffer, key: KeyObject): Buffer => sequence(body, ED25519, bits(sign(null, body, key)));

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${(bytes.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END ${label}-----\n`;

const FROM = new Date('2026-01-01T00:00:00Z');
const UNTIL = new Date('2046-01-01T00:00:00Z');

export interface TestAuthority {
  /** In PEM. */
  certificate: string;
  /** A revocation list that names no certificate, in PEM. */
  revocations: string;
}

/** A certificate authority with a new key; with `isCa` false, a certificate that may not issue others. */
export function createAuthority(commonName: string, isCa = true): TestAuthority {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const extensions = [
    extension('551d13', sequence(...(isCa ? [der(0x01, Buffer.from([0xff]))] : []))),
    extension('551d0f', bits(Buffer.from([isCa ? 0x06 : 0x80]), isCa ? 1 : 7)),
    sequence(oid('551d0e'), der(0x04, der(0x04, createHash('sha1').update(spki).digest()))),
  ];
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)]);
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ED25519,
    name(commonName),
    sequence(time(FROM), time(UNTIL)),
    name(commonName),
    spki,
    der(0xa3, sequence(...extensions)),
  );
  const revocationBody = sequence(der(0x02, Buffer.from([1])), ED25519, name(commonName), time(FROM), time(UNTIL));
  return {
    certificate: pem('CERTIFICATE', signed(body, privateKey)),
    revocations: pem('X509 CRL', signed(revocationBody, privateKey)),
  };
}
