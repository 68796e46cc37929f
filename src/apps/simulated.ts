/**
 * The simulated model as a program: `simulated.js --demo` or `simulated.js --script FILE`, with `--port N` and `--pose ENGINE`. It prints
 * one line `{"url": "…"}` when it listens, and ends with whoever started it: when its standard input ends, or on SIGTERM or SIGINT.
 */
import { parseArgs } from 'node:util';
import { DEMO_SCRIPT } from '../drivers/simulated/demo-script.ts';
import { ENGINES } from '../drivers/simulated/pose.ts';
import { readScript } from '../drivers/simulated/script.ts';
import { type Simulated, startSimulated } from '../drivers/simulated/server.ts';
import { EXIT, PanError } from '../protocol/error.ts';

/** Requests the program remembers: it may run for days, and nobody looks at them. */
const REMEMBERED = 10;

async function main(): Promise<void> {
  try {
    const model = await start(process.argv.slice(2));
    const stop = () => void model.close().then(() => process.exit(EXIT.ok));
    process.once('SIGTERM', stop).once('SIGINT', stop);
    process.stdin.once('end', stop).once('error', stop).resume();
    process.stdout.write(`${JSON.stringify({ url: model.url })}\n`);
  } catch (error) {
    if (!(error instanceof PanError)) throw error;
    process.stderr.write(`${error.message} ${error.do}\n`);
    process.exitCode = error.exit;
  }
}

void main();

async function start(args: string[]): Promise<Simulated> {
  const { demo, script, port, pose } = readOptions(args);
  if (demo === (script !== undefined)) throw usage('Either --demo or --script FILE is needed.');
  const number = Number(port ?? 0);
  if (!/^\d+$/.test(port ?? '0') || number > 65_535) throw usage(`"${port}" is no port.`);
  const engine = ENGINES.find((one) => one === pose);
  if (pose !== undefined && !engine) throw usage(`"${pose}" is no engine; there are ${ENGINES.join(', ')}.`);
  const followed = script === undefined ? DEMO_SCRIPT : await readScript(script);
  try {
    return await startSimulated({
      script: engine ? { ...followed, pose: engine } : followed,
      port: number,
      remember: REMEMBERED,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new PanError(
      'port-taken',
      `Port ${number} is in use.`,
      'Choose another --port, or leave it out.',
      EXIT.failed,
      error,
    );
  }
}

function readOptions(args: string[]): { demo: boolean; script?: string; port?: string; pose?: string } {
  try {
    const { values } = parseArgs({
      args,
      options: {
        demo: { type: 'boolean', default: false },
        script: { type: 'string' },
        port: { type: 'string' },
        pose: { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    // Node's own message names the argument.
    throw usage((error as Error).message);
  }
}

function usage(what: string): PanError {
  return new PanError('usage', what, 'Use: simulated.js --demo | --script FILE [--port N] [--pose ENGINE]', EXIT.usage);
}
