#!/usr/bin/env python3
"""Make from the table of hooks whatever repeats it.

usage: generate.py real|exports|names|symbols|rows TABLE OUTPUT
       generate.py guide TABLE OUTCOMES OUTPUT

real     struct weft__real, the real functions, and the prototypes of the hooks
exports  the exported wrappers, their aliases and the fortified variants
names    the initializer that resolves the real functions
symbols  every exported name with its family, for the tests
rows     what a row says of its call, for the tests
guide    the table of the guide, with how the tests found every wait to end
"""
import re
import sys
from dataclasses import dataclass, field


@dataclass
class Call:
    """One hooked function."""
    name: str
    result: str
    parameters: list
    family: str
    how: str
    point: str
    fails: str
    aliases: list = field(default_factory=list)
    extra: tuple = ()  # (type, name, condition) of a variadic argument

    @property
    def fixed(self):
        return [text for text in self.parameters if text != 'void']

    @property
    def names(self):
        last = [self.extra[1]] if self.extra else []
        found = [re.search(r'\(\*(\w+)\)\(|(\w+)$', text) for text in self.fixed]
        return [match[1] or match[2] for match in found] + last

    @property
    def whole(self):
        """The parameters of the hook, the variadic one spelled out."""
        last = [' '.join(self.extra[:2])] if self.extra else []
        return self.fixed + last

    @property
    def exported(self):
        return ', '.join(self.fixed + (['...'] if self.extra else [])) or 'void'


@dataclass
class Check:
    """A fortified variant of a call."""
    name: str
    result: str
    parameters: str
    call: str
    condition: str


def split_parameters(text):
    match = re.fullmatch(r'(.*), \.\.\. (.*?)(\w+)(?: if (.*))?', text)
    if not match:
        return text.split(', '), ()
    return match[1].split(', '), (match[2].strip(), match[3], match[4])


def parse(path):
    calls, checks = [], []
    with open(path, encoding='utf-8') as table:
        for number, line in enumerate(table, 1):
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            cells = [cell.strip() for cell in line.split('|')]
            if len(cells) == 5 and cells[3].startswith('= ') and cells[4].startswith('if '):
                checks.append(Check(*cells[:3], cells[3][2:], cells[4][3:]))
                continue
            if len(cells) != 8:
                sys.exit(f'{path}:{number}: a row has 8 cells, a fortified variant 5')
            parameters, extra = split_parameters(cells[2])
            calls.append(Call(cells[0], cells[1], parameters, cells[3], cells[4],
                              cells[5], cells[6], cells[7].split(), extra))
    return calls, checks


def made(calls):
    """Those whose wrapper is made here."""
    return [call for call in calls if call.how != 'hand']


def real(calls, _checks):
    calls = made(calls)
    yield '/* The functions that the hooks stand before; NULL until weft__resolve(). */'
    yield 'struct weft__real {'
    for call in calls:
        yield f'    {call.result} (*{call.name})({call.exported});'
    yield '};'
    yield ''
    for call in calls:
        if call.how in ('fiber', 'always'):
            parameters = ', '.join(['struct weft__fiber *self'] + call.whole)
            yield f'{call.result} weft__hook_{call.name}({parameters});'
        elif call.how == 'site':
            parameters = ', '.join(call.whole + ['const void *maker'])
            yield f'{call.result} weft__{call.name.removeprefix("pthread_")}({parameters});'


FAILURE = {
    'errno': 'return ({result})weft__fail(-error);',
    'code': 'return -error;',
    'eai': '{{\n            errno = -error;\n            return EAI_SYSTEM;\n        }}',
    'thrd': '{{\n            errno = -error;\n            return thrd_error;\n        }}',
    'null': '{{\n            errno = -error;\n            return NULL;\n        }}',
}


def fetch_extra(call):
    kind, name, condition = call.extra
    last = call.fixed[-1].split()[-1].lstrip('*')
    fetch = f'va_arg(arguments, {kind})'
    yield '    va_list arguments;'
    yield f'    va_start(arguments, {last});'
    yield f'    {kind}{"" if kind.endswith("*") else " "}{name} = ' + \
        (f'{condition} ? {fetch} : 0;' if condition else f'{fetch};')
    yield '    va_end(arguments);'


def body(call):
    arguments = ', '.join(call.names)
    hook = f'weft__hook_{call.name}({", ".join(["self"] + call.names)})'
    give = '' if call.result == 'void' else 'return '
    if call.how == 'site':
        name = call.name.removeprefix('pthread_')
        yield f'    return weft__{name}({arguments}, __builtin_return_address(0));'
        return
    if call.how == 'opens':
        yield f'    return weft__note_opened(WEFT__REAL({call.name})({arguments}));'
        return
    family = call.family.upper() if call.family != 'start' else 'PROCESS'
    yield f'    struct weft__fiber *self = weft__hooked_fiber(WEFT__FAMILY_{family});'
    if call.how == 'fiber' and give:
        yield '    if (!self)'
        yield f'        {give}WEFT__REAL({call.name})({arguments});'
    elif call.how == 'fiber':
        yield f'    if (!self) {{ WEFT__REAL({call.name})({arguments}); return; }}'
    if call.point == 'yes':
        yield f'    int error = {"weft__checkpoint(self)" if call.how == "fiber" else "self ? weft__checkpoint(self) : 0"};'
        yield '    if (__builtin_expect(error, 0))'
        yield '        ' + FAILURE[call.fails].format(result=call.result)
    yield f'    {give}{hook};'


def exports(calls, checks):
    yield '#include "hook/hook.h"'
    yield ''
    yield '/* C names of their own: what the C library declares for these symbols differs in trifles. */'
    yield '#define EXPORT(name) __asm__(#name) __attribute__((visibility("default"))) WEFT__EARLY'
    for call in made(calls):
        if call.how == 'real':
            continue
        yield ''
        yield f'{call.result} weft__export_{call.name}({call.exported}) EXPORT({call.name});'
        yield f'{call.result} weft__export_{call.name}({call.exported})'
        yield '{'
        if call.extra:
            yield from fetch_extra(call)
        yield from body(call)
        yield '}'
        for alias in call.aliases:
            yield (f'{call.result} weft__export_{alias}({call.exported}) EXPORT({alias}) '
                   f'__attribute__((alias("{call.name}")));')
    for check in checks:
        yield ''
        yield f'{check.result} weft__export_{check.name}({check.parameters}) EXPORT({check.name});'
        yield f'{check.result} weft__export_{check.name}({check.parameters})'
        yield '{'
        yield f'    if (!({check.condition}))'
        yield '        weft__check_failed();'
        yield f'    return weft__export_{check.call};'
        yield '}'


def names(calls, _checks):
    # Locks first: whatever interposes malloc may take one when a look-up below fails.
    for call in sorted(made(calls), key=lambda call: call.family != 'lock'):
        yield f'{{ "{call.name}", offsetof(struct weft__real, {call.name}) }},'


def symbols(calls, checks):
    for call in calls:
        for name in [call.name] + call.aliases if call.how != 'real' else []:
            yield f'{name} {call.family}'
    families = {call.name: call.family for call in calls}
    for check in checks:
        yield f'{check.name} {families[check.call.split("(")[0]]}'


def rows(calls, _checks):
    for call in documented(calls):
        yield f'{{ "{call.name}", "{call.family}", "{call.point}", "{call.fails}" }},'


def documented(calls):
    return [call for call in calls if call.how != 'real' and call.family != 'start']


def read_outcomes(path):
    """Of each call what its cases have, in the order of COLUMNS."""
    outcomes = {}
    with open(path, encoding='utf-8') as table:
        for line in table:
            if line.strip() and not line.startswith('#'):
                name, *cells = [cell.strip() for cell in line.split('|')]
                outcomes.setdefault(name, []).append(cells)
    return outcomes


COLUMNS = ['waits', 'cancelled', 'late', 'closed', 'handler', 'part']


def guide(calls, checks, outcomes):
    variants = {}
    for check in checks:
        variants.setdefault(check.call.split('(')[0], []).append(check.name)
    yield '# Hooked calls'
    yield ''
    yield '| call | also known as | family | ' + ' | '.join(COLUMNS) + ' |'
    yield '|---' * (3 + len(COLUMNS)) + '|'
    for call in documented(calls):
        others = ', '.join(f'`{name}`' for name in call.aliases + variants.get(call.name, []))
        if call.name not in outcomes:
            sys.exit(f'hook.tbl: {call.name} has no case among tests/hook/rows and no outcome')
        cells = []
        for column in zip(*outcomes[call.name]):
            found = [cell for cell in dict.fromkeys(column) if cell != '-']
            cells.append('; '.join(found))
        yield f'| `{call.name}` | {others} | {call.family} | {" | ".join(cells)} |'


def main(what, table, *others):
    *outcomes, output = others
    lines = {'real': real, 'exports': exports, 'names': names, 'symbols': symbols, 'rows': rows,
             'guide': guide}[what](*parse(table), *map(read_outcomes, outcomes))
    with open(output, 'w', encoding='utf-8') as target:
        target.write('\n'.join(lines) + '\n')


if __name__ == '__main__':
    if len(sys.argv) != (5 if sys.argv[1:2] == ['guide'] else 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
