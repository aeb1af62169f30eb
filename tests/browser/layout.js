/* The page fits from a small phone to a wide screen, in light and in dark. */

import { equal, must, run, until } from './harness.js';
import { DONE } from './chat.js';

const WIDE = `A wide answer:

\`\`\`c
${'int a_line_of_code_that_is_far_wider_than_any_phone = 1; '.repeat(4)}
\`\`\`

- ${'unbroken'.repeat(40)}

${'https://example.org/'}${'x'.repeat(300)}`;

async function fits(chat) {
    await chat.open();
    await chat.answerNext([['token', { text: WIDE }], DONE]);
    await chat.ask('W'.repeat(300));
    await chat.finished();
    const { inner, width, field, scroller } = await chat.page.evaluate(() => ({
        inner: innerWidth,
        width: document.documentElement.scrollWidth,
        field: document.querySelector('.field').getBoundingClientRect().toJSON(),
        scroller: (({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(
            document.querySelector('#scroller'),
        ),
    }));
    must(width <= inner, `the page is ${width} wide in a window of ${inner}`);
    equal(scroller, 0, 'pixels by which the messages are too wide');
    must(field.left >= 0 && field.right <= inner, 'the message field is inside the window');
    const cut = await chat.page
        .locator('.strip dd')
        .evaluateAll(
            (cells) => cells.filter((cell) => cell.getBoundingClientRect().right > innerWidth).length,
        );
    equal(cut, 0, 'figures beyond the edge');
}

function contrast([first, second]) {
    const light = (colour) => {
        const [red, green, blue] = colour
            .match(/[\d.]+/g)
            .slice(0, 3)
            .map((part) => {
                const value = part / 255;
                return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
            });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const [high, low] = [light(first), light(second)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
}

async function isReadable(chat) {
    await chat.open();
    for (const [text, ground] of [
        ['body', 'body'],
        ['.hint', 'body'],
        ['.strip dt', 'body'],
        ['.new', '.new'],
        ['.model', '.side'],
    ]) {
        const colours = [
            await chat.page
                .locator(text)
                .first()
                .evaluate((node) => getComputedStyle(node).color),
            await chat.page
                .locator(ground)
                .first()
                .evaluate((node) => getComputedStyle(node).backgroundColor),
        ];
        must(contrast(colours) >= 4.5, `contrast of ${text} is ${contrast(colours).toFixed(2)}`);
    }
    return chat.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
}

const sizes = [
    [320, 640],
    [360, 740],
    [768, 1024],
    [900, 700],
    [1280, 800],
    [2560, 1300],
];

await run([
    ...sizes.map(([width, height]) => [
        `nothing scrolls sideways at ${width} x ${height}`,
        fits,
        { context: { viewport: { width, height } } },
    ]),
    [
        'on a phone the list is a drawer',
        async (chat) => {
            await chat.open();
            equal(await chat.rows.first().isVisible(), false, 'the list at first');
            await chat.page.getByRole('button', { name: 'Show the conversation list' }).click();
            await until(() => chat.rows.first().isVisible(), 'the list');
            equal(
                await chat.page.locator('#main').evaluate((main) => main.inert),
                true,
                'the rest is out of reach',
            );
            await chat.page.keyboard.press('Escape');
            await until(async () => !(await chat.rows.first().isVisible()), 'the list to close');
            await chat.field.fill('typing works again');
        },
        { context: { viewport: { width: 360, height: 740 } } },
    ],
    [
        'a long message grows the field up to a third of the window',
        async (chat) => {
            await chat.open();
            const height = () => chat.field.evaluate((field) => field.offsetHeight);
            const single = await height();
            await chat.field.fill('line\n'.repeat(4));
            must((await height()) > single * 2, 'the field grows');
            await chat.field.fill('line\n'.repeat(400));
            must((await height()) <= 800 / 3, 'the field stops growing');
            await chat.field.fill('');
            equal(await height(), single, 'height of the empty field');
        },
    ],
    [
        'light is readable',
        async (chat) => {
            must((await isReadable(chat)).match(/\d+/)[0] > 200, 'the ground is light');
        },
        { context: { colorScheme: 'light' } },
    ],
    [
        'dark is readable',
        async (chat) => {
            must((await isReadable(chat)).match(/\d+/)[0] < 60, 'the ground is dark');
        },
        { context: { colorScheme: 'dark' } },
    ],
]);
