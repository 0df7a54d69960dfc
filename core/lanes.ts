import type { Lane } from './names.ts';
import type { Urgency } from './schema.ts';

/* The partitions of the `due` index, in which sweep finds what is owed. */

/** Partitions of the `due` index for rows that belong to no partner; spread so that no partition runs hot. */
export const SHARDS = [0, 1, 2, 3] as const;

const shardOf = (id: string): number => Number.parseInt(id.slice(-1), 16) % SHARDS.length;

export const outboxLane = (id: string): string => `outbox#${shardOf(id)}`;
export const retentionLane = (id: string): string => `retention#${shardOf(id)}`;
/** `immediate` ones stand apart: nothing delays them, and all of them can be counted. */
export const agencyLane = (agency: string, urgency: Urgency): string =>
  `${agency}#${urgency === 'immediate' ? urgency : laneOf(urgency)}`;
export const inboxLane = (hotline: string): string => `${hotline}#outcomes`;

/** Whether a lane holds `immediate` referrals, and nothing else. */
export const isImmediateLane = (lane: string): boolean => lane.endsWith('#immediate');

/** Whether a lane holds what is still to be placed: outboxes, and statements that are their own, of every urgency. */
export const isOutboxLane = (lane: string): boolean => lane.startsWith('outbox#');

/** The lane of queues. */
export const laneOf = (urgency: Urgency): Lane => (urgency === 'routine' ? 'routine' : 'urgent');

/**
 * Every lane there can be, in the order in which sweep walks them: urgent first, housekeeping last. Within a class, the
 * lanes are rotated by `turn`, so that a run cut short does not always leave out the same ones.
 */
export function allLanes(hotlines: Iterable<string>, agencies: Iterable<string>, turn: number): string[] {
  const ids = [...agencies];
  const ofAgencies = (urgency: Urgency): string[] => ids.map((agency) => agencyLane(agency, urgency));
  const classes = [
    SHARDS.map((shard) => `outbox#${shard}`),
    ofAgencies('immediate'),
    ofAgencies('high'),
    Array.from(hotlines, inboxLane),
    ofAgencies('routine'),
    SHARDS.map((shard) => `retention#${shard}`),
  ];
  return classes.flatMap((lanes) => {
    const first = turn % Math.max(lanes.length, 1);
    return [...lanes.slice(first), ...lanes.slice(0, first)];
  });
}
