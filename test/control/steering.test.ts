import { expect, it } from 'vitest';
import { createSteering } from '../../src/control/steering.ts';
import type { NewEvent } from '../../src/drivers/store/journal.ts';

const setUp = () => {
  const events: NewEvent[] = [];
  return { events, steering: createSteering((event) => events.push(event)) };
};

it('waits for an agent that is still starting, and keeps the order', async () => {
  const { events, steering } = setUp();
  const told = [steering.tell('one'), steering.tell('two')];
  const taken: string[] = [];
  steering.onSteer(async (text) => {
    // Written down first.
    expect(events.at(-1)).toEqual({ type: 'steer', text });
    await new Promise((resolve) => setTimeout(resolve, text === 'one' ? 10 : 0));
    taken.push(text);
    return null;
  });
  expect(await Promise.all(told)).toEqual([null, null]);
  expect(taken).toEqual(['one', 'two']);
});

it('says why the agent was not told', async () => {
  const { events, steering } = setUp();
  steering.onSteer(async () => 'It is through.');
  expect(await steering.tell('late')).toBe('It is through.');
  expect(events.at(-1)).toEqual({ type: 'notice', text: 'The agent was not told: It is through.' });
});

it('answers when the agent ends: before it was ever ready, while it is told, and after', async () => {
  const never = setUp().steering;
  const waiting = never.tell('hello');
  never.close();
  expect(await waiting).toMatch(/has ended/);

  const { events, steering } = setUp();
  steering.onSteer(() => new Promise(() => {}));
  const stuck = steering.tell('hello');
  await new Promise((resolve) => setTimeout(resolve, 5));
  steering.close();
  expect(await stuck).toMatch(/has ended/);
  const before = events.length;
  expect(await steering.tell('again')).toMatch(/has ended/);
  expect(events).toHaveLength(before);
});
