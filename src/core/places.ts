/** Names of everything below the state root. Pure: joins strings, touches nothing. */
import path from 'node:path';

export interface DispatchPlaces {
  /** The state root. */
  state: string;
  dir: string;
  job: string;
  journal: string;
  result: string;
  /** Held by the shim while it lives: there is one for each dispatch. */
  lock: string;
  log: string;
  /** Private 0700 directory of the shim's own socket. */
  socketDir: string;
  /** Private 0700 directory of the gateway's socket; the only one the sandbox sees. */
  gatewayDir: string;
  home: string;
  copy: string;
  scratch: string;
  /** Space set aside for the end. */
  reserve: string;
  harvest: string;
  check: string;
  /** The list of what was put into the copy from outside of git. */
  given: string;
  /** Apply and undo journals, with the bytes that were replaced. */
  apply: string;
  undo: string;
  trash: string;
  /** Of all dispatches: what set-ups made, and how checks ended on bases. */
  setups: string;
  checks: string;
}

export function dispatchPlaces(state: string, id: string): DispatchPlaces {
  const dir = path.join(state, 'dispatches', id);
  const at = (name: string) => path.join(dir, name);
  return {
    state,
    dir,
    job: at('job.json'),
    journal: at('journal.jsonl'),
    result: at('result.json'),
    lock: at('shim.lock'),
    log: at('shim.log'),
    socketDir: at('shim'),
    gatewayDir: at('gateway'),
    home: at('home'),
    copy: at('copy'),
    scratch: at('scratch'),
    reserve: at('reserve'),
    harvest: at('harvest'),
    check: at('check'),
    given: at('given.json'),
    apply: at('apply'),
    undo: at('undo'),
    trash: path.join(state, 'trash', id),
    setups: path.join(state, 'setup'),
    checks: path.join(state, 'checks'),
  };
}

/** Where the n-th object directory of a project is mounted in a sandbox; a copy's alternates name these. */
export const objectsInside = (n: number): string => (n === 0 ? '/run/pancode/objects' : `/run/pancode/objects-${n}`);

export const SOCKET_NAME = 'sock';

export function statePlaces(state: string) {
  return {
    dispatches: path.join(state, 'dispatches'),
    receipts: path.join(state, 'receipts.jsonl'),
    ledger: path.join(state, 'ledger.db'),
    configLock: path.join(state, 'config.lock'),
    /** Answers a person gave for good. */
    always: path.join(state, 'always.json'),
    trash: path.join(state, 'trash'),
    setups: path.join(state, 'setup'),
    lastId: path.join(state, 'last-id'),
    cordons: path.join(state, 'cordons.json'),
    daemonDir: path.join(state, 'daemon'),
    daemonLock: path.join(state, 'daemon', 'lock.db'),
    daemonLog: path.join(state, 'daemon', 'daemon.log'),
  };
}
