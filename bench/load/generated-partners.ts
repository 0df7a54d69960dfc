import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { iso31661 } from 'iso-3166';

export interface GeneratedPartners {
  hotlines: string[];
  agencies: string[];
  /** One for each agency, in the same order. */
  countries: string[];
}

/** Writes a registry of invented partners without keys, which the local relay makes; an agency serves one country. */
export async function writePartners(
  dir: string,
  { hotlines, agencies }: { hotlines: number; agencies: number },
): Promise<GeneratedPartners> {
  const countries = iso31661.slice(0, agencies).map(({ alpha2 }) => alpha2);
  if (countries.length < agencies) throw new RangeError(`There are ${countries.length} countries, an agency for each.`);
  const generation = [{ generation: 1 }];
  const partners = [
    ...Array.from({ length: hotlines }, (_, index) => ({
      kind: 'hotline',
      id: `zz-hotline-${index + 1}`,
      keys: [],
      intakeKeys: generation,
    })),
    ...countries.map((country) => ({
      kind: 'agency',
      id: `${country.toLowerCase()}-agency`,
      keys: [],
      countries: [country],
      kmsKeys: generation,
    })),
  ];
  await mkdir(dir, { recursive: true });
  await Promise.all(
    partners.map((partner) => {
      const contact = { email: `systems@${partner.id}.example` };
      const file = { ...partner, name: `${partner.id} (invented)`, contact };
      return writeFile(join(dir, `${partner.id}.json`), JSON.stringify(file));
    }),
  );
  const idsOf = (kind: string): string[] => partners.filter((partner) => partner.kind === kind).map(({ id }) => id);
  return { hotlines: idsOf('hotline'), agencies: idsOf('agency'), countries };
}
