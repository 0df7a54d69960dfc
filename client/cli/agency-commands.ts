import { type Command, Option } from 'commander';
import { OUTCOMES } from '../../core/contracts.ts';
import { Urgency } from '../../core/schema.ts';
import type { AnswerOptions } from './agency.ts';
import { collectCountries, declare, declareGroup, type Run, wholeNumber } from './command.ts';
import { type PlaceOptions, placeOptions } from './hotline-commands.ts';
import type { PollOptions } from './poll.ts';
import type { ShowOptions } from './show.ts';
import type { CommonOptions } from './session.ts';

/** Every status that may be stated by hand, with the reasons it needs. */
const STATUSES = Object.entries(OUTCOMES)
  .filter(([status]) => status !== 'unreadable')
  .map(([status, reasons]) => {
    const needs = status === 'wrong-jurisdiction' ? '--countries, if known' : reasons.join(', ');
    return `  ${status.padEnd(20)}${needs}`;
  });

export function declareAgency(program: Command, run: Run): void {
  const agency = declareGroup(program, 'agency', 'open, answer and send on referrals, as an agency', [
    ['agency poll --out ./inbox', 'open what is waiting'],
    ['agency show --out ./inbox', 'list it again'],
    ['agency answer gb-lantern 0199… actionable --reason case-opened', 'tell the hotline what became of it'],
  ]);

  declare(agency, {
    name: 'poll',
    summary: 'open what is waiting, urgent first',
    details:
      'Prints the gist of each referral and writes the whole document to a file, readable by you alone; --json prints the document instead, and writes it only with --out. The relay is told that a referral was opened once that is done; what fails before that comes again. AWS credentials are those of the SDK: a role, AWS_PROFILE, and so on.',
    examples: [
      ['agency poll --out ./inbox', 'what is there now, each in ./inbox/<hotline>/<id>.v<version>.json'],
      ['agency poll --out ./inbox --follow', 'as it comes'],
      ['agency poll --json', 'whole documents, for another program'],
    ],
  })
    .addOption(new Option('--once', 'end when the queues are empty (the default)').conflicts('follow'))
    .option('--follow', 'wait for more until interrupted')
    .option('--out <dir>', 'where to write the documents (default: "opened" in the profile)')
    .action((options: CommonOptions & PollOptions) =>
      run(options, async (session) => (await import('./poll.ts')).poll(session, options)),
    );

  declare(agency, {
    name: 'show [NAME...]',
    summary: 'show again what was opened: all of it in a line each, or some by name',
    details:
      'NAME is ID or HOTLINE/ID. Lists what "agency poll" has kept and nobody has moved away, the most urgent first and of these the oldest, and what was withdrawn. With names, prints the gist of each. --json prints whole documents. Nothing is asked of the relay.',
    examples: [
      ['agency show --out ./inbox', 'what is in ./inbox'],
      ['agency show --urgency immediate', 'what is immediate, in "opened" of the profile'],
      ['agency show gb-lantern/0199…', 'the gist of one'],
    ],
  })
    .addOption(new Option('--urgency <urgency>', 'only these').choices(Urgency.options))
    .option('--out <dir>', 'where "agency poll" wrote the documents (default: "opened" in the profile)')
    .action((names: string[], options: CommonOptions & ShowOptions) =>
      run(options, async (session) => (await import('./show.ts')).show(session, names, options)),
    );

  declare(agency, {
    name: 'answer',
    summary: 'tell the hotline what became of its referral',
    details:
      'Of a referral that "agency poll" has opened with this profile. Codes only, so that no personal data passes in clear.',
    examples: [
      ['agency answer gb-lantern 0199… actionable --reason case-opened', 'a case was opened'],
      ['agency answer gb-lantern 0199… wrong-jurisdiction --countries CA', 'it belongs to Canada'],
      ['agency answer gb-lantern 0199…,019a… not-actionable --reason duplicate', 'the same of several'],
    ],
  })
    .argument('<HOTLINE>', 'partner id of the hotline')
    .argument('<ID>', 'of the referral, or of several, with commas between', (ids) => [
      ...new Set(ids.split(',').filter((id) => id !== '')),
    ])
    .argument('<STATUS>', 'see below')
    .option('--reason <reason>', 'see below')
    .option('--countries <countries>', 'where it belongs, such as CA or CA,US', collectCountries)
    .addOption(
      new Option('--version <number>', 'of the referral, if not the last that was opened').argParser(
        wholeNumber(1, 1_000_000),
      ),
    )
    .addHelpText('after', `\nStatuses, each with its reasons:\n${STATUSES.join('\n')}`)
    .action((hotline: string, ids: string[], status: string, options: CommonOptions & AnswerOptions) =>
      run(options, async (session) => (await import('./agency.ts')).answer(session, { hotline, ids }, status, options)),
    );

  placeOptions(
    declare(agency, {
      name: 'send-on',
      summary: 'send a referral on to the agencies of further countries',
      details:
        'For agencies registered to do so, where the hotline allows it. The document itself stays as its hotline sealed it. All others answer "wrong-jurisdiction", with the countries if they are known.',
      examples: [['agency send-on gb-lantern 0199… --suspect DE --victim CA', 'both were found']],
    })
      .argument('<HOTLINE>', 'partner id of the hotline')
      .argument('<ID>', 'of the referral'),
  ).action((hotline: string, id: string, { suspect = [], victim = [], ...options }: CommonOptions & PlaceOptions) =>
    run(options, async (session) =>
      (await import('./agency.ts')).sendOn(session, { hotline, id }, { suspect, victim }),
    ),
  );
}
