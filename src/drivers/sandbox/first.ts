/** The two shell texts around bubblewrap: what runs before it on the host, and first of all inside. */

/**
 * Descriptors handed to bubblewrap and the first process. 4 is there in profile R only. `ready` is where the relay says that it listens,
 * and where it ends when the relay does.
 */
export const FD = { filter: 3, readerFilter: 4, arguments: 5, lifeline: 6, ready: 7 } as const;
/** Inside only, where the command waits for the relay. */
const AWAITED = 8;

/** Where the parts of the relay are mounted. */
export const INSIDE = {
  gateway: '/run/pancode/gw',
  relay: '/run/pancode/relay.js',
  node: '/run/pancode/node',
  output: '/run/pancode/out',
} as const;

/**
 * Closes every descriptor but the ones handed over: bubblewrap passes inherited ones on (measured), and Node protects only those it opened
 * and the low ones it finds at start.
 */
export const CLOSE_OTHERS = `for f in /proc/self/fd/*; do n=\${f##*/}; [ "$n" -le ${FD.ready} ] || eval "exec $n>&-" 2>/dev/null; done`;

/** $1: the process list of a control group, or nothing; then bubblewrap and its arguments. */
export function outerText(limits: string, closeOthers = CLOSE_OTHERS): string {
  return [closeOthers, limits, '[ -z "$1" ] || echo $$ > "$1" || exit 125', 'shift', 'exec -- "$@"'].join('\n');
}

/**
 * Holds the read end of the life-line and kills its whole namespace at the end of file. `--die-with-parent` alone leaks in the first
 * milliseconds (measured: 17 of 24). An orphan, so that the agent has no children it did not make, under a name of its own, so that no
 * `pkill -f` of the agent's meets it by accident.
 */
function lifelineText(bash: string): string {
  const read = `exec -c -a pancode-lifeline -- ${bash} --norc -p -c 'read -r -u ${FD.lifeline} _; kill -KILL -1'`;
  return `( ( ${read} ) </dev/null >/dev/null 2>&1 ${FD.readerFilter}<&- ${FD.ready}>&- & )`;
}

/** The relay gets nothing of the agent's environment. Old and new space are small: it only pipes. */
function relayText({ port, awaited }: Gateway): string {
  const start = `exec -c -- ${INSIDE.node} --max-old-space-size=32 --max-semi-space-size=1 ${INSIDE.relay} ${port}`;
  const relay = `( exec ${FD.readerFilter}<&- ${FD.ready}>&-; ${start} ) </dev/null`;
  return awaited ? `exec ${AWAITED}< <( ${relay} & ); wait $!` : `( ${relay} >&${FD.ready} & )`;
}

const AWAIT_RELAY = `read -r -u ${AWAITED} _ || { echo 'the gateway relay did not start' >&2; exit 125; }; exec ${AWAITED}<&-`;

export interface Gateway {
  /** Loopback port of the relay. */
  port: number;
  /** The command starts when the relay listens; else at once, and whoever started it hears at `FD.ready` when the relay does. */
  awaited: boolean;
}

export interface FirstParts {
  limits: string;
  gateway: Gateway | null;
  /** R only: bubblewrap again, which puts the filter against unix sockets on the agent alone, because the relay needs one. */
  readerWrap: string[] | null;
  bash: string;
}

/**
 * What follows may kill every process it sees, so it makes sure that these are its own: bubblewrap's is the first process of a new
 * namespace, and this one the second.
 */
const OWN_NAMESPACE = `[ $$ -eq 2 ] || { echo 'there is no process namespace of its own' >&2; exit 125; }`;

/** Text of the first process inside; its arguments are the agent's command. */
export function firstText(parts: FirstParts): string {
  const { limits, gateway, readerWrap, bash } = parts;
  const begin = [
    OWN_NAMESPACE,
    limits,
    lifelineText(bash),
    `exec ${FD.lifeline}<&-`,
    ...(gateway === null ? [] : [relayText(gateway)]),
    `exec ${FD.ready}>&-`,
  ];
  const ready = gateway?.awaited ? [AWAIT_RELAY] : [];
  if (readerWrap === null) return [...begin, ...ready, `exec ${FD.readerFilter}<&-`, 'exec -- "$@"'].join('\n');
  // The relay starts while bubblewrap sets up.
  const wait = ready.length > 0 ? [bash, '--norc', '-p', '-c', `${AWAIT_RELAY}; exec -- "$@"`, 'wait'] : [];
  return [...begin, `exec -- ${[...readerWrap, ...wait].map(shellQuote).join(' ')} "$@"`].join('\n');
}

/** Bubblewrap's second turn: the same view without the gateway's socket, and the filter that the first turn could not have. */
export function readerWrapOf(bwrap: string): string[] {
  const view = ['--unshare-user', '--cap-drop', 'ALL', '--dev-bind', '/', '/', '--tmpfs', INSIDE.gateway];
  return [bwrap, ...view, '--seccomp', String(FD.readerFilter), '--'];
}

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
