/** Names of the refs PanCode keeps in the user's repository; everything of a dispatch is below `refs/pancode/<id>/`. */
export const baseRef = (id: string) => `refs/pancode/${id}/base`;
export const resultRef = (id: string) => `refs/pancode/${id}/result`;
/** The tree after an apply, with the tree before it as its parent: what `undo` reverses. */
export const appliedRef = (id: string) => `refs/pancode/${id}/applied`;
/** Commits the agent made itself and whose content may not be in the result. */
export const commitsRef = (id: string) => `refs/pancode/${id}/commits`;
