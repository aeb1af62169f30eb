/* The messages of the conversation that is looked at.
 *
 * Tokens are shown once a frame. The view follows the end of the answer until the reader scrolls
 * up, and again once the reader has come back to the end. */

import { Markdown } from './markdown.js';

const NEAR_END = 48; /* pixels from the end that still count as reading along */

const SUGGESTIONS = [
    'Explain how a fiber waits without holding a thread',
    'Write a haiku about a loom',
    'Show me quicksort in C, with comments',
    'Plan three days in Kyoto in autumn',
];

export class Transcript {
    #scroller = document.getElementById('scroller');
    #root = document.getElementById('transcript');
    #latest = document.getElementById('latest');
    #conversation = null;
    #writing = null; /* { answer, element, markdown } of the answer under way */
    #frame = 0;
    #following = true;
    #lastTop = 0;
    #act;

    /** act is { send(text), retry(), reload() }. */
    constructor(act) {
        this.#act = act;
        this.#scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
        this.#latest.addEventListener('click', () => this.follow());
        new ResizeObserver(() => this.#stick()).observe(this.#scroller);
    }

    /** Shows a conversation from its first message on. */
    show(conversation) {
        const isOther = conversation !== this.#conversation;
        this.#conversation = conversation;
        this.#writing = null;
        this.#root.replaceChildren(...this.#contents(conversation));
        if (isOther) this.follow();
        this.#stick();
    }

    /** Goes to the end and stays there. */
    follow() {
        this.#following = true;
        this.#stick();
    }

    token(text) {
        if (!this.#writing) return; /* show() has drawn this text already */
        this.#writing.markdown.append(text);
        this.#frame ||= requestAnimationFrame(() => this.#draw());
    }

    /** The answer under way, or the one that has just ended, is in another state. */
    state(answer) {
        const writing = this.#writing;
        if (!writing || writing.answer !== answer) return;
        if (isUnderWay(answer)) this.#dress(writing.element, answer);
        else {
            this.#draw();
            writing.markdown.finish();
            this.#dress(writing.element, answer);
            this.#writing = null;
        }
        this.#stick();
    }

    #draw() {
        cancelAnimationFrame(this.#frame);
        this.#frame = 0;
        this.#writing?.markdown.flush();
        this.#stick();
    }

    #contents(conversation) {
        if (conversation.loading) return [make('p', 'note', 'Fetching the messages…')];
        if (conversation.problem) return [this.#failure(conversation.problem, 'Try again', this.#act.reload)];
        if (conversation.messages.length === 0) return [this.#welcome()];
        return conversation.messages.map((message) => this.#message(message));
    }

    #message(message) {
        if (message.role === 'note') return make('p', 'note', message.text);
        const element = make('article', `message ${message.role === 'user' ? 'user' : 'assistant'}`);
        const body = make('div', 'body');
        element.append(make('h3', 'unseen', message.role === 'user' ? 'You' : 'Answer'), body);
        if (message.role === 'user') body.textContent = message.text;
        else this.#answer(element, body, message);
        return element;
    }

    #answer(element, body, message) {
        const markdown = new Markdown(body);
        markdown.append(message.text);
        if (isUnderWay(message)) {
            markdown.flush();
            this.#writing = { answer: message, element, markdown };
        } else markdown.finish();
        this.#dress(element, message);
    }

    /* Everything about an answer but its text: the caret, the wait, the figures, the failure. */
    #dress(element, answer) {
        element.dataset.state = answer.state;
        element.setAttribute('aria-busy', String(isUnderWay(answer)));
        element.querySelectorAll(':scope > :not(.body, h3)').forEach((node) => node.remove());
        if (answer.state === 'queued')
            element.append(make('p', 'wait', 'In line: this page streams four answers at a time'));
        else if (answer.state === 'waiting') element.append(dots());
        else if (answer.state === 'failed')
            element.append(this.#failure(answer.error, 'Retry', this.#act.retry));
        else if (answer.state !== 'streaming') element.append(this.#footer(answer));
    }

    #failure(text, label, action) {
        const box = make('div', 'failure');
        const button = make('button', 'retry', label);
        button.type = 'button';
        button.addEventListener('click', () => action());
        box.setAttribute('role', 'alert');
        box.append(make('p', '', text), button);
        return box;
    }

    #footer(answer) {
        const footer = make('footer', 'figures');
        footer.append(make('span', '', figures(answer)));
        if (navigator.clipboard && answer.text) {
            const copy = make('button', 'copy', 'Copy');
            copy.type = 'button';
            copy.setAttribute('aria-label', 'Copy the answer');
            copy.addEventListener('click', () => copyText(copy, answer.text));
            footer.append(copy);
        }
        return footer;
    }

    #welcome() {
        const welcome = make('section', 'welcome');
        const mark = make('img', '');
        mark.src = '/favicon.svg';
        mark.alt = '';
        const list = make('div', 'suggestions');
        for (const text of SUGGESTIONS) {
            const button = make('button', '', text);
            button.type = 'button';
            button.addEventListener('click', () => this.#act.send(text));
            list.append(button);
        }
        welcome.append(
            mark,
            make('h3', '', 'What is on your mind?'),
            make('p', '', 'Ask several things at once: answers go on streaming while you read another one.'),
            list,
        );
        return welcome;
    }

    #scrolled() {
        const top = this.#scroller.scrollTop;
        const left = this.#scroller.scrollHeight - this.#scroller.clientHeight - top;
        /* Growing text moves the end away without a scroll upwards: that is no wish to stop. */
        if (left <= NEAR_END) this.#following = true;
        else if (top < this.#lastTop) this.#following = false;
        this.#lastTop = top;
        this.#latest.hidden = this.#following || left <= NEAR_END;
    }

    #stick() {
        if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
        const left = this.#scroller.scrollHeight - this.#scroller.clientHeight - this.#scroller.scrollTop;
        this.#latest.hidden = this.#following || left <= NEAR_END;
    }
}

export function isUnderWay(answer) {
    return ['queued', 'waiting', 'streaming'].includes(answer.state);
}

function figures({ state, usage, reason, firstToken }) {
    const parts = [];
    if (state === 'stopped') parts.push('Stopped');
    if (reason === 'length') parts.push('Cut at the length limit');
    if (Number.isFinite(firstToken)) parts.push(`First token after ${duration(firstToken)}`);
    if (usage?.completion_tokens) parts.push(`${usage.completion_tokens.toLocaleString('en')} tokens`);
    return parts.join(' · ');
}

function duration(milliseconds) {
    return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

async function copyText(button, text) {
    try {
        await navigator.clipboard.writeText(text);
        button.textContent = 'Copied';
    } catch {
        button.textContent = 'Not allowed';
    }
    setTimeout(() => {
        button.textContent = 'Copy';
    }, 1500);
}

function dots() {
    const wait = make('p', 'wait dots');
    wait.append(
        make('span', 'unseen', 'Waiting for the first words'),
        make('i', ''),
        make('i', ''),
        make('i', ''),
    );
    return wait;
}

function make(name, className, text) {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
}
