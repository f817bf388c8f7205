// The files of a till that runs in Node: a cursor and logs. A crash tears none of them.
//
// A cursor is written beside the old one, flushed, and takes its place in one step. A log is only appended to; what a
// crash leaves at its end was never confirmed, and is cut off. Anything else that is hurt is an error that names the file.

import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

import { Damaged, readCursor, readLog, record } from "./core/records.js";

async function contentOf(path) {
  try {
    return await readFile(path);
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

async function withFile(path, flags, work) {
  const file = await open(path, flags);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

// Make a name that was given or changed survive a power cut, where folders can be flushed.
const flushFolder = (path) => withFile(dirname(path), "r", (folder) => folder.sync()).catch(() => {});

async function replace(path, text) {
  const draft = `${path}.draft`;
  await withFile(draft, "w", async (file) => {
    await file.writeFile(text);
    await file.sync();
  });
  await rename(draft, path);
  await flushFolder(path);
}

export class FileCursor {
  constructor(path) {
    this.path = path;
  }

  async load() {
    const content = await contentOf(this.path);
    return content && readCursor(content, this.path);
  }

  async save(kept) {
    await replace(this.path, record(kept));
  }
}

export class FileLog {
  // How many bytes a crash had left at the end.
  torn = 0;

  constructor(path) {
    this.path = path;
  }

  async load() {
    const content = await contentOf(this.path);
    if (!content) return [];
    let log;
    try {
      log = readLog(content);
    } catch (error) {
      throw new Damaged(`${this.path}: ${error.message}`);
    }
    this.torn = log.torn;
    if (log.torn) await this.#cut(content.length - log.torn);
    return log.values;
  }

  async append(value) {
    await withFile(this.path, "a", async (file) => {
      const { size } = await file.stat();
      try {
        await file.writeFile(record(value));
        await file.sync();
      } catch (error) {
        await this.#cut(size).catch(() => {});
        throw error;
      }
      if (size === 0) await flushFolder(this.path);
    });
  }

  async rewrite(values) {
    await replace(this.path, values.map(record).join(""));
  }

  #cut(size) {
    return withFile(this.path, "r+", async (file) => {
      await file.truncate(size);
      await file.sync();
    });
  }
}
