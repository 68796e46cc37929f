/** What the simulated model says in `pancode demo`, in the benchmark and wherever no script is given. Its words claim only what the tools said. */
import type { ScriptInput } from './script.ts';

/** The line of the demo's own project (apps/commands/demo.ts). */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is code.
const GREET = 'export const greet = (name) => `Hello, ${name}`;\n';

/** `{"verdict": …}` is in the prompt of every agent that must end with one. */
const REVIEW = `This is a simulated review: a script plays the reviewer, and nothing was judged. It looked at README.md and got:

{lastResult}

\`\`\`json
{"verdict": "approve", "findings": [{"file": null, "line": null, "severity": "note", "text": "Simulated: no real model looked at this."}]}
\`\`\``;

export const DEMO_SCRIPT: ScriptInput = {
  conversations: [
    {
      // Ten minutes of one small piece a second.
      when: '[slow]',
      turns: [{ text: 'Still thinking about it. '.repeat(600), betweenMs: 1_000 }],
    },
    {
      system: '{"verdict": "',
      turns: [{ calls: [{ read: 'README.md' }] }, { text: REVIEW }],
    },
    {
      system: '/You are read-only/',
      turns: [
        { calls: [{ read: 'README.md' }] },
        { text: 'This is a simulated answer: a script plays the model. It read README.md and got:\n\n{lastResult}' },
      ],
    },
    {
      when: 'with a note in NOTES.md',
      turns: [
        { text: 'I look at the greeting first.', calls: [{ read: 'src/greet.js' }] },
        {
          calls: [
            {
              write: {
                path: 'NOTES.md',
                content: '# Notes\n\n`greet` says hello, `farewell` says goodbye; both take a name.\n',
              },
            },
            {
              edit: {
                path: 'src/greet.js',
                old: GREET,
                new: `${GREET}\n${GREET.replace('greet', 'farewell').replace('Hello', 'Goodbye')}`,
              },
            },
          ],
        },
        {
          text: [
            '**Done**: a farewell beside the greeting (simulated: a script plays the model).',
            '**Changed**: `src/greet.js` for the farewell, `NOTES.md` for the note. The tool said: {lastResult}',
            '**Checked**: nothing was run.',
            '**Open**: nothing.',
          ].join('\n'),
        },
      ],
    },
    {
      turns: [
        {
          text: 'I write down what was asked.',
          calls: [{ write: { path: 'NOTES.md', content: '# Notes\n\nAsked: {task}\n' } }],
        },
        {
          text: [
            '**Done**: the task stands in NOTES.md; a script plays the model and can do no more than that.',
            '**Changed**: `NOTES.md`. The tool said: {lastResult}',
            '**Checked**: nothing was run.',
            '**Open**: the task itself.',
          ].join('\n'),
        },
      ],
    },
  ],
};
