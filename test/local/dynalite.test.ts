import { create, type Iterator } from 'dynalite/db/index.js';
import { describe, expect, it } from 'vitest';
import { letIteratorsEnd } from '../../local/emulators/dynalite.ts';

describe('what dynalite reads from its database', () => {
  it('is closed when it was read to its end, and when it was not', async () => {
    await letIteratorsEnd();
    const store = create({});
    const iterators: Iterator[] = [];
    const values = store.db.values.bind(store.db);
    store.db.values = (...options: []) => {
      const iterator = values(...options);
      iterators.push(iterator);
      return iterator;
    };
    const items = store.getItemDb('table');
    for (const key of ['a', 'b', 'c']) await new Promise<void>((done) => items.put(key, {}, () => done()));

    for await (const item of items.createValueStream()) expect(item).toEqual({});
    for await (const item of items.createValueStream()) {
      expect(item).toEqual({});
      break;
    }
    expect(iterators).toHaveLength(2);
    for (const iterator of iterators) {
      await expect(iterator.next()).rejects.toMatchObject({ code: 'LEVEL_ITERATOR_NOT_OPEN' });
    }
    await store.db.close();
  });
});
