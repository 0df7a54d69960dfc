import { type Command, Option } from 'commander';
import { collect, declare, declareGroup, type Run } from './command.ts';
import type { KeygenOptions } from './keygen.ts';
import type { CommonOptions } from './session.ts';
import type { TrustOptions } from './trust.ts';

/* Commands before anything is sent: keys, trust, and the registry's files. */

export function declareSetUp(program: Command, run: Run): void {
  declare(program, {
    name: 'keygen [DIR]',
    summary: 'make a profile with a new signing key',
    details:
      'DIR is the folder of the profile; without it the one that --profile or REFERRAL_RELAY_PROFILE names, else one called after the partner. Nothing that exists is overwritten.',
    examples: [
      ['keygen ./gb-lantern --kind hotline --id gb-lantern --relay https://relay.example', 'a hotline'],
      [
        'keygen --kind agency --id de-kinderwacht --relay https://relay.example --curve P-256',
        'an agency, in ./de-kinderwacht',
      ],
      ['keygen ./gb-lantern --rotate', 'a further key for a profile that exists'],
    ],
  })
    .addOption(new Option('--kind <kind>', 'what you are').choices(['hotline', 'agency']))
    .option('--id <id>', 'partner id, as agreed with the operator')
    .option('--relay <url>', 'address of the relay')
    .addOption(new Option('--curve <curve>', 'of the key').choices(['Ed25519', 'P-256']).default('Ed25519'))
    .option('--rotate', 'make a further key for this profile; the old one stays in use until you change "signingKey"')
    .action((folder: string | undefined, options: KeygenOptions & CommonOptions) =>
      run(options, async (session) => (await import('./keygen.ts')).keygen(session, folder, options)),
    );

  declare(program, {
    name: 'trust [PARTNER...]',
    summary: 'compare and confirm the keys you rely on',
    details:
      'Shows the fingerprints that are new or have changed. With partners, or --all, it asks whether you have compared them by telephone or in person, and trusts them from then on. Until then nothing is sealed for such a key, and nothing that it signed is believed.',
    examples: [
      ['trust', 'see what is to be confirmed'],
      ['trust de-kinderwacht', 'confirm the keys of one partner'],
      ['trust de-kinderwacht --fingerprint "NzbL sXh8 …"', 'confirm exactly the key whose fingerprint you were told'],
      ['trust --all --yes', 'confirm all, having compared them; without asking'],
    ],
  })
    .option('--all', 'confirm the keys of all partners')
    .option('--yes', 'do not ask: all of them have been compared')
    .option('--fingerprint <fingerprint>', 'confirm only this key; may be given more than once', collect)
    .action((partners: string[], options: TrustOptions & CommonOptions) =>
      run(options, async (session) => (await import('./trust.ts')).trust(session, partners, options)),
    );

  const registry = declareGroup(program, 'registry', 'check and list the files that say who takes part', [
    ['registry check', 'all registries in ./registry'],
    ['registry list registry/sample', 'who takes part in one of them'],
  ]);
  const where =
    'DIR is a folder of partner files (<id>.json), a folder of such folders, or one partner file; "registry" if not given.';
  declare(registry, {
    name: 'check [DIR]',
    summary: 'hold registry files against the schema and against each other',
    details: where,
    profile: false,
    examples: [
      ['registry check', 'all registries in ./registry'],
      ['registry check gb-lantern.json', 'your own entry, before you send it to the operator'],
    ],
  }).action((folder: string | undefined, options: CommonOptions) =>
    run(options, async (session) => (await import('./registry.ts')).checkRegistries(session, folder ?? 'registry')),
  );
  declare(registry, {
    name: 'list [DIR]',
    summary: 'list the partners with their countries and the fingerprints of their keys',
    details: where,
    profile: false,
    examples: [
      ['registry list registry/sample', 'one registry'],
      ['registry list --json', 'all in ./registry, one partner on a line'],
    ],
  }).action((folder: string | undefined, options: CommonOptions) =>
    run(options, async (session) => (await import('./registry.ts')).listRegistries(session, folder ?? 'registry')),
  );
}
