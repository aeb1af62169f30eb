#!/usr/bin/env python3
"""Test the static tracepoints by the notes in the library: probes.py LIBRARY."""
import os
import struct
import sys

count = failures = 0


def ok(condition, what, detail=''):
    global count, failures
    count += 1
    print(f'{"" if condition else "not "}ok {count} - {what}')
    if not condition:
        failures += 1
        print(f'#   {detail}')


def sections(data):
    """(name, address, offset, size) of each section of a 64-bit little-endian ELF file."""
    start, = struct.unpack_from('<Q', data, 0x28)
    size, number, names = struct.unpack_from('<HHH', data, 0x3a)
    heads = [struct.unpack_from('<IIQQQQ', data, start + i * size) for i in range(number)]
    table = heads[names][4]
    for name, _, _, address, offset, length in heads:
        text = data[table + name:data.index(b'\0', table + name)].decode()
        yield text, address, offset, length


def probes(data, offset, size):
    """(address, base, provider, name, arguments) of each note of type 3 (stapsdt)."""
    end = offset + size
    while offset < end:
        owner, length, kind = struct.unpack_from('<III', data, offset)
        body = offset + 12 + (owner + 3 & ~3)
        if kind == 3 and data[offset + 12:offset + 12 + owner] == b'stapsdt\0':
            address, base, _ = struct.unpack_from('<QQQ', data, body)
            provider, name, arguments = data[body + 24:body + length].split(b'\0')[:3]
            yield address, base, provider.decode(), name.decode(), arguments.decode()
        offset = body + (length + 3 & ~3)


def main():
    with open(sys.argv[1], 'rb') as file:
        data = file.read()
    parts = list(sections(data))
    notes = [part for part in parts if part[0] == '.note.stapsdt']
    ok(len(notes) == 1, 'the library has notes')
    found = {}
    base = next(part[1] for part in parts if part[0] == '.stapsdt.base')
    for address, noted, provider, name, arguments in probes(data, notes[0][2], notes[0][3]):
        ok(provider == 'weft', f'{name} is of provider weft', provider)
        found.setdefault(name, []).append((address - noted + base, arguments))
    ok(sorted(found) == ['cancel', 'park', 'spawn', 'switch', 'wake'], 'the five are there', found)
    for name, wanted in ('spawn', 3), ('switch', 2), ('park', 3), ('wake', 2), ('cancel', 2):
        places = found.get(name, [])
        ok(places and all(len(arguments.split()) == wanted for _, arguments in places),
           f'{name} has {wanted} arguments', places)
        text = [data[offset + address - start] for address, _ in places
                for _, start, offset, size in parts if start and start <= address < start + size]
        if os.uname().machine == 'x86_64':
            ok(len(text) == len(places) and set(text) == {0x90}, f'{name} is a nop', text)
    print(f'1..{count}')
    return failures > 0


sys.exit(main())
