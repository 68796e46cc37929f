import { expect, it } from 'vitest';
import { withCordons } from '../../src/core/cordons.ts';
import { endpoint, fleetOf, runtime } from '../fixtures/fleet.ts';

const fleet = fleetOf(
  [runtime('native'), runtime('claude-code')],
  [endpoint('lab', [{ id: 'm1' }, { id: 'm2' }]), endpoint('open', [], { openEnded: true })],
  { 'claude-code': [{ id: 'sonnet', tier: 'frontier' }] },
);
const states = (...ids: string[]) =>
  withCordons(
    fleet,
    ids.map((id) => ({ id, at: '2026-11-25T10:00:00.000Z' })),
  ).workers.map(({ id, state }) => [id, state]);

it('takes out a worker, all of an endpoint, all of a runtime', () => {
  expect(states()).toEqual(fleet.workers.map(({ id, state }) => [id, state]));
  expect(states('native/lab/m2')).toEqual([
    ['native/lab/m1', 'ready'],
    ['native/lab/m2', 'cordoned'],
    ['claude-code/sonnet', 'ready'],
  ]);
  expect(states('lab').filter(([, state]) => state === 'cordoned')).toHaveLength(2);
  expect(states('claude-code').filter(([, state]) => state === 'cordoned')).toEqual([
    ['claude-code/sonnet', 'cordoned'],
  ]);
});

it('says since when, and how to bring it back', () => {
  const { endpoints } = withCordons(fleet, [{ id: 'lab', at: '2026-11-25T10:00:00.000Z' }]);
  expect(endpoints[0]).toMatchObject({
    state: 'cordoned',
    reason: 'cordoned on 2026-11-25: `pancode uncordon lab` brings it back',
  });
});

it('keeps out a model that no list holds', () => {
  expect(states('native/open/any:thing')).toContainEqual(['native/open/any:thing', 'cordoned']);
  expect(states('claude-code/claude-next')).toContainEqual(['claude-code/claude-next', 'cordoned']);
});

it('survives a cordon of something that is gone', () => expect(states('nothing/of/that')).toEqual(states()));
