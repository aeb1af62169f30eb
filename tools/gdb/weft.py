"""Weft's tasks in gdb, in a core file as in a stopped process.

    (gdb) source weft.py
    (gdb) weft ps          the tasks of each loop, numbered
    (gdb) weft bt 3        what task 3 is in the middle of

Needs the debugging information of libweft.so. Nothing of the process is run or changed: the stack
of a parked task is shown by telling gdb's unwinder that the selected frame was called from there.
"""
import gdb
from gdb.unwinder import Unwinder, register_unwinder

REGISTERS = {
    'i386:x86-64': ('rsp', 'rip', 'rbp'),
    'aarch64': ('sp', 'pc', 'x29'),
}

WAITS = {
    'WEFT__WAIT_NONE': 'is parked',
    'WEFT__WAIT_IO': 'waits for descriptor {number}',
    'WEFT__WAIT_TIME': 'sleeps',
    'WEFT__WAIT_SYNC': 'waits for object {object}',
    'WEFT__WAIT_LOCK': 'waits for lock {object}',
    'WEFT__WAIT_JOIN': 'joins task {object}',
    'WEFT__WAIT_SCOPE': 'waits for scope {object}',
    'WEFT__WAIT_OFFLOAD': 'waits for a thread in {object}',
}

MOST = 1 << 24  # a broken list must end


class Types:
    """Looked up anew for each command: another program may have been loaded."""

    def __init__(self):
        try:
            self.runtime = gdb.lookup_type('struct weft__runtime')
            self.scope = gdb.lookup_type('struct weft__scope')
            self.task = gdb.lookup_type('struct weft_task')
            self.head = gdb.parse_and_eval('weft__runtimes')
        except gdb.error as error:
            raise gdb.GdbError(f'no Weft here, or it has no debugging information: {error}')


def offset_of(kind, member):
    """Bytes from the start of a struct, of a member or one of its members: 'a.b'."""
    offset = 0
    for name in member.split('.'):
        field = next(field for field in kind.fields() if field.name == name)
        offset += field.bitpos // 8
        kind = field.type
    return offset


def elements(head, kind, member):
    """The structs of a list, by its head."""
    start = int(head.address)
    node = head['next']
    offset = offset_of(kind, member)
    for _ in range(MOST):
        if int(node) in (start, 0):
            return
        yield gdb.Value(int(node) - offset).cast(kind.pointer()).dereference()
        node = node['next']


def inner_scope(types, runtime):
    return runtime['root']['opaque_'].address.cast(types.scope.pointer()).dereference()


def children(types, scopes, depth):
    """(task, depth) of the tasks in scopes."""
    for scope in scopes:
        for task in elements(scope['running'], types.task, 'node'):
            yield task, depth


def tasks_of(types, runtime):
    """(task, depth) of each task of a loop, a parent before what is below it."""
    stack = [children(types, [inner_scope(types, runtime)], 0)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        yield entry
        task, depth = entry
        scopes = elements(task['fiber']['scopes'], types.scope, 'opened')
        stack.append(children(types, scopes, depth + 1))


def runtimes(types):
    return elements(types.head, types.runtime, 'watched.node')


def numbered(types):
    """(number, runtime, task, depth) of every task of the process."""
    number = 0
    for runtime in runtimes(types):
        for task, depth in tasks_of(types, runtime):
            number += 1
            yield number, runtime, task, depth


def symbol(address):
    block = gdb.block_for_pc(int(address))
    while block and not block.function:
        block = block.superblock
    return str(block.function) if block else f'{int(address):#x}'


def state_of(fiber):
    state = str(fiber['state'].cast(gdb.lookup_type('enum weft__state')))
    if state != 'WEFT__PARKED':
        current = fiber['runtime']['watched']['current'].dereference()
        return 'runs' if current == fiber.address else 'is ready'
    wait = str(fiber['wait'].cast(gdb.lookup_type('enum weft__wait')))
    waited = int(fiber['wait_object'])
    shown = symbol(waited) if wait == 'WEFT__WAIT_OFFLOAD' else f'{waited:#x}'
    return WAITS.get(wait, wait).format(number=waited, object=shown)


def title(fiber):
    name = fiber['name'].string(errors='replace')
    name = ''.join(letter if letter.isprintable() else '?' for letter in name)
    function = symbol(fiber['function'])
    return f'{name}: {function}' if name else function


class Weft(gdb.Command):
    """Look at the tasks of a program that runs on Weft: weft ps, weft bt NUMBER."""

    def __init__(self):
        super().__init__('weft', gdb.COMMAND_STACK, prefix=True)


class Ps(gdb.Command):
    """List the tasks of each loop: weft ps"""

    def __init__(self):
        super().__init__('weft ps', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError('usage: weft ps')
        types = Types()
        shown = None
        for number, runtime, task, depth in numbered(types):
            if shown != int(runtime.address):
                shown = int(runtime.address)
                gdb.write(f'loop {runtime["name"].string()}, thread '
                          f'{int(runtime["watched"]["thread"])}, {int(runtime["tasks"])} tasks\n')
            fiber = task['fiber']
            gdb.write(f'{number:5} {"  " * depth}{title(fiber)}, {state_of(fiber)}\n')
        if shown is None:
            gdb.write('no loop runs\n')


class Parked(Unwinder):
    """While a context is set, says that the thread's innermost frame was called from there."""

    def __init__(self):
        super().__init__('weft')
        self.context = None
        self.names = None
        self.innermost = None

    def __call__(self, frame):
        if self.context is None:
            return None
        sp, pc, fp = self.names
        here = frame.read_register(sp)
        if int(here) != self.innermost:
            return None

        class Id:
            """What tells this frame from others."""

        Id.sp = here
        Id.pc = frame.read_register(pc)
        unwind = frame.create_unwind_info(Id)
        for name, member in (sp, 'sp'), (pc, 'ip'), (fp, 'fp'):
            value = gdb.Value(int(self.context[member]))
            unwind.add_saved_register(name, value.cast(frame.read_register(name).type))
        return unwind


PARKED = Parked()


class Bt(gdb.Command):
    """Show the native stack of a task: weft bt NUMBER, as `weft ps` numbers them"""

    def __init__(self):
        super().__init__('weft bt', gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if not argument.isdigit():
            raise gdb.GdbError('usage: weft bt NUMBER (weft ps has the numbers)')
        found = next((task for number, _, task, _ in numbered(Types())
                      if number == int(argument)), None)
        if found is None:
            raise gdb.GdbError(f'there is no task {argument}; weft ps has the numbers')
        fiber = found['fiber']
        gdb.write(f'{title(fiber)}, {state_of(fiber)}\n')
        if state_of(fiber) == 'runs':
            raise gdb.GdbError('it runs: `bt` in its thread shows its stack')
        self.show(fiber['context'])

    @staticmethod
    def show(context):
        frame = gdb.newest_frame()
        names = REGISTERS.get(frame.architecture().name())
        if names is None:
            raise gdb.GdbError(f'no stacks on {frame.architecture().name()}')
        PARKED.names = names
        PARKED.innermost = int(frame.read_register(names[0]))
        PARKED.context = {member: int(context[member]) for member in ('sp', 'ip', 'fp')}
        gdb.invalidate_cached_frames()
        try:
            lines = gdb.execute('backtrace', to_string=True).splitlines()
        finally:
            PARKED.context = None
            gdb.invalidate_cached_frames()
        for line in lines[1:]:  # the first is the thread's own
            gdb.write(line + '\n')


Weft()
Ps()
Bt()
register_unwinder(None, PARKED, replace=True)
