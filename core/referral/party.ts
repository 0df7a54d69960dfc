import * as z from 'zod';
import { Country, Timestamp } from '../schema.ts';
import { BirthDate, described, Email, IpAddress, line, Phone, Port, someOf, Url } from './values.ts';

/** One use of an address: NCMEC `ipCaptureEvent`. */
export const IpEvent = z
  .strictObject({
    address: IpAddress,
    port: Port.describe(
      'Source port. Behind carrier-grade NAT many subscribers share an IPv4 address, and only the port tells them apart.',
    ).optional(),
    event: z
      .enum(['login', 'registration', 'purchase', 'upload', 'other', 'unknown'])
      .describe('What the address was used for.'),
    at: z.optional(described(Timestamp, 'When. An address without a time identifies nobody.')),
    possibleProxy: z
      .boolean()
      .describe('Whether the address may belong to a proxy, a VPN or an anonymity network.')
      .optional(),
  })
  .meta({ id: 'IpEvent', description: 'One use of an IP address, as the service logged it.' });
export type IpEvent = z.infer<typeof IpEvent>;

/** The user of a service. NCMEC spreads these members over `personOrUserReported`. */
export const Account = z
  .strictObject({
    service: line(256).describe('Name of the service that holds the account; NCMEC espService.'),
    id: line(256).describe("The service's own lasting identifier of the account; NCMEC espIdentifier.").optional(),
    screenName: line(256).describe('The name chosen by the user, as others address it.').optional(),
    displayName: line(256).describe('The name shown beside it.').optional(),
    profileUrl: Url.optional(),
    ipEvents: z.array(IpEvent).max(256).describe('Uses of IP addresses that the service logged.').optional(),
  })
  .meta({ id: 'Account', description: 'An account with an online service.' });
export type Account = z.infer<typeof Account>;

/** NCMEC `deviceId/{idType,idValue}`. */
export const Device = z
  .strictObject({
    type: z
      .enum(['imei', 'imsi', 'iccid', 'mac-address', 'serial-number', 'advertising-id', 'service-device-id', 'other'])
      .describe('What kind of identifier it is.'),
    value: line(256).describe('The identifier.'),
  })
  .meta({ id: 'Device', description: 'An identifier of a device.' });

/** NCMEC `estimatedLocation`. */
export const EstimatedLocation = someOf({
  city: line(256).optional(),
  region: line(256).describe('State, province or county.').optional(),
  country: z.optional(Country),
  verified: z.boolean().describe('Whether somebody has confirmed it.').optional(),
  at: z.optional(described(Timestamp, 'When the person was there.')),
}).meta({ id: 'EstimatedLocation', description: 'Where a person is believed to be or to have been.' });

export const Address = someOf({
  lines: z.array(line(256)).max(6).describe('Street address, line by line.').optional(),
  city: line(256).optional(),
  region: line(256).describe('State, province or county.').optional(),
  postalCode: line(32).optional(),
  country: z.optional(Country),
}).meta({ id: 'Address', description: 'A postal address, as far as it is known.' });

/** A person who took part: NCMEC `personOrUserReported`, `victim`, `intendedRecipient`. */
export const Party = someOf({
  name: line(256).optional(),
  emails: z.array(Email).max(32).optional(),
  phones: z.array(Phone).max(32).optional(),
  address: Address.optional(),
  age: z
    .int('must be a whole number of years from 0 to 130')
    .min(0)
    .max(130)
    .describe('Age in years at the incident.')
    .optional(),
  birthDate: BirthDate.optional(),
  accounts: z.array(Account).max(64).describe('Accounts believed to belong to this one person.').optional(),
  devices: z.array(Device).max(64).optional(),
  estimatedLocations: z.array(EstimatedLocation).max(16).optional(),
}).meta({
  id: 'Party',
  description:
    'A person who took part, with everything believed to be theirs. Accounts that may belong to different people are different parties.',
});
export type Party = z.infer<typeof Party>;
