/**
 * Reading server-sent events from the body of an answer.
 *
 * The browser's EventSource cannot be used: it sends no token, and it reconnects by itself from the
 * beginning.
 */

/** One event: its name, `message` where it has none, and its data. */
export interface IServerSentEvent {
  event: string;
  data: string;
}

/**
 * Each event, in order, until the body ends.
 *
 * Lines may be cut anywhere by the network, also within a character. Comments (the server's signs
 * of life) and other fields are left out.
 */
export async function* readServerSentEvents(
  body: ReadableStream<Uint8Array>
): AsyncGenerator<IServerSentEvent, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let event = 'message';
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) {
            yield { event, data: data.join('\n') };
          }
          event = 'message';
          data = [];
        } else if (line.startsWith('data:')) {
          data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
        } else if (line.startsWith('event:')) {
          event = line.slice(6).trim();
        }
      }
      if (done) {
        // An event without its empty line was cut off: it is read again from where it began.
        return;
      }
    }
  } finally {
    // Whoever stops reading must not leave the connection open.
    await reader.cancel().catch(() => undefined);
  }
}
