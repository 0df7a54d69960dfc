import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digest, formatContentDigest, isDigestAlgorithm, parseContentDigest } from '../../core/content-digest.ts';

const SHA_256 = 'RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=';
const SHA_512 = 'YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==';

describe('formatContentDigest', () => {
  it.each([
    ['section 2, appendix B.1', '{"hello": "world"}\n', 'sha-256', SHA_256],
    ['section 2', '{"hello": "world"}\n', 'sha-512', SHA_512],
    ['appendix B.2, no content', '', 'sha-256', '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
    ['appendix B.3, partial content', '"world"}\n', 'sha-256', 'jjcgBDWNAtbYUXI37CVG3gRuGOAjaaDRGpIUFsdyepQ='],
    ['appendix D', '{"hello": "world"}', 'sha-256', 'X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE='],
    [
      'appendix D',
      '{"hello": "world"}',
      'sha-512',
      'WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==',
    ],
  ] as const)('gives what RFC 9530 publishes: %s', (_where, content, algorithm, value) => {
    expect(formatContentDigest(Buffer.from(content), algorithm)).toBe(`${algorithm}=:${value}:`);
  });

  it('is read back by parseContentDigest', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom('sha-256', 'sha-512'), (content, algorithm) => {
        const parsed = parseContentDigest(formatContentDigest(content, algorithm));
        expect([...parsed]).toEqual([[algorithm, new Uint8Array(digest(content, algorithm))]]);
      }),
    );
  });
});

describe('parseContentDigest', () => {
  it('gives every member, also of an algorithm unknown here', () => {
    const parsed = parseContentDigest(`sha-256=:${SHA_256}:,\tsha-512=:${SHA_512}:, md5=:Sd/dVLAcvNLSq16eXua5uQ==:`);
    expect([...parsed.keys()]).toEqual(['sha-256', 'sha-512', 'md5']);
    expect(Buffer.from(parsed.get('sha-512') ?? []).toString('base64')).toBe(SHA_512);
  });

  it.each([
    ['a member twice', `sha-256=:${SHA_256}:, sha-256=:${SHA_256}:`],
    ['two values for one name', `sha-256=:AAAA:, sha-256=:${SHA_256}:`],
    ['base64 without its padding', `sha-256=:${SHA_256.slice(0, -1)}:`],
    ['base64 with stray bits', `sha-256=:${SHA_256.replace('g=', 'h=')}:`],
    ['the URL-safe alphabet', `sha-256=:${SHA_256.replaceAll('/', '_')}:`],
    ['a parameter', `sha-256=:${SHA_256}:;a=1`],
    ['a string', `sha-256="${SHA_256}"`],
    ['a token', 'sha-256=abc'],
    ['an inner list', `sha-256=(:${SHA_256}:)`],
    ['no value', 'sha-256'],
    ['an upper-case name', `SHA-256=:${SHA_256}:`],
    ['the Digest field of RFC 3230', `SHA-256=${SHA_256}`],
    ['a trailing comma', `sha-256=:${SHA_256}:,`],
    ['a line break', `sha-256=:${SHA_256}:,\r\n sha-512=:${SHA_512}:`],
  ])('refuses %s', (_name, field) => {
    expect(() => parseContentDigest(field)).toThrow(SyntaxError);
  });
});

it.each(['constructor', '__proto__', 'toString', 'sha256', 'SHA-256', 'md5', ''])('"%s" is no algorithm', (name) => {
  expect(isDigestAlgorithm(name)).toBe(false);
});
