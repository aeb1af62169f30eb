/* The conversations of this browser: what was said, what is being answered, what is remembered.
 *
 * A conversation is { id, title, created, draft, messages, loaded, answer, unread, problem }.
 * A message is { role, text, state, ... }; states of an answer:
 *
 *     queued -> waiting -> streaming -> done
 *        \________\____________\_____-> stopped | failed
 *
 * Names, titles and drafts are kept in localStorage, one key each so that several tabs do not
 * overwrite each other; the messages are the server's and are fetched when first looked at. */

import { ask, forget, history } from './api.js';

/* HTTP/1.1 gives a page six connections to one server: one carries the live figures, one is left
 * for everything short. */
const ANSWERS_AT_ONCE = 4;
const KEY = 'weft.chat/';
const TITLE_LENGTH = 80;
const ID = /^[A-Za-z0-9-]{8,64}$/;

export class Conversations {
    #all = new Map();
    #queue = [];
    #running = 0;
    #tell;

    /** tell(what, conversation, detail): 'added', 'removed', 'state', 'messages' or 'token'. */
    constructor(tell) {
        this.#tell = tell;
        for (const entry of stored()) this.#all.set(entry.id, blank(entry));
    }

    /** All of them, the newest first. */
    list() {
        return [...this.#all.values()].sort((a, b) => b.created - a.created);
    }

    get(id) {
        return this.#all.get(id);
    }

    /** A new conversation, or the one of that name that another page has linked to. */
    add(id = newId()) {
        if (!ID.test(id)) return this.add();
        const fresh = arguments.length === 0;
        const conversation = blank({ id, created: Date.now(), loaded: fresh });
        this.#all.set(id, conversation);
        this.#tell('added', conversation);
        return conversation;
    }

    /** Drops a conversation here and, if it ever reached the server, there. */
    remove(conversation) {
        this.stop(conversation);
        this.#all.delete(conversation.id);
        unstore(conversation.id);
        this.#tell('removed', conversation);
        if (!isEmpty(conversation))
            forget(conversation.id).catch(
                () => {},
            ); /* it is gone from view; the server's copy is in memory only */
    }

    keepDraft(conversation, draft) {
        conversation.draft = draft;
        if (draft || conversation.title) store(conversation);
        else unstore(conversation.id);
    }

    /** Fetches what the server has of a conversation known by name only. */
    async load(conversation) {
        if (conversation.loaded || conversation.loading) return;
        conversation.loading = true;
        conversation.problem = '';
        this.#tell('messages', conversation);
        try {
            const messages = await history(conversation.id);
            conversation.loaded = true;
            conversation.messages.unshift(...remembered(messages, conversation));
            this.#nameBy(conversation);
        } catch (error) {
            conversation.problem = error.message;
        }
        conversation.loading = false;
        this.#tell('messages', conversation);
    }

    /** Asks; the answer arrives as 'token' and 'state' news. Several may be under way at once. */
    send(conversation, text) {
        conversation.messages.push({ role: 'user', text, state: 'done' });
        this.#nameBy(conversation);
        store(conversation);
        this.#answer(conversation, text);
    }

    /** Asks the last question again in place of its failed or stopped answer. */
    retry(conversation) {
        const last = conversation.messages.at(-1);
        const question = conversation.messages.at(-2);
        if (conversation.answer || last?.role !== 'assistant' || question?.role !== 'user') return;
        conversation.messages.pop();
        this.#answer(conversation, question.text);
    }

    /** Ends the answer under way, keeping what has arrived. */
    stop(conversation) {
        const { answer } = conversation;
        if (!answer) return;
        if (answer.state === 'queued') {
            this.#queue.splice(this.#queue.indexOf(conversation), 1);
            this.#end(conversation, { state: 'stopped' });
        } else conversation.controller.abort();
    }

    /** The server may have been restarted: find out before the next question of each. */
    doubtMemory() {
        for (const conversation of this.#all.values())
            conversation.doubted = conversation.messages.some(
                (message) => message.role === 'assistant' && message.text,
            );
    }

    #nameBy(conversation) {
        const first = conversation.messages.find((message) => message.role === 'user');
        if (conversation.title || !first) return;
        conversation.title = first.text.trim().split('\n', 1)[0].slice(0, TITLE_LENGTH);
        this.#tell('state', conversation);
    }

    #answer(conversation, text) {
        conversation.answer = { role: 'assistant', text: '', state: 'queued' };
        conversation.messages.push(conversation.answer);
        conversation.question = text;
        this.#queue.push(conversation);
        this.#tell('messages', conversation);
        this.#next();
        this.#tell('state', conversation);
    }

    #next() {
        while (this.#running < ANSWERS_AT_ONCE && this.#queue.length > 0) {
            this.#running++;
            this.#run(this.#queue.shift());
        }
    }

    async #run(conversation) {
        const { answer } = conversation;
        const controller = (conversation.controller = new AbortController());
        answer.state = 'waiting';
        this.#tell('state', conversation);
        let end;
        try {
            await this.#checkMemory(conversation, controller.signal);
            const done = await ask(conversation.id, conversation.question, {
                signal: controller.signal,
                onToken: (text) => this.#token(conversation, text),
            });
            end = {
                state: 'done',
                usage: done.usage,
                reason: done.finish_reason,
                firstToken: done.first_token_ms,
            };
        } catch (error) {
            end = controller.signal.aborted
                ? { state: 'stopped' }
                : { state: 'failed', error: error.message };
        }
        this.#running--;
        this.#end(conversation, end);
        this.#next();
    }

    #token(conversation, text) {
        const { answer } = conversation;
        answer.text += text;
        if (answer.state !== 'streaming') {
            answer.state = 'streaming';
            this.#tell('state', conversation);
        }
        this.#tell('token', conversation, text);
    }

    #end(conversation, end) {
        const { answer } = conversation;
        Object.assign(answer, end);
        conversation.answer = null;
        conversation.controller = null;
        this.#tell('state', conversation, answer);
    }

    /* The page still shows what a restarted server has forgotten: say so, above the question. */
    async #checkMemory(conversation, signal) {
        if (!conversation.doubted) return;
        const known = await history(conversation.id, signal);
        conversation.doubted = false;
        if (known !== null) return;
        const text = 'The server was restarted and no longer remembers the messages above.';
        conversation.messages.splice(-2, 0, { role: 'note', text, state: 'done' });
        this.#tell('messages', conversation);
    }
}

export function isEmpty(conversation) {
    return conversation.loaded && conversation.messages.length === 0;
}

function blank({ id, created, title = '', draft = '', loaded = false }) {
    return { id, created, title, draft, loaded, messages: [], answer: null, unread: false, problem: '' };
}

function remembered(messages, conversation) {
    if (messages !== null) return messages.map(({ role, text }) => ({ role, text, state: 'done' }));
    if (!conversation.title) return [];
    return [
        { role: 'note', text: 'The server no longer has the messages of this conversation.', state: 'done' },
    ];
}

/* crypto.randomUUID exists only in secure contexts; a page served to another machine has none. */
function newId() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function* stored() {
    try {
        for (const key of Object.keys(localStorage).filter((name) => name.startsWith(KEY))) {
            const id = key.slice(KEY.length);
            const { title, created, draft } = JSON.parse(localStorage.getItem(key));
            if (ID.test(id) && Number.isFinite(created))
                yield { id, created, title: String(title ?? ''), draft: String(draft ?? ''), loaded: !title };
        }
    } catch {
        /* storage is switched off or holds another program's data: start with an empty list */
    }
}

function store({ id, title, created, draft }) {
    try {
        localStorage.setItem(KEY + id, JSON.stringify({ title, created, draft }));
    } catch {
        /* switched off or full: the conversation lives as long as the page */
    }
}

function unstore(id) {
    try {
        localStorage.removeItem(KEY + id);
    } catch {
        /* switched off: nothing was stored */
    }
}
