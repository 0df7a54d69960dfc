import { processIo } from './cli/io.ts';
import { runCli } from './cli/program.ts';

// Set rather than exited with, so that what was written last still reaches a pipe.
process.exitCode = await runCli(process.argv.slice(2), processIo());
