interface Context {
  functionName: string;
  getRemainingTimeInMillis: () => number;
}

/** A function that does what its event says, for tests of what surrounds functions. */
export async function handler(event: { do?: string }, context: Context): Promise<unknown> {
  switch (event.do) {
    case 'print':
      process.stdout.write('a line\nanother line\n');
      process.stderr.write('an error line\n');
      return undefined;
    case 'throw':
      throw new RangeError('out of range');
    case 'throw text': {
      const reason: unknown = 'text';
      throw reason;
    }
    case 'hang':
      return new Promise(() => undefined);
    case 'exit':
      process.exit(3);
      break;
    case 'crash':
      setTimeout(() => {
        throw new TypeError('late');
      });
      return new Promise(() => undefined);
    case 'reject':
      void Promise.reject(new TypeError('unhandled'));
      return new Promise(() => undefined);
    default:
      return {
        event,
        env: { ...process.env },
        functionName: context.functionName,
        remaining: context.getRemainingTimeInMillis(),
      };
  }
  return undefined;
}
