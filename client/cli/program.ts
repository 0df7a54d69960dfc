import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { declareAgency } from './agency-commands.ts';
import { formatExamples, type Run } from './command.ts';
import { EXIT, EXIT_HELP, type Exit } from './exit.ts';
import { declareHotline } from './hotline-commands.ts';
import type { Io } from './io.ts';
import { runCommand } from './session.ts';
import { declareSetUp } from './set-up-commands.ts';

/*
 * The command `referral-relay`. Declared here and beside; what a command does is loaded when it runs, so that help is
 * quick and a hotline never loads the AWS SDK.
 */

/**
 * Runs one command line.
 * @param args without the interpreter and the name of the program
 * @returns the exit code; never rejects
 */
export async function runCli(args: readonly string[], io: Io): Promise<Exit> {
  let exit: Exit = EXIT.ok;
  const written = { out: '', err: '' };
  const run: Run = async (options, body) => {
    exit = await runCommand(io, options, body);
  };
  const program = new Command('referral-relay')
    .description(
      'Carries child-protection referrals from hotlines to agencies of other countries, sealed so that the relay in between cannot read them.',
    )
    .version(readVersion())
    // An option of a command may have the name of one of the program's, such as --version.
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('Add --help to see what the command takes, with examples.')
    .configureHelp({ showGlobalOptions: false })
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
        ['keygen ./gb-lantern --kind hotline --id gb-lantern --relay https://relay.example', 'make a profile'],
        ['trust --profile ./gb-lantern', "see whose keys are to be compared before they're relied upon"],
        ['hotline submit case.json --profile ./gb-lantern', 'seal a referral and submit it'],
        ['agency poll --out ./inbox --profile ./de-kinderwacht', 'open what is waiting, urgent first'],
      ]),
    )
    .addHelpText('afterAll', `\n${EXIT_HELP}`);
  declareSetUp(program, run);
  declareHotline(program, run);
  declareAgency(program, run);

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Help and the version are "errors" that end well; the rest are faults of the command line.
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

/** The sources lie one folder nearer to `package.json` than what is built of them. */
function readVersion(): string {
  for (const file of ['../../package.json', '../../../package.json']) {
    try {
      const { name, version }: { name?: unknown; version?: unknown } = JSON.parse(
        readFileSync(new URL(file, import.meta.url), 'utf8'),
      );
      if (name === 'referral-relay' && typeof version === 'string') return version;
    } catch {
      // It is the other one.
    }
  }
  return 'unknown';
}
