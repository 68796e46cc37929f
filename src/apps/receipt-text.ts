/** A receipt as a person reads it. */
import { visible, visibleLine } from '../core/visible.ts';
import type { Amendment, Imported, Receipt } from '../protocol/receipt.ts';
import type { Cost, Usage } from '../protocol/usage.ts';

export function receiptText(receipt: Receipt): string {
  const { outcome, changes } = receipt;
  const lines = [
    ...(receipt.result?.trim() ? [visible(receipt.result.trim()), ''] : []),
    `${outcome.status}  ${visible(outcome.reason)}`,
    `  dispatch  ${receipt.id}`,
    ...(receipt.imported ? [`  imported  ${importedText(receipt.imported)}`] : []),
    `  worker    ${visibleLine(receipt.worker.id)}${receipt.worker.runtimeVersion ? ` (${visibleLine(receipt.worker.runtimeVersion)})` : ''}`,
    `  stance    ${receipt.stance.mode} · ${receipt.stance.safety}${receipt.stance.readonly ? ' · read-only' : ''} · ${receipt.enforcement.label}${receipt.enforcement.label === 'none' ? ' · UNSANDBOXED' : ''}`,
    `  usage     ${usageText(receipt.usage)}`,
    `  cost      ${costText(receipt.cost)}`,
    `  time      ${(receipt.time.wallMs / 1000).toFixed(1)} s`,
  ];
  if (receipt.verify)
    lines.push(
      `  check     \`${visibleLine(receipt.verify.command, 80)}\` ${receipt.verify.exitCode === 0 ? 'passed' : `failed (${receipt.verify.exitCode ?? 'killed'})`}`,
    );
  if (changes.files.length > 0) {
    lines.push(
      `  changes   ${changes.applied ? 'applied to your working tree' : `not applied; kept in ${changes.ref}`}`,
    );
    for (const file of changes.files)
      lines.push(
        `            ${visibleLine(file.path, 100)}  ${file.added === null ? 'binary' : `+${file.added} −${file.deleted}`}${file.class === 'ordinary' ? '' : `  ${file.class}`}`,
      );
    if (changes.applied) lines.push(`            take it back with \`pancode undo ${receipt.id}\``);
  }
  return lines.join('\n');
}

export function amendmentText(amendment: Amendment): string {
  const files = amendment.files.map((file) => visibleLine(file, 100)).join(', ');
  const from = amendment.imported ? ' (imported)' : '';
  return `  ${visibleLine(amendment.at)}  ${amendment.type} by ${amendment.by}${from}${files === '' ? '' : `: ${files}`}`;
}

function importedText({ at, integrity, intact }: Imported): string {
  const seal = intact ? 'as it was sealed there' : integrity ? 'CHANGED after it was sealed there' : 'without a seal';
  return `from another home on ${at.slice(0, 10)}, ${seal}`;
}

export function usageText(usage: Usage): string {
  if (usage.grade === 'unknown') return `unknown (${usage.requests} requests)`;
  const part = (name: string, value: number | null) => (value === null ? `${name} unknown` : `${value} ${name}`);
  return `${part('in', usage.input)} · ${part('cached', usage.cacheRead)} · ${part('out', usage.output)} tokens in ${usage.requests} requests (${usage.grade})`;
}

/** For a column: the amount, and whether anything was spent. */
export function shortCost(cost: Cost): string {
  const amount = cost.usd === null ? 'unknown' : `$${cost.usd.toFixed(4)}`;
  return cost.billing === 'simulated' ? `${amount} (sim)` : amount;
}

export function costText(cost: Cost): string {
  const amount = cost.usd === null ? 'unknown' : `$${cost.usd.toFixed(4)}`;
  const billing = {
    api: '',
    subscription: ', on a subscription',
    local: ', local',
    simulated: ', SIMULATED model: nothing was spent',
    unknown: ', billing unknown',
  }[cost.billing];
  return `${amount}${cost.usd === null ? '' : ` (${cost.grade})`}${billing}`;
}
