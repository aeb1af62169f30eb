/* The chat as a visitor finds it: by roles and labels. */

export class Chat {
    constructor(page, url) {
        this.page = page;
        this.url = url;
        this.field = page.getByRole('textbox', { name: 'Message' });
        this.answers = page.locator('article.assistant');
        this.questions = page.locator('article.user .body');
        this.rows = page.locator('#conversations > li');
        this.title = page.getByRole('banner').getByRole('heading').or(page.locator('.bar .title')).first();
        this.stopButton = page.getByRole('button', { name: 'Stop the answer' });
        this.alert = page.getByRole('alert');
        this.retryButton = page.getByRole('button', { name: 'Retry' });
        this.scroller = page.getByRole('region', { name: 'Messages' });
    }

    async open() {
        await this.page.goto(this.url);
        await this.field.waitFor();
        return this;
    }

    async ask(text) {
        await this.field.fill(text);
        await this.field.press('Enter');
    }

    /** The identifier of the conversation that is looked at. */
    id() {
        return new URL(this.page.url()).hash.slice(1);
    }

    /** The text of the last answer as shown, '' before there is one. */
    async text() {
        return (await this.answers.last().locator('.body').textContent({ timeout: 10_000 })) ?? '';
    }

    /** 'queued', 'waiting', 'streaming', 'done', 'stopped' or 'failed'. */
    state() {
        return this.answers.last().getAttribute('data-state', { timeout: 10_000 });
    }

    async finished() {
        await this.page.locator('article.assistant[data-state="done"]').last().waitFor({ timeout: 60_000 });
    }

    statusOf(name) {
        return this.rows.filter({ hasText: name }).getAttribute('data-status');
    }

    /** What the server keeps of the conversation: its messages, or null. */
    async kept(id = this.id()) {
        const response = await fetch(new URL(`/conversations/${id}`, this.url));
        return response.status === 404 ? null : (await response.json()).messages;
    }

    /** One event of the server's figures. */
    async figures() {
        const response = await fetch(new URL('/stats', this.url));
        let text = '';
        for await (const piece of response.body) {
            text += Buffer.from(piece).toString();
            const match = /^data: ?(.*)\r?\n\r?\n/m.exec(text);
            if (match) return JSON.parse(match[1]);
        }
        throw new Error(`/stats ended after ${JSON.stringify(text)}`);
    }

    /** Puts an answer of ours in the place of the server's, for the next question only. */
    async answerNext(events, { status = 200 } = {}) {
        const body = events
            .map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
            .join('');
        await this.page.route(
            '**/messages',
            (route) => route.fulfill({ status, contentType: 'text/event-stream', body }),
            { times: 1 },
        );
    }
}

export const DONE = [
    'done',
    { usage: { prompt_tokens: 3, completion_tokens: 7 }, finish_reason: 'stop', first_token_ms: 12 },
];

/** Markdown and what is shown for it have the same letters. */
export function letters(text) {
    return text
        .replace(/^\s*(```|~~~).*$/gm, '')
        .replace(/\]\(https?:[^)\s]*\)/g, '')
        .replace(/[^\p{L}]/gu, '');
}
