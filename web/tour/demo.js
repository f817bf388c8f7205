// The demo's own calls: a session with keys of its own, its stream, and acts. The token goes in a header.

const AGAIN_MS = [250, 500, 1_000, 2_000];

// The demo said no, or is not there; `message` is a sentence for the person.
export class DemoRefused extends Error {}

// The lines of a stream of bytes, as objects.
export async function* linesOf(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line) yield JSON.parse(line);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

export class Demo {
  #token;
  #session = null;
  #fetch;

  constructor(token, fetch = (...words) => globalThis.fetch(...words)) {
    this.#token = token;
    this.#fetch = fetch;
  }

  get session() {
    return this.#session;
  }

  // Keys for this page: `{session, tenant, storefrontKey, tills}`. They end when nobody reads `follow` any more.
  async open(page) {
    const made = await (await this.#ask("POST", `/demo/sessions/${page}`)).json();
    this.#session = made.session;
    return made;
  }

  // Do it, and answer `{says, orders}`: what was done, in a sentence, and the orders that were placed, as [id, offset].
  async act(name, { gateway } = {}) {
    const query = new URLSearchParams({ session: this.#session, ...(gateway ? { gateway } : {}) });
    return (await this.#ask("POST", `/demo/acts/${name}?${query}`)).json();
  }

  // The demo about itself: `{caFile}`, what a client has to trust where it speaks TLS, else null.
  async about() {
    return (await this.#ask("GET", "/demo/about")).json();
  }

  // A code that a new till types.
  async pairingCode() {
    return (await (await this.#ask("POST", "/demo/pairings")).json()).code;
  }

  // Hand every line of the stream to `take`, over cuts. `onOpen(true | false)` says whether it is there. Ends with a
  // `DemoRefused` when the session is over.
  async follow(take, onOpen = () => {}) {
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await this.#ask("GET", `/demo/sessions/${this.#session}/stream`);
        onOpen(true);
        for await (const line of linesOf(answer.body)) {
          tries = 0;
          take(line);
        }
      } catch (error) {
        if (error instanceof DemoRefused && error.isFinal) throw error;
      }
      onOpen(false);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]));
    }
  }

  // The page is closed: its keys may go.
  leave() {
    if (this.#session) this.#ask("DELETE", `/demo/sessions/${this.#session}`, { keepalive: true }).catch(() => {});
  }

  async #ask(method, path, more = {}) {
    let answer;
    try {
      answer = await this.#fetch(path, { method, headers: { "X-Demo-Token": this.#token }, cache: "no-store", ...more });
    } catch {
      throw new DemoRefused("The demo does not answer. Is it still running?");
    }
    if (answer.ok) return answer;
    const refused = new DemoRefused(await detailOf(answer));
    refused.isFinal = answer.status === 403 || answer.status === 404;
    throw refused;
  }
}

async function detailOf(answer) {
  try {
    return (await answer.json()).detail ?? `The demo answered with ${answer.status}.`;
  } catch {
    return `The demo answered with ${answer.status}.`;
  }
}
