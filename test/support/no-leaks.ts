import { afterAll, expect } from 'vitest';
import { BEGINNINGS, LeakSink, textsOfSamples } from './leaks.ts';

/*
 * For every file of the test run: whatever relays and operators print in it, it says nothing of a case, and holds no
 * token and no key. Set up first, so that it has the last word.
 */

const sink = new LeakSink();
for (const [text, pointer] of textsOfSamples()) sink.plant(pointer, text);
for (const [what, text] of Object.entries(BEGINNINGS)) sink.plant(what, text);
const end = sink.watch();

afterAll(() => {
  end();
  expect(sink.search()).toEqual([]);
});
