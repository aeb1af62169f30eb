/* Stopping an answer stops it on the server too, and keeps what had arrived. */

import { equal, must, pause, run, until } from './harness.js';
import { letters } from './chat.js';

/* Far less than an answer takes: a server that writes on to nobody does not pass. */
const ENDS_WITHIN = 2_000;

async function stopsWith(chat, stop) {
    await chat.open();
    const before = (await chat.figures()).conversations;
    await chat.ask('Tell me a long story about weaving');
    await until(async () => (await chat.text()).length > 10, 'some text');
    must((await chat.figures()).conversations > before, 'the server counts the conversation');
    await stop();
    await until(async () => (await chat.state()) === 'stopped', 'the answer to be stopped', 5_000);
    await until(
        async () => (await chat.figures()).conversations <= before,
        'the server to end the answer',
        ENDS_WITHIN,
    );
    const shown = letters(await chat.text());
    const kept = await chat.kept();
    await pause(500);
    equal(
        JSON.stringify(await chat.kept()),
        JSON.stringify(kept),
        'what the server keeps half a second later',
    );
    equal(letters(await chat.text()), shown, 'what is shown half a second later');
    must(letters(kept.at(-1).text).startsWith(shown), 'the server keeps what was shown');
    equal(await chat.stopButton.isVisible(), false, 'the stop button afterwards');
    await chat.page.getByText('Stopped').first().waitFor();
}

await run([
    ['Escape stops the answer', (chat) => stopsWith(chat, () => chat.page.keyboard.press('Escape'))],
    ['the stop button stops the answer', (chat) => stopsWith(chat, () => chat.stopButton.click())],
    [
        'closing the page stops the answer',
        async (chat) => {
            await chat.open();
            const before = (await chat.figures()).conversations;
            await chat.ask('Another long story');
            await until(async () => (await chat.figures()).conversations > before, 'the server to count it');
            await chat.page.goto('about:blank');
            await until(
                async () => (await chat.figures()).conversations <= before,
                'the server to end the answer',
                ENDS_WITHIN,
            );
        },
    ],
    [
        'a conversation goes on after a stop',
        async (chat) => {
            await chat.open();
            await chat.ask('Begin');
            await until(async () => (await chat.text()).length > 10, 'some text');
            await chat.page.keyboard.press('Escape');
            await until(async () => (await chat.state()) === 'stopped', 'the stop');
            await chat.ask('Go on');
            await until(
                async () => (await chat.answers.count()) === 2 && (await chat.state()) === 'done',
                'the next answer',
                60_000,
            );
        },
    ],
    [
        'what stands in line is taken out of it',
        async (chat) => {
            await chat.open();
            for (let number = 1; number <= 5; number++) {
                if (number > 1) await chat.page.keyboard.press('Alt+KeyN');
                await chat.ask(`Question ${number} of five`);
            }
            equal(await chat.state(), 'queued', 'the fifth');
            await chat.page.keyboard.press('Escape');
            equal(await chat.state(), 'stopped', 'the fifth after Escape');
            await until(
                async () =>
                    (await chat.page.locator('#conversations > li[data-status="unread"]').count()) === 4,
                'the other four',
                60_000,
            );
            equal(await chat.kept(), null, 'what the server knows of the fifth');
        },
    ],
    [
        'deleting a conversation stops its answer and forgets it',
        async (chat) => {
            await chat.open();
            await chat.ask('A conversation to be deleted');
            await until(async () => (await chat.text()).length > 10, 'some text');
            const id = chat.id();
            await chat.rows.first().hover();
            await chat.page.getByRole('button', { name: 'Delete A conversation to be deleted' }).click();
            await chat.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
            await until(async () => (await chat.kept(id)) === null, 'the server to forget it', 5_000);
            equal(await chat.rows.count(), 1, 'conversations listed');
            await chat.page.getByRole('heading', { name: 'What is on your mind?' }).waitFor();
        },
    ],
]);
