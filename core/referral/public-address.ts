/**
 * Whether a valid IP address can belong to a subscriber: not private, shared (carrier-grade NAT), loopback,
 * link-local, multicast or reserved (RFC 6890). Addresses set aside for documentation count as public, since samples
 * and tests are made of them.
 */
export const isPublicAddress = (address: string): boolean =>
  address.includes(':') ? isGlobalUnicast(address) : !NOT_PUBLIC.some((isWithin) => isWithin(...octetsOf(address)));

/** All that has been assigned of IPv6 lies in 2000::/3 (RFC 4291 section 2.4, IANA). */
const isGlobalUnicast = (address: string): boolean => (Number.parseInt(address, 16) & 0xe000) === 0x2000;

const NOT_PUBLIC: readonly ((first: number, second: number) => boolean)[] = [
  (first) => first === 0 || first === 10 || first === 127 || first >= 224,
  (first, second) => first === 100 && second >= 64 && second < 128,
  (first, second) => first === 169 && second === 254,
  (first, second) => first === 172 && second >= 16 && second < 32,
  (first, second) => first === 192 && second === 168,
];

function octetsOf(address: string): [number, number] {
  const [first = 0, second = 0] = address.split('.').map(Number);
  return [first, second];
}
