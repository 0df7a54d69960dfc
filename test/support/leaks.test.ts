import { describe, expect, it } from 'vitest';
import { formsOf, LeakSink, publishOutput, textsOfSamples } from './leaks.ts';

const PLANTED = 'Zoë "Quill" of 12 Long Lane';

function search(line: string) {
  const sink = new LeakSink();
  sink.plant('a name', PLANTED);
  sink.take('somebody', line);
  return sink.search();
}

describe('the sink', () => {
  it.each([...formsOf(PLANTED)])('finds what is planted as %s', (form, text) => {
    expect(search(`before ${text} after`)).toContainEqual({ what: 'a name', form, source: 'somebody' });
  });

  it.each([
    ['inside a document that was encoded whole', Buffer.from(JSON.stringify({ x: 'y', name: PLANTED })), PLANTED],
    ['behind other text, one byte on', Buffer.from(`.${PLANTED}.`), PLANTED],
    ['behind other text, two bytes on', Buffer.from(`..${PLANTED}.`), PLANTED],
  ])('finds it %s', (_, bytes) => {
    const document = bytes.toString().includes('{') ? Buffer.from(bytes.toString().replaceAll('\\"', '"')) : bytes;
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      expect(search(document.toString(encoding)).length).toBeGreaterThan(0);
    }
  });

  it('finds nothing where nothing is', () => {
    expect(search('{"event":"accepted","hotline":"gb-lantern","routes":2}')).toEqual([]);
  });

  it('says what leaked and who let it out, without saying it again', () => {
    expect(JSON.stringify(search(PLANTED))).not.toContain('Quill');
  });

  it('takes what is published while it watches, and no longer', () => {
    const sink = new LeakSink();
    sink.plant('a name', PLANTED);
    const end = sink.watch();
    // Not in a form that the sink of the whole run looks for.
    publishOutput('a command', `one line\n${PLANTED}`);
    end();
    publishOutput('a command', 'a third');
    expect(sink.sources).toEqual(new Map([['a command', 2]]));
    expect(sink.search()).toContainEqual({ what: 'a name', form: 'raw', source: 'a command' });
  });

  it('refuses what it could only find by chance', () => {
    expect(() => new LeakSink().plant('a country', 'GB')).toThrow(/too short/);
  });
});

describe('the samples', () => {
  it('say names, addresses and what happened, each of which is looked for in every test', () => {
    const texts = textsOfSamples();
    expect(texts.size).toBeGreaterThan(100);
    for (const one of ['Jonas Beispiel', 'jonas.beispiel@example.org', '203.0.113.77']) {
      expect([...texts.keys()]).toContain(one);
    }
  });
});
