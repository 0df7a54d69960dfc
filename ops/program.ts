import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EXIT, EXIT_HELP, type Exit } from '../client/cli/exit.ts';
import type { Io } from '../client/cli/io.ts';
import type { OffboardOptions } from './offboard.ts';
import { type CommonOptions, type Ending, runCommand, type Session } from './session.ts';
import { STAGE_VARIABLE } from './target.ts';

/*
 * The operator's command, `npm run ops -- …`. Declared here; what a command does is loaded when it runs, so that help is
 * quick.
 */

interface Declaration {
  /** Name and arguments. */
  name: string;
  summary: string;
  details?: string;
  /** What may be typed after `npm run ops --`, and what it does. */
  examples: readonly (readonly [command: string, comment: string])[];
}

/**
 * Runs one command line.
 * @param args without the interpreter and the name of the program
 * @returns the exit code; never rejects
 */
export async function runOps(args: readonly string[], io: Io): Promise<Exit> {
  let exit: Exit = EXIT.ok;
  const written = { out: '', err: '' };
  const program = new Command('ops')
    .description(
      `The operator's command: looks after a deployed relay, or one on this machine. Every command notes in the ledger's table who ordered what, and when.`,
    )
    .exitOverride()
    .showHelpAfterError('Add --help to see what the command takes, with examples.')
    .configureOutput({
      writeOut: (text) => (written.out += text),
      writeErr: (text) => (written.err += text),
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      'after',
      formatExamples([
        ['status --stage prod', 'where everything stands'],
        ['status --local .local/relay', 'the same of the relay that "npm start" runs'],
        ['verify --stage prod --hotline ./zz-hotline --agency ./zz-agency', 'after each deployment'],
      ]),
    )
    .addHelpText('afterAll', `\n${EXIT_HELP}`);

  const run = async (
    options: CommonOptions,
    what: string,
    body: (session: Session) => Promise<Ending>,
  ): Promise<void> => {
    exit = await runCommand(io, options, what, body);
  };

  declare(program, {
    name: 'status',
    summary: 'show what is not opened, by agency and urgency, and what lies in the queues',
    details:
      'Numbers and ages come from the ledger, which is the truth; queues are only transport. Partners with nothing to show are left out.',
    examples: [
      ['status --stage prod', 'what there is'],
      ['status --stage prod --json', 'everything, as JSON: one line of it, and one for the audit'],
    ],
  })
    .option('--all', 'show partners with nothing to show as well')
    .action((options: CommonOptions & { all?: boolean }) =>
      run(options, 'status', async (session) => (await import('./status.ts')).showStatus(session, options)),
    );

  declare(program, {
    name: 'redrive <agency|dispatch>',
    summary: 'send anew what dead letters are about, and delete them',
    details:
      "Routes that an agency's dead letters name become pending again; deliver wraps their keys anew. Of the relay's own dispatch, what is owed is owed at once. Letters are never moved: they may be out of date. What was opened meanwhile is not sent; letters that are not understood stay, and the exit code is 6.",
    examples: [
      ['redrive de-kinderwacht --stage prod', "once the agency's system works again"],
      ['redrive dispatch --stage prod', 'once deliver works again'],
    ],
  }).action((what: string, options: CommonOptions) =>
    run(options, `redrive ${what}`, async (session) => (await import('./redrive.ts')).redrive(session, what)),
  );

  declare(program, {
    name: 'redeliver <referral> <agency>',
    summary: 'send one referral to one of its agencies anew',
    details: 'REFERRAL is HOTLINE/ID. It leaves within a minute, as everything that is owed.',
    examples: [
      [
        'redeliver gb-lantern/0197a5b0-1111-7abc-8def-000000000000 de-kinderwacht --stage prod',
        'the agency lost its queue',
      ],
      [
        'redeliver gb-lantern/0197a5b0-1111-7abc-8def-000000000000 de-kinderwacht --opened --stage prod',
        'the agency opened it, and lost what it opened',
      ],
    ],
  })
    .option('--opened', 'also if the agency has stated that it opened it: as a new version')
    .action((referral: string, agency: string, options: CommonOptions & { opened?: boolean }) =>
      run(options, `redeliver ${referral} ${agency}${options.opened ? ' --opened' : ''}`, async (session) =>
        (await import('./redeliver.ts')).redeliverOne(session, referral, agency, options),
      ),
    );

  declare(program, {
    name: 'suspend <partner>',
    summary: 'shut a partner out within seconds',
    details:
      "Its calls are answered as a stranger's, and nothing more is sent to it; what is owed to it waits. What lies in its queue already stays readable to it: to prevent that, take its principal out of its key policy as well.",
    examples: [
      ['suspend de-kinderwacht --reason "key reported stolen" --stage prod', 'at once'],
      ['resume de-kinderwacht --stage prod', 'undo it'],
    ],
  })
    .option('--reason <text>', 'for the record, without names of people (at most 200 characters)', shortText)
    .action((partner: string, options: CommonOptions & { reason?: string }) =>
      run(options, `suspend ${partner}${options.reason === undefined ? '' : ` (${options.reason})`}`, async (session) =>
        (await import('./suspend.ts')).suspend(session, partner, options.reason),
      ),
    );

  declare(program, {
    name: 'resume <partner>',
    summary: 'let a suspended partner in again; what waited for it leaves within a minute',
    details:
      'Also of an agency that is not suspended, deliveries that failed leave within a minute: they do not wait for their next attempt.',
    examples: [
      ['resume de-kinderwacht --stage prod', 'after a suspension, or once what kept deliveries from it is mended'],
    ],
  }).action((partner: string, options: CommonOptions) =>
    run(options, `resume ${partner}`, async (session) => (await import('./suspend.ts')).resume(session, partner)),
  );

  declare(program, {
    name: 'offboard <agency>',
    summary: 'let an agency go for good, once nothing is owed to it',
    details:
      'First take its countries out of its registry file and deploy. Then this refuses as long as the agency has anything left to open, unless told to hand it over; it suspends the agency for good. Its file stays in the registry with its keys, or old statements could no longer be verified.',
    examples: [
      ['offboard de-kinderwacht --stage prod', 'if it has opened everything'],
      ['offboard de-kinderwacht --hand-over --stage prod', 'what it has not opened goes to the fallback'],
    ],
  })
    .option('--hand-over', 'give what it has not opened to the fallback; the hotlines hear of it')
    .action((agency: string, options: CommonOptions & OffboardOptions) =>
      run(options, `offboard ${agency}${options.handOver ? ' --hand-over' : ''}`, async (session) =>
        (await import('./offboard.ts')).offboard(session, agency, options),
      ),
    );

  declare(program, {
    name: 'keys [key]',
    summary: 'show which intake keys are still needed',
    details:
      'KEY is a HOTLINE, or HOTLINE/GENERATION, which is refused (exit code 3) while it is needed: a key must stay enabled, and in the registry, until the content of the last referral that is sealed for it is removed.',
    examples: [
      ['keys --stage prod', 'all of them'],
      ['keys gb-lantern/1 --stage prod', 'before generation 1 is disabled'],
    ],
  }).action((key: string | undefined, options: CommonOptions) =>
    run(options, `keys${key === undefined ? '' : ` ${key}`}`, async (session) =>
      (await import('./keys.ts')).showKeys(session, key),
    ),
  );

  declare(program, {
    name: 'sweep',
    summary: 'run the deployed sweep once, beside its schedule',
    examples: [['sweep --stage prod', 'after a redrive, to see it leave at once']],
  }).action((options: CommonOptions) =>
    run(options, 'sweep', async (session) => (await import('./sweep.ts')).sweepOnce(session)),
  );

  declare(program, {
    name: 'verify',
    summary: 'send a canary from a test hotline to a test agency and back, after each deployment',
    details:
      'The test agency must be registered for the country ZZ and no other. Keys must be confirmed in both profiles (referral-relay trust). A relay on this machine has profiles for it.',
    examples: [
      ['verify --stage prod --hotline ./zz-hotline --agency ./zz-agency', 'through the deployed API'],
      ['verify --local .local/relay', 'through the relay that "npm start" runs'],
    ],
  })
    .option('--hotline <dir>', 'profile of the test hotline')
    .option('--agency <dir>', 'profile of the test agency')
    .option('--timeout <seconds>', 'how long the canary may take (1-3600)', seconds, 120)
    .action((options: CommonOptions & { hotline?: string; agency?: string; timeout: number }) =>
      run(options, 'verify', async (session) => (await import('./verify.ts')).verify(session, options)),
    );

  declare(program, {
    name: 'audit [month]',
    summary: 'show who ordered what in a month, this one if none is named',
    examples: [['audit 2026-11 --stage prod', 'everything that was ordered in November 2026']],
  }).action((month: string | undefined, options: CommonOptions) =>
    run(options, `audit${month === undefined ? '' : ` ${month}`}`, async (session) =>
      (await import('./audit-command.ts')).showAudit(session, month),
    ),
  );

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Help is an "error" that ends well; the rest are faults of the command line.
    exit = error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.ok : EXIT.usage) : EXIT.unexpected;
  }
  try {
    if (written.out) await io.out(written.out);
    if (written.err) await io.err(written.err);
  } catch {
    // Nobody reads it.
  }
  return exit;
}

/** A command with the options that all have. */
function declare(program: Command, { name, summary, details, examples }: Declaration): Command {
  return program
    .command(name)
    .summary(summary)
    .description(details === undefined ? summary : `${summary}\n\n${details}`)
    .option('--stage <stage>', `the deployed relay (or set ${STAGE_VARIABLE}; not needed where there is but one)`)
    .option('--region <region>', 'where it is deployed, unless stages/<stage>.json or AWS_REGION says so')
    .option('--local <dir>', 'instead: data folder of a relay on this machine')
    .option('--json', 'print JSON, one object on a line, instead of text')
    .addHelpText('after', formatExamples(examples));
}

const formatExamples = (examples: Declaration['examples']): string =>
  `\nExamples:\n${examples
    .map(([command, comment]) => {
      // Without it, npm itself prints lines that are no JSON.
      const silent = command.endsWith(' --json') ? ' -s' : '';
      return `  # ${comment}\n  $ npm run${silent} ops -- ${command}`;
    })
    .join('\n')}`;

function shortText(value: string): string {
  if (value.length <= 200) return value;
  throw new InvalidArgumentError('Give at most 200 characters.');
}

function seconds(value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && number <= 3600) return number;
  throw new InvalidArgumentError('Give a whole number from 1 to 3600.');
}
