// Server-sent events out of an answer's text, however it was cut into pieces.

export class Events {
  #rest = "";
  #event = { id: null, event: "message", data: [] };

  // Take a piece; gives the events that it completed, `{id, event, data}`, and `null` for each comment.
  take(piece) {
    const found = [];
    // A carriage return at the very end may be the first half of a line's end.
    const text = this.#rest + piece;
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) this.#line(line, found);
    return found;
  }

  #line(line, found) {
    if (line === "") {
      const { data, ...event } = this.#event;
      if (data.length) found.push({ ...event, data: data.join("\n") });
      this.#event = { id: this.#event.id, event: "message", data: [] };
      return;
    }
    if (line.startsWith(":")) {
      found.push(null);
      return;
    }
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
    if (name === "data") this.#event.data.push(value ?? "");
    else if (name === "event") this.#event.event = value ?? "";
    else if (name === "id") this.#event.id = value ?? "";
  }
}

// Read a body to its end, and hand over each event, and null for each sign of life without one.
export async function read(body, hand) {
  const events = new Events();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    for (const event of events.take(value)) hand(event);
  }
}
