/* The live figures of the server. The connection is given up while the page is hidden (a browser
 * has few to one server, and all its tabs share them) and is made again when it was lost. */

import { figures } from './api.js';

const RETRY_FIRST = 500;
const RETRY_MOST = 5_000;
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export class Strip {
    #strip = document.getElementById('strip');
    #offline = document.getElementById('offline');
    #model = document.getElementById('model');
    #bar = document.getElementById('load-bar');
    #cells = Object.fromEntries(
        [...document.querySelectorAll('[data-stat]')].map((cell) => [cell.dataset.stat, cell]),
    );
    #controller = null;
    #delay = RETRY_FIRST;
    #timer = 0;
    #returned;

    /** returned() is called when the server is back after having been lost. */
    constructor(returned) {
        this.#returned = returned;
        document.addEventListener('visibilitychange', () => this.#turn());
        window.addEventListener('online', () => this.#again());
        this.#turn();
    }

    #turn() {
        if (document.hidden) this.#controller?.abort();
        else this.#again();
    }

    #again() {
        clearTimeout(this.#timer);
        if (!this.#controller && !document.hidden) this.#listen();
    }

    async #listen() {
        const controller = (this.#controller = new AbortController());
        try {
            for await (const stats of figures(controller.signal)) this.#show(stats);
        } catch {
            /* an end is an end, whatever its reason: the strip says that it reconnects */
        }
        this.#controller = null;
        if (controller.signal.aborted) this.#again(); /* the page may have come back into view meanwhile */
        else this.#lost();
    }

    #lost() {
        this.#strip.dataset.state = 'lost';
        this.#offline.textContent = 'Server not reached, reconnecting…';
        this.#timer = setTimeout(() => this.#again(), this.#delay);
        this.#delay = Math.min(this.#delay * 2, RETRY_MOST);
    }

    #show(stats) {
        const wasLost = this.#strip.dataset.state === 'lost';
        const load = Math.min(Math.max(Number(stats.load) || 0, 0), 1);
        this.#delay = RETRY_FIRST;
        this.#strip.dataset.state = 'live';
        this.#offline.textContent = '';
        this.#set('conversations', number.format(stats.conversations));
        this.#set('fibers', number.format(stats.fibers));
        this.#set('threads', number.format(stats.threads));
        this.#set('memory', memory(stats.memory_bytes));
        this.#set('load', `${Math.round(load * 100)}%`);
        this.#set('rate', number.format(stats.tokens_per_second));
        this.#bar.style.transform = `scaleX(${load})`;
        this.#bar.dataset.level = load > 0.9 ? 'full' : load > 0.7 ? 'high' : 'calm';
        this.#model.hidden = !stats.model;
        this.#model.textContent = stats.provider === 'simulator' ? `${stats.model} (simulated)` : stats.model;
        if (wasLost) this.#returned();
    }

    #set(name, text) {
        if (this.#cells[name].textContent !== text) this.#cells[name].textContent = text;
    }
}

function memory(bytes) {
    const mebibytes = bytes / (1 << 20);
    return mebibytes < 1000
        ? `${mebibytes.toFixed(mebibytes < 100 ? 1 : 0)} MB`
        : `${(mebibytes / 1024).toFixed(2)} GB`;
}
