/** Space set aside at the start of a dispatch, so that its end can still be written down when the disk is full. */
import fs from 'node:fs';

/** For the last events and the result, bytes. The answer of an agent is seldom longer than some ten thousand. */
const RESERVED_BYTES = 1 << 20;

export interface Reserve {
  /** Gives the space back; true the first time. */
  release(): boolean;
}

/** Throws where there is not even this much space. Written, as a file with a hole would hold nothing. */
export function setAside(file: string): Reserve {
  fs.writeFileSync(file, Buffer.alloc(RESERVED_BYTES, 1), { mode: 0o600 });
  let held = true;
  return {
    release() {
      const had = held;
      held = false;
      if (had) fs.rmSync(file, { force: true });
      return had;
    },
  };
}
