/** The files of a till that runs in Node. A crash tears none of them. */

import type { Cursor, Kept, Log } from "./index.js";

/** A cursor in a file of its own. */
export class FileCursor implements Cursor {
  constructor(path: string);
  readonly path: string;
  load(): Promise<Kept | null>;
  save(kept: Kept): Promise<void>;
}

/** A log in a file of its own. */
export class FileLog implements Log {
  constructor(path: string);
  readonly path: string;
  /** How many bytes a crash had left at its end; `load` cuts them off. */
  readonly torn: number;
  load(): Promise<unknown[]>;
  append(value: unknown): Promise<void>;
  rewrite(values: unknown[]): Promise<void>;
}
