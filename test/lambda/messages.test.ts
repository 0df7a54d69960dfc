import { describe, expect, it } from 'vitest';
import { readDispatch, readInbox } from '../../lambda/messages.ts';

const ID = '019ab3f0-2a80-7c11-9d2e-5f6a7b8c9d0e';
const DISPATCH = { v: 1, hotline: 'gb-hotline', id: ID };
const ATTEMPT = { agency: 'de-police', version: 1, number: 0 };
const ITEM = { kind: 'event', hotline: 'gb-hotline', referral: ID, event: 'unrouted', at: '2026-11-23T09:30:00.000Z' };

describe('readDispatch', () => {
  it.each([DISPATCH, { ...DISPATCH, attempt: ATTEMPT }])('reads %j', (message) => {
    expect(readDispatch(JSON.stringify(message))).toEqual(message);
  });

  it('lets pass what a later version adds', () => {
    expect(readDispatch(JSON.stringify({ ...DISPATCH, reason: 'swept' }))).toEqual(DISPATCH);
  });

  it.each([
    ['no JSON', 'referral'],
    ['nothing', ''],
    ['a list', '[]'],
    ['another version', JSON.stringify({ ...DISPATCH, v: 2 })],
    ['no hotline', JSON.stringify({ ...DISPATCH, hotline: undefined })],
    ['an id of another kind', JSON.stringify({ ...DISPATCH, id: '../../etc' })],
    ['an attempt without a number', JSON.stringify({ ...DISPATCH, attempt: { ...ATTEMPT, number: undefined } })],
    ['an attempt at nobody', JSON.stringify({ ...DISPATCH, attempt: null })],
    ['a member twice', `{"v":1,"v":1,"hotline":"gb-hotline","id":"${ID}"}`],
  ])('reads nothing in %s', (_title, body) => {
    expect(readDispatch(body)).toBeUndefined();
  });
});

describe('readInbox', () => {
  it('reads what was sent', () => {
    const message = { key: 'event#unrouted', item: ITEM };
    expect(readInbox(JSON.stringify(message))).toEqual(message);
  });

  it('lets pass an event that it does not know', () => {
    const message = { key: 'event#new', item: { ...ITEM, event: 'something new' } };
    expect(readInbox(JSON.stringify(message))).toEqual(message);
  });

  it.each([
    ['no JSON', 'referral'],
    ['no key', JSON.stringify({ item: ITEM })],
    ['an empty key', JSON.stringify({ key: '', item: ITEM })],
    ['no item', JSON.stringify({ key: 'withdraw' })],
    ['an item of another kind', JSON.stringify({ key: 'withdraw', item: { ...ITEM, kind: 'rumour' } })],
    ['an item without its time', JSON.stringify({ key: 'withdraw', item: { ...ITEM, at: undefined } })],
  ])('reads nothing in %s', (_title, body) => {
    expect(readInbox(body)).toBeUndefined();
  });
});
