import { countsAt } from '../core/keys.ts';
import type { PartnerDirectory } from '../core/taken-statement.ts';
import type { DirectoryClient } from './directory.ts';
import type { Trust } from './trust.ts';

/**
 * The other partners' keys: listed in the directory, which is asked anew before a key is given up, and confirmed by the
 * user. Rejects with an `UntrustedKeyError` for a key that is listed and not confirmed, and with what the directory
 * throws if it cannot be asked: neither is a verdict about what the key signed.
 */
export function createKeyring(directory: DirectoryClient, trust: Trust): PartnerDirectory {
  return {
    async findKey(partner, kid, takenInAt) {
      const find = async (which: 'current' | 'refresh') =>
        (await directory[which]()).partners.get(partner)?.keys.get(kid);
      const key = (await find('current')) ?? (await find('refresh'));
      // What does not count needs no confirming, and of a compromised key nobody is offered it.
      if (key && countsAt(key, takenInAt)) await trust.require({ ...key, partner, use: 'signing' });
      return key;
    },
    async mayForward(partner) {
      const isForwarder = async (which: 'current' | 'refresh') => {
        const found = (await directory[which]()).partners.get(partner);
        return found !== undefined && 'forwards' in found && found.forwards;
      };
      return (await isForwarder('current')) || isForwarder('refresh');
    },
  };
}
