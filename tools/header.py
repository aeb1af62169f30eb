"""Read the declarations of a public header and the comments above them.

The manual pages and the documentation check are both made from what parse() returns. It knows the
house style, not C: one declaration ends at a semicolon outside braces, comments of the form
`/** ... */` document what follows, and parts meant for C++ alone are skipped.
"""
import re
from dataclasses import dataclass, field

LABELS = ('Errors', 'Units', 'Blocks', 'Threads', 'Signals', 'Ownership', 'Source', 'Since',
          'Example')
FIELD = re.compile(r'(?:@param\s+(?P<param>\w+)|(?P<label>@return|' + '|'.join(LABELS) +
                   r'))(?:\s+(?P<text>.*))?$')
IDENTIFIER = re.compile(r'[A-Za-z_]\w*')


@dataclass
class Comment:
    """A documentation comment, taken apart."""
    summary: str = ''
    body: list = field(default_factory=list)    # lines, blank ones between paragraphs
    params: dict = field(default_factory=dict)  # name -> text
    fields: dict = field(default_factory=dict)  # '@return', 'Errors', ... -> text


@dataclass
class Item:
    """One declaration. `kind` is function, macro, type or other."""
    kind: str
    name: str
    text: str
    line: int
    exported: bool = False
    arguments: list = None     # of a function or function-like macro, without `...`
    returns_value: bool = False
    comment: Comment = None


@dataclass
class Header:
    path: str
    about: Comment             # the comment that opens the file
    items: list


def parse(path):
    with open(path, encoding='utf-8') as file:
        source = blank_cplusplus(file.read())
    about, items = None, []
    for position, comment, text in declarations(source):
        if about is None:
            about = comment or Comment()
            if comment:
                continue
        item = classify(text)
        if item:
            item.line = source.count('\n', 0, position) + 1
            item.comment = comment
            items.append(item)
    return Header(path, about, items)


def blank_cplusplus(source):
    """Empty the lines of `#ifdef __cplusplus` branches, keeping line numbers."""
    lines, stack = [], []
    for line in source.split('\n'):
        directive = line.strip()
        if directive.startswith('#if'):
            stack.append(directive == '#ifdef __cplusplus')
        elif directive == '#else' and stack:
            stack[-1] = False
        elif directive == '#endif' and stack:
            stack.pop()
        lines.append('' if any(stack) else line)
    return '\n'.join(lines)


def declarations(source):
    """Yield (position, comment, text) of each declaration, and of the comment that opens it."""
    position, comment, opening = 0, None, True
    while True:
        position = re.compile(r'\s*').match(source, position).end()
        if position == len(source):
            return
        start = position
        if source.startswith('/*', position):
            position = source.index('*/', position) + 2
            comment = read_comment(source[start:position])
            if opening:
                yield start, comment, ''
                comment = None
            opening = False
            continue
        if source[position] == '#':
            position = re.compile(r'(?:[^\n]*\\\n)*[^\n]*').match(source, position).end()
        elif re.compile(r'WEFT_(BEGIN|END)_DECLS').match(source, position):
            position = re.compile(r'\w+').match(source, position).end()
        else:
            position = end_of_declaration(source, position)
        yield start, comment, source[start:position]
        comment = None


def end_of_declaration(source, position):
    """After the semicolon that ends a declaration, or the brace that ends an inline function."""
    depth, start = 0, position
    code = re.sub(r'/\*.*?\*/', lambda match: ' ' * len(match.group()), source[position:],
                  flags=re.DOTALL)
    for offset, character in enumerate(code):
        if character == '{':
            depth += 1
        elif character == '}':
            depth -= 1
            if depth == 0 and ')' in code[:code.index('{')]:
                return start + offset + 1
        elif character == ';' and depth == 0:
            return start + offset + 1
    return len(source)


def read_comment(text):
    lines = [re.sub(r'^\s*\* ?', '', line) for line in text[2:-2].lstrip('*').split('\n')]
    lines[0] = lines[0].strip()
    if lines and not lines[0]:
        lines.pop(0)
    comment, current = Comment(), None
    for line in (line.rstrip() for line in lines):
        match = FIELD.match(line)
        if match:
            current = (comment.params, match['param']) if match['param'] else (
                comment.fields, match['label'])
            current[0][current[1]] = match['text'] or ''
        elif current and line:
            current[0][current[1]] += ' ' + line.strip()
        elif current is None:
            comment.body.append(line)
    take_summary(comment)
    return comment


def take_summary(comment):
    """The first paragraph, without its full stop, is the summary."""
    end = comment.body.index('') if '' in comment.body else len(comment.body)
    comment.summary = ' '.join(comment.body[:end])
    comment.body = comment.body[end + 1:]
    while comment.body and not comment.body[-1]:
        comment.body.pop()


def classify(text):
    define = re.match(r'#\s*define\s+(\w+)(\(([^)]*)\))?', text)
    if define:
        arguments = None
        if define[2] is not None:
            arguments = [name.strip() for name in define[3].split(',')
                         if name.strip() not in ('', '...')]
        return Item('macro', define[1], text, 0, arguments=arguments, returns_value=True)
    if not text or text.startswith('#') or re.match(r'WEFT_(BEGIN|END)_DECLS', text):
        return None
    if re.match(r'(typedef|struct|enum|union)\b[^();]*[{;]', text):
        name = re.match(r'(?:typedef\s+)?(?:struct|enum|union)\s+(\w+)', text)
        return Item('type', name[1] if name else '', text, 0)
    return classify_function(text)


def classify_function(text):
    exported = 'WEFT_API' in text
    bare = re.sub(r'__attribute__\s*\(\(.*?\)\)(?=[\s;]|$)', ' ', text, flags=re.DOTALL)
    bare = re.sub(r'\bWEFT_[A-Z_]+\b', ' ', bare)
    match = re.search(r'(\w+)\s*\(', bare)
    if not match:
        return Item('other', '', text, 0, exported=exported)
    result = bare[:match.start()].split()
    inside = matching_parenthesis(bare, match.end() - 1)
    return Item('function', match[1], text, 0, exported=exported,
                arguments=[name for name in map(argument_name, split_arguments(inside)) if name],
                returns_value=result[-1:] != ['void'])


def matching_parenthesis(text, start):
    """What stands between the parenthesis at `start` and its partner."""
    depth = 0
    for position in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[position], 0)
        if depth == 0:
            return text[start + 1:position]
    return text[start + 1:]


def split_arguments(text):
    depth, part = 0, ''
    for character in text:
        depth += {'(': 1, ')': -1}.get(character, 0)
        if character == ',' and depth == 0:
            yield part
            part = ''
        else:
            part += character
    yield part


def argument_name(text):
    pointer = re.search(r'\(\s*\*\s*(\w+)', text)
    if pointer:
        return pointer[1]
    names = IDENTIFIER.findall(re.sub(r'\[.*?\]', '', text))
    return names[-1] if len(names) > 1 else None
