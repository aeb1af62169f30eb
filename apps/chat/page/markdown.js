/* Markdown that can be shown while it is still being written.
 *
 * The text of a model is never HTML here: every element is made by createElement and every
 * character goes into a text node. A line is assigned to a block as soon as its first characters
 * leave no doubt; from then on what arrives only lengthens that block's leaf:
 *
 *     text -> #decide(start of line) -> leaf { element, source } -> showInline at flush()
 *
 * so a long answer costs no more per token than its last paragraph, and the result does not
 * depend on how the text was cut into tokens. Known: paragraphs, headings, nested lists, quotes,
 * rules, code blocks, and what inline.js knows. */

import { showInline } from './inline.js';

const LEAF_LIMIT = 8_000; /* a longer paragraph continues in a second leaf */
const NESTING_LIMIT = 6; /* deeper list items stay on this level */
const DOUBT_LIMIT = 200; /* characters a line may take to show what it is */

export class Markdown {
    #root;
    #partial = ''; /* the start of a line that is not decided yet */
    #inLine = false; /* the current line is decided: its rest belongs to the leaf */
    #leaf = null;
    #lists = []; /* open lists, outermost first: { list, item, indent } */
    #quote = null;
    #fence = null; /* the open code block: { mark, indent, code } */
    #gap = false; /* a blank line came since the last text */
    #dirty = new Set();

    constructor(root) {
        this.#root = root;
    }

    append(tokens) {
        const text = tokens.replaceAll('\r', '');
        let at = 0;
        while (at < text.length) {
            const newline = text.indexOf('\n', at);
            const end = newline < 0 ? text.length : newline;
            this.#take(text.slice(at, end), newline >= 0);
            at = end + 1;
        }
    }

    /** Shows what has been appended; call it once a frame. */
    flush() {
        for (const leaf of this.#dirty) show(leaf);
        this.#dirty.clear();
    }

    /** The text is complete: what was held back or left open is settled. */
    finish() {
        if (!this.#inLine && this.#partial !== '') this.#take('', true);
        this.#closeLeaf();
        this.flush();
    }

    #take(piece, complete) {
        if (this.#inLine) this.#lengthen(piece);
        else {
            this.#partial += piece;
            this.#inLine = this.#decide(this.#partial, complete);
        }
        if (this.#inLine || complete) this.#partial = '';
        if (complete) this.#inLine = false;
    }

    /* Starts the line's block if that can be told already; true when it can. */
    #decide(line, complete) {
        if (this.#fence) return this.#decideCode(line, complete);
        if (!complete && line.length < DOUBT_LIMIT && undecided(line)) return false;
        const kind = classify(line);
        this[kind.open](kind, line);
        if (kind.open !== 'openBlank') this.#gap = false;
        return true;
    }

    #decideCode(line, complete) {
        const { mark, indent, code } = this.#fence;
        const bare = line.trim();
        const mayClose = bare === '' || (bare[0] === mark[0] && bare === mark[0].repeat(bare.length));
        if (!complete && mayClose && line.length < DOUBT_LIMIT) return false;
        if (complete && mayClose && bare.length >= mark.length) {
            this.#fence = null;
            this.#closeLeaf();
            return true;
        }
        const shown = line.slice(Math.min(indent, line.length - line.trimStart().length));
        this.#lengthen(code.started ? `\n${shown}` : shown);
        code.started = true;
        return true;
    }

    openBlank() {
        this.#gap = true;
        if (this.#lists.length === 0) {
            this.#closeLeaf();
            this.#quote = null;
        }
    }

    openFence({ indent, mark, language }) {
        const pre = document.createElement('pre');
        const code = document.createElement('code');
        pre.tabIndex = 0; /* wide code is scrolled by keyboard */
        pre.dataset.language = language;
        pre.append(code);
        this.#container(indent).append(pre);
        this.#openLeaf(code, true);
        this.#fence = { mark, indent, code: this.#leaf };
    }

    openRule() {
        this.#container(0).append(document.createElement('hr'));
        this.#closeLeaf();
    }

    openHeading({ level, text }) {
        /* The page itself has h1 and h2. */
        this.#addLeaf(this.#container(0), `h${Math.min(level + 2, 6)}`, text);
    }

    openQuote({ text }) {
        if (this.#quote && !this.#gap && this.#quote.contains(this.#leaf?.element ?? null)) {
            this.#lengthen(`\n${text}`);
            return;
        }
        const quote = document.createElement('blockquote');
        this.#container(0).append(quote);
        this.#addLeaf(quote, 'p', text);
        this.#quote = quote;
    }

    openItem({ indent, ordered, start, text }) {
        this.#quote = null;
        while (this.#lists.length > 0 && indent < this.#lists.at(-1).indent) this.#lists.pop();
        const top = this.#lists.at(-1);
        if (top && indent >= top.indent + 2 && this.#lists.length < NESTING_LIMIT)
            this.#openList(top.item, indent, ordered, start);
        else if (!top) this.#openList(this.#root, indent, ordered, start);
        else if (ordered !== (top.list.localName === 'ol')) {
            this.#lists.pop();
            this.#openList(this.#lists.at(-1)?.item ?? this.#root, indent, ordered, start);
        }
        const list = this.#lists.at(-1);
        list.item = document.createElement('li');
        list.list.append(list.item);
        this.#addLeaf(list.item, null, text);
    }

    openText({ indent }, line) {
        const text = line.trimStart();
        if (this.#leaf && !this.#gap && !this.#leaf.closed) {
            this.#lengthen(`\n${text}`);
            return;
        }
        this.#addLeaf(this.#container(indent), 'p', text);
    }

    /* Where a new block goes: into the open list item when indented as one, else to the end. */
    #container(indent) {
        this.#quote = null;
        while (this.#lists.length > 0 && indent < this.#lists.at(-1).indent + 2) this.#lists.pop();
        return this.#lists.at(-1)?.item ?? this.#root;
    }

    #openList(parent, indent, ordered, start) {
        const list = document.createElement(ordered ? 'ol' : 'ul');
        if (ordered && start !== 1) list.start = start;
        parent.append(list);
        this.#lists.push({ list, item: null, indent });
    }

    #addLeaf(parent, name, text) {
        const block = name ? parent.appendChild(document.createElement(name)) : parent;
        this.#openLeaf(block.appendChild(document.createElement('span')), false);
        this.#leaf.closed = /^h\d$/.test(name); /* a heading ends with its line */
        this.#lengthen(text);
    }

    #openLeaf(element, isCode) {
        this.#closeLeaf();
        this.#leaf = { element, isCode, source: '', growing: true, closed: false };
    }

    #closeLeaf() {
        if (!this.#leaf) return;
        this.#leaf.growing = false;
        this.#dirty.add(this.#leaf);
        this.#leaf = null;
    }

    #lengthen(text) {
        const leaf = this.#leaf;
        if (!leaf) return; /* the rest of a rule or of a closing fence */
        this.#dirty.add(leaf);
        const room = leaf.isCode ? text.length : LEAF_LIMIT - leaf.source.length;
        if (text.length <= room) {
            leaf.source += text;
            return;
        }
        const cut = /[\uD800-\uDBFF]/.test(text[room - 1] ?? '') ? room - 1 : room;
        leaf.source += text.slice(0, cut);
        const more = document.createElement('span');
        leaf.element.after(more);
        this.#openLeaf(more, false);
        this.#lengthen(text.slice(cut));
    }
}

/* Code only ever grows: its one text node is lengthened. Everything else is read anew. */
function show(leaf) {
    if (!leaf.isCode) {
        showInline(leaf.element, leaf.source, leaf.growing);
        return;
    }
    const node = leaf.element.firstChild ?? leaf.element.appendChild(document.createTextNode(''));
    node.appendData(leaf.source);
    leaf.source = '';
}

/* Could more characters still turn this start of a line into something other than text? */
const UNDECIDED = [
    /^\s*$/,
    /^\s*(#{1,6}\s*|>)$/,
    /^\s*(\d{1,9}[.)]?|[-+*])\s*$/,
    /^\s*([-_*])(\s*\1)*\s*$/,
    /^\s*(`{1,2}|~{1,2})$/,
    /^\s*(`{3}[^`]*|~{3}.*)`*$/,
];

function undecided(line) {
    return UNDECIDED.some((pattern) => pattern.test(line));
}

function classify(line) {
    const indent = line.length - line.trimStart().length;
    let match;
    if (line.trim() === '') return { open: 'openBlank' };
    if ((match = /^\s*(`{3,}|~{3,})\s*([^\s`]*)[^`]*$/.exec(line)))
        return { open: 'openFence', indent, mark: match[1], language: match[2].slice(0, 30) };
    if (/^\s*([-_*])(\s*\1){2,}\s*$/.test(line)) return { open: 'openRule' };
    if ((match = /^\s*(#{1,6})\s+(.*)$/.exec(line)))
        return { open: 'openHeading', level: match[1].length, text: match[2] };
    if ((match = /^\s*>\s?(.*)$/.exec(line))) return { open: 'openQuote', text: match[1] };
    if ((match = /^\s*(?:(\d{1,9})[.)]|[-+*])\s+(.*)$/.exec(line)))
        return {
            open: 'openItem',
            indent,
            ordered: match[1] !== undefined,
            start: Number(match[1]),
            text: match[2],
        };
    return { open: 'openText', indent };
}
