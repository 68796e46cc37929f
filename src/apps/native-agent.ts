/**
 * The native agent: PanCode's own coding agent, one process inside a dispatch's sandbox. Started as `native-agent.js [RIPGREP]`:
 * the path of ripgrep, else the one on PATH. What to do comes on stdin, events go to stdout (drivers/native-agent/lines.ts).
 */
import type { Tool } from '../core/contracts.ts';
import { makeModel } from '../drivers/native-agent/model.ts';
import { runAgent } from '../drivers/native-agent/run.ts';
import { openStdio } from '../drivers/native-agent/stdio.ts';
import askTool from '../drivers/tools/ask.ts';
import bash from '../drivers/tools/bash.ts';
import edit from '../drivers/tools/edit.ts';
import find from '../drivers/tools/find.ts';
import grep from '../drivers/tools/grep.ts';
import ls from '../drivers/tools/ls.ts';
import read from '../drivers/tools/read.ts';
import write from '../drivers/tools/write.ts';

/** In the order the model sees them; it never changes, so that the prompt's beginning does not either. */
const TOOLS: Tool[] = [read, ls, find, grep, write, edit, bash, askTool] as Tool[];

async function main(): Promise<void> {
  const stdio = await openStdio(process.stdin, process.stdout);
  if (stdio) {
    const { input, signal, emit, ask, askPerson, inbox } = stdio;
    const model = makeModel(input.endpoint, input.model);
    const over = new AbortController();
    const end = await runAgent({
      input,
      model,
      tools: TOOLS.filter((tool) => input.actions.includes(tool.action)),
      host: {
        cwd: process.cwd(),
        signal: AbortSignal.any([signal, over.signal]),
        ripgrep: process.argv[2] ?? 'rg',
        askPerson,
      },
      emit,
      ask,
      inbox,
    });
    // Background children of commands end with the agent, also where no sandbox would end them.
    over.abort();
    emit(end);
  }
  process.exit(0);
}

void main();
