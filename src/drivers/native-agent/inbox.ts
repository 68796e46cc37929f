/** Words of a person to the running agent, in order. What is taken in is part of the next model request; after the end nothing is. */
export class Inbox {
  #texts: string[] = [];
  #closed = false;

  /** False where it comes too late. */
  add(text: string): boolean {
    if (!this.#closed) this.#texts.push(text);
    return !this.#closed;
  }

  get waiting(): number {
    return this.#texts.length;
  }

  take(): string[] {
    return this.#texts.splice(0);
  }

  close(): void {
    this.#closed = true;
  }
}
