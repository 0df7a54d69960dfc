import { type Command, Option } from 'commander';
import type { WithdrawStatement } from '../../core/contracts.ts';
import { collectCountries, declare, declareGroup, type Run, wholeNumber } from './command.ts';
import type { CommonOptions } from './session.ts';
import type { SubmitOptions } from './submit.ts';

const INPUT = 'INPUT is a file, a folder (all *.json in it), or "-" for standard input.';

export interface PlaceOptions {
  suspect?: string[];
  victim?: string[];
}

/** The options that say where a referral belongs. */
export const placeOptions = (command: Command): Command =>
  command
    .option('--suspect <countries>', 'where a suspect is believed to be, such as DE or DE,AT', collectCountries)
    .option('--victim <countries>', 'where a victim is believed to be', collectCountries);

export function declareHotline(program: Command, run: Run): void {
  const hotline = declareGroup(program, 'hotline', 'check, submit and follow referrals, as a hotline', [
    ['hotline check case.json', 'what is wrong with a draft, and what could be better'],
    ['hotline submit case.json', 'seal it and submit it'],
    ['hotline outcomes', 'what agencies have answered'],
  ]);

  declare(hotline, {
    name: 'check [INPUT...]',
    summary: 'tell the faults of drafts, what could be better, and who would receive them',
    details: `Nothing is sealed or sent. ${INPUT}`,
    examples: [
      ['hotline check case.json', 'one draft'],
      ['hotline check drafts/ --offline', 'a folder, without asking the relay who would receive them'],
    ],
  })
    .option('--offline', 'do not ask the relay')
    .action((inputs: string[], options: CommonOptions & { offline?: boolean }) =>
      run(options, async (session) => (await import('./hotline.ts')).check(session, inputs, options)),
    );

  declare(hotline, {
    name: 'submit [INPUT...]',
    summary: 'seal drafts and submit them',
    details: `${INPUT} What was sealed is kept in the profile's journal, where it is found by a hash of the draft's content, whatever its file is called and however it is indented. So a run that was interrupted is continued by the same command, and no draft is submitted twice. To refer the same content again, change it, or add --anew: repeated after a failure, that submits what it sealed; repeated after the relay accepted it, it makes another referral.`,
    examples: [
      ['hotline submit case.json', 'one referral'],
      ['hotline submit drafts/ --parallel 16', 'a folder; run it again to continue'],
      ['hotline submit - --json < case.json', 'from standard input, and told as JSON'],
      ['hotline submit --unfinished', 'what was sealed and did not reach the relay'],
    ],
  })
    .addOption(new Option('--parallel <number>', 'how many at the same time').default(8).argParser(wholeNumber(1, 64)))
    .option('--unfinished', 'submit what earlier runs sealed and the relay has not confirmed')
    .option('--anew', 'refer one draft again under a new id, when the relay reports it as undeliverable')
    .option('--strict', 'do not submit a draft that has warnings')
    .option('--resend', 'send again what was accepted before, when the operator asks for it after a restore')
    .action((inputs: string[], options: CommonOptions & SubmitOptions) =>
      run(options, async (session) => (await import('./submit.ts')).submit(session, inputs, options)),
    );

  placeOptions(
    declare(hotline, {
      name: 'route',
      summary: 'name further countries of a referral, whose agencies then receive it as well',
      examples: [['hotline route 0199… --victim CA', 'the child turns out to be in Canada']],
    }).argument('<ID>', 'of the referral'),
  ).action((id: string, { suspect = [], victim = [], ...options }: CommonOptions & PlaceOptions) =>
    run(options, async (session) => (await import('./hotline.ts')).route(session, id, { suspect, victim })),
  );

  declare(hotline, {
    name: 'withdraw',
    summary: 'withdraw a referral: agencies are told to stop, and need not read what they have not read',
    examples: [['hotline withdraw 0199… --reason error', 'it was sent by mistake']],
  })
    .argument('<ID>', 'of the referral')
    .addOption(new Option('--reason <reason>', 'why').choices(['error', 'superseded', 'legal']).makeOptionMandatory())
    .action((id: string, options: CommonOptions & Pick<WithdrawStatement, 'reason'>) =>
      run(options, async (session) => (await import('./hotline.ts')).withdraw(session, id, options.reason)),
    );

  declare(hotline, {
    name: 'status',
    summary: 'tell where a referral is, and what agencies have answered',
    details:
      'ID is what "hotline submit" printed. Submit the same draft again to see it once more: nothing is sent twice.',
    examples: [
      ['hotline status 0199…', 'in words'],
      ['hotline status 0199… --json', 'with the signed statements themselves'],
    ],
  })
    .argument('<ID>', 'of the referral')
    .action((id: string, options: CommonOptions) =>
      run(options, async (session) => (await import('./hotline.ts')).status(session, id)),
    );

  declare(hotline, {
    name: 'outcomes',
    summary: 'receive what agencies answer, each answer verified',
    details:
      'What was printed is acknowledged; an answer whose key is not confirmed yet comes again. With --follow, it tries again for as long as the relay cannot be reached.',
    examples: [
      ['hotline outcomes', 'what is there now'],
      ['hotline outcomes --follow --json >> outcomes.jsonl', 'as it comes, until interrupted'],
    ],
  })
    .option('--follow', 'wait for more until interrupted')
    .action((options: CommonOptions & { follow?: boolean }) =>
      run(options, async (session) => (await import('./hotline.ts')).outcomes(session, options)),
    );
}
