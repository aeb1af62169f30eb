/* The requests of the page. Whatever goes wrong becomes a Problem whose message can be shown. */

import { readEvents } from './events.js';

const ANSWER_SILENCE = 45_000; /* the server sends a heartbeat every 15 s at the latest */
const STATS_SILENCE = 5_000; /* it sends one event a second */
const ANSWER_LIMIT = 4 << 20; /* characters of one answer */

export class Problem extends Error {
    constructor(message, status = 0) {
        super(message);
        this.status = status;
    }
}

/**
 * Asks a question and calls onToken(text) for each piece of the answer. Returns the data of the
 * `done` event. Aborting the signal closes the connection, which stops the answer on the server.
 */
export async function ask(id, text, { signal, onToken }) {
    const response = await send(`/conversations/${id}/messages`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
        body: JSON.stringify({ text }),
        signal,
    });
    const answer = { length: 0, end: null };
    try {
        for await (const events of readEvents(response.body, ANSWER_SILENCE)) {
            take(events, answer, onToken);
            if (answer.end) return answer.end;
        }
    } catch (error) {
        throw signal.aborted ? error : readable(error);
    }
    throw new Problem('The connection to the server was lost before the answer was complete.');
}

/* Tokens that came together are handed on together, and before what ends the answer. */
function take(events, answer, onToken) {
    let text = '';
    let problem = null;
    for (const { name, data } of events) {
        if (name === 'token') text += parse(data).text;
        else if (name === 'done') answer.end = parse(data);
        else if (name === 'failed')
            problem = new Problem(parse(data).message || 'The server could not answer.');
        if (answer.length + text.length > ANSWER_LIMIT)
            problem = new Problem(
                `The answer is longer than ${ANSWER_LIMIT} characters; the rest was left out.`,
            );
        if (answer.end || problem) break;
    }
    answer.length += text.length;
    if (text) onToken(text);
    if (problem) throw problem;
}

/** The messages the server keeps of a conversation, or null when it knows none of that name. */
export async function history(id, signal) {
    try {
        const response = await send(`/conversations/${id}`, { signal });
        return parse(await response.text()).messages;
    } catch (error) {
        if (error.status === 404) return null;
        throw error;
    }
}

/** Lets the server forget a conversation. One it has already forgotten is fine. */
export async function forget(id) {
    try {
        await send(`/conversations/${id}`, { method: 'DELETE', keepalive: true });
    } catch (error) {
        if (error.status !== 404) throw error;
    }
}

/** Yields the server's figures, once a second, until the connection ends. */
export async function* figures(signal) {
    const response = await send('/stats', { headers: { Accept: 'text/event-stream' }, signal });
    for await (const events of readEvents(response.body, STATS_SILENCE)) {
        const last = events.findLast((event) => event.name === 'stats');
        if (last) yield parse(last.data);
    }
}

async function send(path, options) {
    let response;
    try {
        response = await fetch(path, { cache: 'no-store', ...options });
    } catch (error) {
        throw options.signal?.aborted ? error : readable(error);
    }
    if (!response.ok) throw new Problem(await errorText(response), response.status);
    return response;
}

async function errorText(response) {
    const body = await response.text().catch(() => '');
    try {
        const message = JSON.parse(body).error.message;
        if (typeof message === 'string' && message) return message;
    } catch {
        /* not one of our answers: a proxy's page, perhaps */
    }
    return `The server refused the request (${response.status} ${response.statusText}).`;
}

function parse(text) {
    try {
        const value = JSON.parse(text);
        if (value !== null && typeof value === 'object') return value;
    } catch {
        /* reported below */
    }
    throw new Problem('The server sent something that is not JSON.');
}

function readable(error) {
    if (error instanceof Problem) return error;
    if (error.name === 'Silence')
        return new Problem(`Nothing was heard from the server for ${ANSWER_SILENCE / 1000} seconds.`);
    if (error instanceof RangeError) return new Problem(`The answer was given up: ${error.message}.`);
    if (navigator.onLine === false) return new Problem('This device is offline.');
    return new Problem('The server cannot be reached, or the connection to it broke.');
}
