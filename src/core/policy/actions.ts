/** What a runtime is told when it asks before an action (safety-design §8). The kernel decides reach; this only spares detours. Pure. */
import type { Stance } from '../../protocol/receipt.ts';
import type { ActionAnswer, ActionRequest } from '../contracts.ts';

export function answerAction(request: ActionRequest, stance: Stance): ActionAnswer {
  if (stance.readonly && request.action === 'file.write')
    return {
      allow: false,
      reason:
        'This dispatch is read-only: the file system refuses every write. Report what you would change instead of changing it.',
    };
  if (request.action === 'network')
    return {
      allow: false,
      reason: 'There is no network here but the model endpoint. Work with what is in the project.',
    };
  return { allow: true, reason: '' };
}
