/* Server-Sent Events read from a fetch body (EventSource cannot POST).
 *
 * EventParser is text in, events out, and does no I/O: any split of the text gives the same
 * events. readEvents() adds the reading and a limit on silence. */

export const LINE_LIMIT = 1 << 20;

export class EventParser {
    #buffer = '';
    #name = '';
    #data = [];
    #size = 0;

    /** Takes some text of the stream; returns the events that it completed. */
    feed(text) {
        const events = [];
        let from = 0;
        const all = this.#buffer + text;
        for (;;) {
            const end = lineEnd(all, from);
            if (end < 0) break;
            this.#line(all.slice(from, end), events);
            from = end + (all.startsWith('\r\n', end) ? 2 : 1);
        }
        this.#buffer = all.slice(from);
        if (this.#buffer.length > LINE_LIMIT || this.#size > LINE_LIMIT)
            throw new RangeError(`a server event is longer than ${LINE_LIMIT} characters`);
        return events;
    }

    #line(line, events) {
        if (line === '') {
            if (this.#data.length > 0)
                events.push({ name: this.#name || 'message', data: this.#data.join('\n') });
            this.#name = '';
            this.#data = [];
            this.#size = 0;
            return;
        }
        const colon = line.indexOf(':');
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
        if (field === 'event') this.#name = value;
        else if (field === 'data') {
            this.#data.push(value);
            this.#size += value.length + 1;
        }
    }
}

/* A carriage return at the very end may be the first half of CRLF: wait for what follows. */
function lineEnd(text, from) {
    const ends = /[\r\n]/g;
    ends.lastIndex = from;
    const at = ends.exec(text)?.index ?? -1;
    return text[at] === '\r' && at + 1 === text.length ? -1 : at;
}

/**
 * Yields the events of a response body until it ends, as arrays: those that arrived together come
 * together, for one wait each would be dear when there are thousands. Throws an Error named 'Silence' when
 * nothing, not even a heartbeat comment, has come for `silence` milliseconds.
 */
export async function* readEvents(body, silence) {
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    try {
        for (;;) {
            const { done, value } = await within(silence, reader.read());
            if (done) return;
            yield parser.feed(decoder.decode(value, { stream: true }));
        }
    } finally {
        reader.cancel().catch(() => {}); /* leaving early closes the connection */
    }
}

async function within(milliseconds, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => {
            const error = new Error('nothing was heard from the server');
            error.name = 'Silence';
            reject(error);
        }, milliseconds);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}
