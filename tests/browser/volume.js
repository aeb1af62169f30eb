/* Many conversations and long answers: all of it is there. How long it takes is printed, and is
 * no part of the verdict. */

import { equal, note, run, until } from './harness.js';
import { DONE } from './chat.js';

const PARAGRAPH =
    'Warp threads run **lengthwise**, `weft` threads *across* them; what holds is the crossing.\n\n';

function tokens(length) {
    const text = PARAGRAPH.repeat(Math.ceil(length / PARAGRAPH.length)).slice(0, length);
    return { text, events: text.match(/[\s\S]{1,5}/g).map((piece) => ['token', { text: piece }]) };
}

async function watchLongTasks(chat) {
    await chat.page.evaluate(() => {
        window.longest = 0;
        new PerformanceObserver((entries) => {
            for (const entry of entries.getEntries())
                window.longest = Math.max(window.longest, entry.duration);
        }).observe({ type: 'longtask' });
    });
    return () => chat.page.evaluate(() => Math.round(window.longest));
}

await run([
    [
        'an answer of 100 KB is shown whole',
        async (chat) => {
            await chat.open();
            const longest = await watchLongTasks(chat);
            const { text, events } = tokens(100_000);
            await chat.answerNext([...events, DONE]);
            await chat.ask('Something very long');
            await chat.finished();
            const plain = text.replace(/[*`\s]/g, '');
            equal((await chat.text()).replace(/\s/g, ''), plain, 'the answer');
            note(`longest task ${await longest()} ms`);
        },
    ],
    [
        '100 KB without a line break are shown whole',
        async (chat) => {
            await chat.open();
            const longest = await watchLongTasks(chat);
            const text = '🧵 thread '.repeat(10_000);
            await chat.answerNext([
                ...text.match(/[\s\S]{1,7}/g).map((piece) => ['token', { text: piece }]),
                DONE,
            ]);
            await chat.ask('One paragraph only');
            await chat.finished();
            equal(await chat.text(), text, 'the answer');
            note(`longest task ${await longest()} ms`);
        },
    ],
    [
        'the live answer costs no more when it is long',
        async (chat) => {
            await chat.open();
            const { text } = tokens(100_000);
            const milliseconds = await chat.page.evaluate(async (text) => {
                const { Markdown } = await import('/markdown.js');
                const box = document.createElement('div');
                document.querySelector('#transcript').replaceChildren(box);
                const markdown = new Markdown(box);
                const spent = [];
                for (let at = 0; at < text.length; at += 5) {
                    const begun = performance.now();
                    markdown.append(text.slice(at, at + 5));
                    markdown.flush();
                    spent.push(performance.now() - begun);
                }
                spent.sort((a, b) => a - b);
                return {
                    median: spent[spent.length >> 1],
                    worst: spent.at(-1),
                    calls: spent.length,
                    letters: box.textContent.length,
                };
            }, text);
            note(
                `${milliseconds.calls} tokens: median ${milliseconds.median.toFixed(3)} ms, worst ${milliseconds.worst.toFixed(2)} ms`,
            );
            equal(milliseconds.letters, text.replace(/[*`\n]/g, '').length, 'characters shown');
        },
    ],
    [
        'a message of the greatest length is sent, a longer one cannot be typed',
        async (chat) => {
            await chat.open();
            let sent = '';
            await chat.page.route(
                '**/messages',
                (route) => {
                    sent = route.request().postDataJSON().text;
                    return route.fulfill({
                        contentType: 'text/event-stream',
                        body: 'event: done\ndata: {"usage":null,"finish_reason":"stop","first_token_ms":1}\n\n',
                    });
                },
                { times: 1 },
            );
            await chat.field.fill('y'.repeat(31_999));
            await chat.field.press('End');
            await chat.page.keyboard.type('zz');
            await chat.field.press('Enter');
            await until(() => sent, 'the request');
            equal(sent.length, 32_000, 'length of what was sent');
            equal(sent.at(-1), 'z', 'the last character');
        },
    ],
    [
        'two hundred conversations are listed, found and remembered',
        async (chat) => {
            await chat.open();
            const longest = await watchLongTasks(chat);
            for (let number = 1; number <= 200; number++) {
                await chat.answerNext([['token', { text: `Answer ${number}.` }], DONE]);
                await chat.ask(`Conversation ${number}`);
                await chat.finished();
                await chat.page.keyboard.press('Alt+KeyN');
            }
            note(`longest task ${await longest()} ms`);
            equal(await chat.rows.count(), 201, 'conversations with the empty one');
            await chat.rows.last().getByRole('button').first().click();
            equal(await chat.title.textContent(), 'Conversation 1', 'title of the oldest');
            equal(await chat.text(), 'Answer 1.', 'its answer');
            await chat.page.reload();
            await until(async () => (await chat.rows.count()) === 200, 'the list after a reload');
            equal(
                await chat.rows.first().locator('.name').textContent(),
                'Conversation 200',
                'the newest is first',
            );
        },
        { noisy: true },
    ],
]);
