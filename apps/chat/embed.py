#!/usr/bin/env python3
"""Write the files of the page as a C table, so that the program carries them.

usage: embed.py OUTPUT FILE...
"""
import hashlib
import pathlib
import sys

TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.svg': 'image/svg+xml',
}


def array(name, data):
    lines = [','.join(str(byte) for byte in data[i:i + 32]) for i in range(0, len(data), 32)]
    return f'static const unsigned char {name}[] = {{\n' + ',\n'.join(lines) + '\n};\n'


def entry(name, path, data):
    etag = hashlib.sha256(data).hexdigest()[:16]
    return (f'    {{ "{path.name}", {{ .type = "{TYPES[path.suffix]}", .data = {name},\n'
            f'      .length = sizeof({name}), .etag = "\\"{etag}\\"" }} }},\n')


def main(output, *files):
    arrays, entries = [], []
    for number, path in enumerate(map(pathlib.Path, files)):
        data = path.read_bytes()
        arrays.append(array(f'file_{number}', data))
        entries.append(entry(f'file_{number}', path, data))
    pathlib.Path(output).write_text(
        '#include "chat.h"\n\n' + '\n'.join(arrays) +
        '\nconst struct page_file PAGE_FILES[] = {\n' + ''.join(entries) + '};\n'
        'const size_t PAGE_FILES_COUNT = sizeof(PAGE_FILES) / sizeof(PAGE_FILES[0]);\n',
        encoding='utf-8')


if __name__ == '__main__':
    main(*sys.argv[1:])
