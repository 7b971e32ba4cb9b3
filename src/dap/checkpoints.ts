/** The custom requests about checkpoints, and the tree as the client sees it. */
import {
  parseCheckpointArguments,
  parseRenameCheckpoint,
  parseTakeCheckpoint,
  REQUEST,
  type CheckpointAnswer,
  type CheckpointNode,
  type CheckpointTree,
} from '../protocol';
import type { CheckpointInfo } from '../timetravel/api';
import type { SessionContext } from './context';
import type { Call, Registry } from './dispatcher';
import { hexAddress, whereabouts } from './symbol-lookup';
import { requireStarted } from './time';

export function registerCheckpointRequests(registry: Registry, context: SessionContext): void {
  registry.on(REQUEST.checkpoints, 'guest', () => checkpointTree(context));
  registry.on(REQUEST.takeCheckpoint, 'guest', (_args, call): CheckpointAnswer => {
    const { name } = parseTakeCheckpoint(call.arguments);
    return { id: context.debuggee.takeCheckpoint(name === '' ? undefined : name).id };
  });
  registry.on(REQUEST.renameCheckpoint, 'guest', (_args, call) => {
    const { id, name } = parseRenameCheckpoint(call.arguments);
    context.debuggee.renameCheckpoint(id, name);
  });
  registry.on(REQUEST.deleteCheckpoint, 'guest', (_args, call) => {
    context.debuggee.deleteCheckpoint(parseCheckpointArguments(call.arguments).id);
  });
  registry.on(REQUEST.restoreCheckpoint, 'guest', (_args, call) => restore(context, call));
}

async function restore(context: SessionContext, call: Call): Promise<void> {
  const { id } = parseCheckpointArguments(call.arguments);
  requireStarted(context);
  await context.interrupt();
  await context.moveNow(call, 'Restoring a checkpoint', async ({ options }) => {
    const stop = await context.debuggee.restoreCheckpoint(id, options);
    return { stop, reason: 'restore', description: 'Paused at a checkpoint' };
  });
}

export function checkpointTree(context: SessionContext): CheckpointTree {
  const { debuggee } = context;
  const current = debuggee.currentCheckpoint;
  const nodes = debuggee.checkpoints().map((one) => presentNode(context, one, one.id === current));
  return { nodes, current: { branch: debuggee.branch, instret: debuggee.now } };
}

function presentNode(context: SessionContext, one: CheckpointInfo, isCurrent: boolean): CheckpointNode {
  const { id, parent, name, instret, branch, automatic, pc, consoleTail, sizeBytes, saved, saving } = one;
  const where = whereabouts(context.guest.symbols, pc);
  return {
    id,
    instret,
    branch,
    automatic,
    pc: hexAddress(pc),
    consoleTail,
    isCurrent,
    sizeBytes,
    stopMicroseconds: Math.round(one.stopMicroseconds),
    ...(saved === undefined ? {} : { saved: saved.id }),
    ...(saving === undefined ? {} : { saving: Math.floor(saving * 100) }),
    ...(parent === undefined ? {} : { parent }),
    ...(name === undefined ? {} : { name }),
    ...(where === undefined ? {} : { where }),
  };
}
