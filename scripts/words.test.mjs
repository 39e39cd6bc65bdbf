import { expect, test } from 'vitest';
import { placesIn } from './words.mjs';

const words = (text, exceptions = []) =>
  placesIn('a.ts', text, exceptions).map(({ line, found }) => [line, found]);

test('a word of the list is found where it stands, in any case and form', () => {
  expect(words('plain\n// Anew, and reckoned')).toEqual([
    [2, 'Anew'],
    [2, 'reckoned'],
  ]);
});

test('a part of a longer word is not that word', () => {
  expect(words('renewed, retold, besides, mendacious')).toEqual([]);
});

test('an exception lets its phrase through in its files, and nothing else', () => {
  const exceptions = [{ files: /^a\.ts$/, phrase: 'as told by a person', because: 'a person' }];
  expect(words('as told by a person', exceptions)).toEqual([]);
  expect(words('told by the server', exceptions)).toEqual([[1, 'told']]);
  expect(placesIn('b.ts', 'as told by a person', [])).toHaveLength(1);
});
