/* Answers appear while they are made, several of them at once. */

import { equal, must, note, pause, run, until } from './harness.js';
import { letters } from './chat.js';

async function isWhole(chat) {
    const kept = await chat.kept();
    equal(kept.at(-1).role, 'assistant', 'role of the last message the server keeps');
    must(letters(kept.at(-1).text).length > 20, 'the answer is more than a few letters');
    equal(
        letters(await chat.text()),
        letters(kept.at(-1).text),
        'the answer shown, against the one the server keeps',
    );
}

await run([
    [
        'Enter sends and the answer grows token by token',
        async (chat) => {
            await chat.open();
            await chat.ask('Explain how a fiber waits');
            equal(await chat.questions.last().textContent(), 'Explain how a fiber waits', 'question');
            equal(await chat.field.inputValue(), '', 'the field afterwards');
            const lengths = new Set();
            for (
                const end = Date.now() + 60_000;
                (await chat.state()) !== 'done' && Date.now() < end;
                await pause(20)
            )
                lengths.add((await chat.text()).length);
            note(`${lengths.size} different lengths seen`);
            must(
                [...lengths].filter((length) => length > 0).length >= 3,
                'the answer was seen growing at least three times',
            );
            await isWhole(chat);
            await chat.page.getByText('First token after').waitFor();
        },
    ],
    [
        'two conversations stream at once and both are whole',
        async (chat) => {
            await chat.open();
            await chat.ask('First question of two');
            const first = chat.id();
            await chat.page.keyboard.press('Alt+KeyN');
            await chat.ask('Second question of two');
            await until(async () => {
                const both = [await chat.statusOf('First question'), await chat.statusOf('Second question')];
                return both.every((status) => status === 'streaming');
            }, 'both to stream');
            const figures = await chat.figures();
            must(figures.conversations >= 2, `the server counts ${figures.conversations} in flight`);
            equal(figures.threads, 1, 'threads');
            await chat.finished();
            await isWhole(chat);
            await until(
                async () => (await chat.statusOf('First question')) === 'unread',
                'the first to be marked as new',
            );
            await chat.rows.filter({ hasText: 'First question' }).getByRole('button').first().click();
            equal(chat.id(), first, 'address');
            await chat.finished();
            await isWhole(chat);
            equal(await chat.statusOf('First question'), 'idle', 'the mark after reading');
        },
    ],
    [
        'an answer looked at from its middle on is whole',
        async (chat) => {
            await chat.open();
            await chat.ask('Question to come back to');
            await until(async () => (await chat.text()).length > 10, 'some text');
            await chat.page.keyboard.press('Alt+KeyN');
            await pause(300);
            await chat.page.goBack();
            equal(await chat.state(), 'streaming', 'state on coming back');
            await chat.finished();
            await isWhole(chat);
        },
    ],
    [
        'of six questions four stream, two stand in line, all are answered',
        async (chat) => {
            await chat.open();
            for (let number = 1; number <= 6; number++) {
                await chat.ask(`Question ${number} of six`);
                await chat.page.keyboard.press('Alt+KeyN');
            }
            const count = (status) =>
                chat.page.locator(`#conversations > li[data-status="${status}"]`).count();
            equal(await count('streaming'), 4, 'streaming');
            equal(await count('queued'), 2, 'in line');
            await until(
                async () => {
                    must((await count('streaming')) <= 4, 'never more than four at once');
                    return (await count('unread')) === 6;
                },
                'six answers',
                80_000,
            );
        },
    ],
    [
        'a later question sees the earlier ones, also after a reload',
        async (chat) => {
            await chat.open();
            await chat.ask('Remember this first line');
            await chat.finished();
            await chat.field.fill('a draft');
            await chat.page.reload();
            await chat.finished();
            await isWhole(chat);
            equal(
                await chat.questions.first().textContent(),
                'Remember this first line',
                'question after the reload',
            );
            equal(await chat.field.inputValue(), 'a draft', 'draft after the reload');
            await chat.field.press('Enter');
            await until(async () => (await chat.answers.count()) === 2, 'the second answer');
            await until(async () => (await chat.state()) === 'done', 'its end', 60_000);
            equal(
                (await chat.kept()).map((message) => message.role).join(' '),
                'user assistant user assistant',
                'what the server keeps',
            );
        },
    ],
    [
        'the view follows the answer until the reader scrolls up',
        async (chat) => {
            await chat.open();
            await chat.answerNext([
                ['token', { text: 'A line of an earlier answer.\n\n'.repeat(80) }],
                ['done', { usage: null, finish_reason: 'stop', first_token_ms: 1 }],
            ]);
            await chat.ask('Something long first');
            await chat.finished();
            await chat.ask('And now something live');
            const left = () =>
                chat.scroller.evaluate((box) => box.scrollHeight - box.clientHeight - box.scrollTop);
            await until(
                async () => (await chat.answers.count()) === 2 && (await chat.text()).length > 20,
                'some text',
            );
            must((await left()) <= 2, 'the end is in view');
            await chat.scroller.hover();
            await chat.page.mouse.wheel(0, -700);
            await until(async () => (await left()) > 300, 'the view to move up');
            const top = await chat.scroller.evaluate((box) => box.scrollTop);
            const length = (await chat.text()).length;
            await until(async () => (await chat.text()).length > length, 'more text');
            equal(await chat.scroller.evaluate((box) => box.scrollTop), top, 'position while text arrives');
            await chat.page.getByRole('button', { name: 'Latest' }).click();
            await until(async () => (await left()) <= 2, 'the end to be in view again');
            await until(async () => (await chat.state()) === 'done', 'the end of the answer', 60_000);
            must((await left()) <= 2, 'the end is in view when the answer is complete');
        },
    ],
]);
