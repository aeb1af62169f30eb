#!/usr/bin/env python3
"""The checks of ./dev lint find what they are for, and let good code pass."""
import subprocess

import tap


class Layers(tap.ToolCase):
    def setUp(self):
        super().setUp()
        self.write('include/weft/task.h', '#include <weft/base.h>\n')
        self.write('src/base/list.h', '#include <stddef.h>\n')
        self.write('src/fiber/fiber.h', '#include "base/list.h"\n#include <weft/task.h>\n')
        self.write('src/http/body.c', '#include "body.h"\n#include <unistd.h>\n')
        self.write('src/http/body.h', '#include "../proto/http1.h"\n')
        self.write('src/proto/http1.h', '#include "base/list.h"\n')

    def check(self):
        return self.run_tool('check-layers', self.folder)

    def test_looking_down_is_allowed(self):
        self.assert_passes(self.check())

    def test_looking_up_is_not(self):
        self.write('src/base/list.c', '#include "../fiber/fiber.h"\n')
        self.assert_finds(self.check(), 'src/base/list.c:1: base may use nothing; not fiber')

    def test_services_do_not_reach_into_the_runtime(self):
        self.write('src/http/server.c', '\n#  include "fiber/fiber.h"\n')
        self.assert_finds(self.check(), 'src/http/server.c:2: http may use net, proto, base')

    def test_programs_use_public_headers_only(self):
        self.write('cli/weft.c', '#include "../src/base/list.h"\n')
        self.write('apps/chat/chat.c', '#include <weft/task.h>\n#include "base/list.h"\n')
        self.assert_finds(self.check(), 'cli/weft.c:1: cli may use include/weft only',
                          'apps/chat/chat.c:2: apps may use include/weft only')

    def test_parsers_do_no_io(self):
        self.write('src/proto/sse.c', '#include <string.h>\n#include <sys/socket.h>\n')
        self.assert_finds(self.check(), 'src/proto/sse.c:2: parsers do no I/O')

    def test_a_quoted_name_must_exist(self):
        self.write('src/base/heap.c', '#include "heap.h"\n')
        self.assert_finds(self.check(), '"heap.h" is not in the tree')

    def test_a_layer_without_a_rule_is_refused(self):
        self.write('src/magic/magic.c', '#include "base/list.h"\n')
        self.assert_finds(self.check(), 'no rule says what src/magic may use')


class Words(tap.ToolCase):
    def check(self, text):
        return self.run_tool('check-words', self.write('page.md', text))

    def test_finished_text_passes(self):
        self.assert_passes(self.check('Serves /index.html from the workshop; a hacky word.\n'))

    def test_unfinished_work_is_found(self):
        self.assert_finds(self.check('one\n/* %s: later */\n' % ('TO' + 'DO')), 'page.md:2')

    def test_paths_of_one_machine_are_found(self):
        self.assert_finds(self.check('see /%s/me/x.c\n' % 'home'), 'a path of one machine')

    def test_untidy_ends_are_found(self):
        self.assert_finds(self.check('one \ntwo'), 'trailing white space', 'last line')


class Functions(tap.ToolCase):
    def function(self, lines, comment=''):
        return f'{comment}int f(void)\n{{\n' + '    g();\n' * (lines - 3) + '}\n'

    def test_the_edge_is_120_lines(self):
        passing = self.run_tool('check-functions', self.write('a.c', self.function(120)))
        self.assertEqual(passing.returncode, 0, passing.stdout)
        self.assertIn('hint', passing.stdout)
        failing = self.run_tool('check-functions', self.write('a.c', self.function(121)))
        self.assertEqual(failing.returncode, 1)
        self.assertIn('f has 121 lines, 120 at most', failing.stdout)

    def test_tables_are_exempt(self):
        text = self.function(300, '/* Opcodes: table, not logic. */\n')
        self.assertEqual(self.run_tool('check-functions', self.write('a.c', text)).returncode, 0)

    def test_files_have_an_edge_too(self):
        path = self.write('a.c', 'int x;\n' * 801)
        self.assertIn('the file has 801 lines', self.run_tool('check-functions', path).stdout)


GOOD_HEADER = '''\
/* Things. */
#ifndef WEFT_THING_H
#define WEFT_THING_H

/** A thing. */
struct weft_thing {
    int size; /**< bytes */
};

/**
 * Make a thing.
 *
 * @param size      Bytes.
 * @param make      How.
 * @return          The thing; NULL and errno otherwise.
 * Errors           ENOMEM; EINVAL size is 0.
 * Blocks           never
 */
WEFT_API struct weft_thing *weft_thing_new(size_t size, int (*make)(void *, int))
    __attribute__((nonnull(2)));

#endif
'''


class Docs(tap.ToolCase):
    def check(self, old='', new=''):
        text = GOOD_HEADER.replace(old, new) if old else GOOD_HEADER
        self.assertTrue(not old or text != GOOD_HEADER)
        self.write('weft/thing.h', text)
        return self.run_tool('check-docs', self.folder / 'weft')

    def check_library(self, hooks, library):
        return self.run_tool('check-docs', '--hooks', hooks, self.folder / 'weft', library)

    def test_the_template_passes(self):
        self.assert_passes(self.check())

    def test_a_parameter_without_words(self):
        self.assert_finds(self.check(' * @param make      How.\n'), '@param lists (size)')

    def test_parameters_in_another_order(self):
        self.assert_finds(self.check('@param size', '@param length'), '@param lists (length, make)')

    def test_no_return(self):
        self.assert_finds(self.check('@return   ', 'Source    '), '@return is missing')

    def test_no_errors(self):
        self.assert_finds(self.check(' * Errors           ENOMEM; EINVAL size is 0.\n'),
                          'lists no `Errors`')

    def test_no_word_on_blocking(self):
        self.assert_finds(self.check(' * Blocks           never\n'), '`Blocks`')

    def test_types_and_macros_want_comments(self):
        self.assert_finds(self.check('/** A thing. */\n', '#define WEFT_SIZE 4\n'),
                          'WEFT_SIZE: has no comment', 'weft_thing: has no comment')

    def test_foreign_macro_names(self):
        self.assert_finds(self.check('/** A thing. */', '/** Most. */\n#define MAX 4\n/** A. */'),
                          'MAX: public macros begin with')

    def test_every_export_is_declared_or_hooked(self):
        self.check()
        source = self.write('thing.c', 'int weft_thing_new; int read; int stray;')
        library = self.folder / 'libthing.so'
        subprocess.run(['cc', '-shared', '-fPIC', '-o', library, source], check=True)
        hooks = self.write('hook.tbl', """\
            # stray
            read | int | int fd | io | fiber | yes | errno | __read
            """)
        self.assert_finds(self.check_library(hooks, library), 'libthing.so: exports stray')

    def test_every_hook_is_exported(self):
        self.check()
        source = self.write('weft.c', 'int weft_thing_new; int read; int __read;')
        library = self.folder / 'libweft.so'
        subprocess.run(['cc', '-shared', '-fPIC', '-o', library, source], check=True)
        hooks = self.write('hook.tbl', """\
            read | int | int fd | io | fiber | yes | errno | __read read64
            __read_chk | int | int fd, int size | = read(fd) | if size <= limit
            """)
        self.assert_finds(self.check_library(hooks, library), 'does not export __read_chk',
                          'does not export read64')

    def test_a_hook_has_no_version(self):
        self.check()
        source = self.write('weft.c', 'int weft_thing_new; int read;')
        script = self.write('weft.map', 'WEFT_0.1 { global: weft_*; read; };')
        library = self.folder / 'libweft.so'
        subprocess.run(['cc', '-shared', '-fPIC', '-o', library, source,
                        f'-Wl,--version-script={script}'], check=True)
        hooks = self.write('hook.tbl', 'read | int | int fd | io | fiber | yes | errno |\n')
        self.assert_finds(self.check_library(hooks, library), 'libweft.so: read has a version')


class Manual(tap.ToolCase):
    def setUp(self):
        super().setUp()
        self.write('weft/thing.h', GOOD_HEADER)
        process = self.run_tool('man', '--version', '1.2', '--output', self.folder / 'man',
                                self.folder / 'weft')
        self.assert_passes(process)

    def page(self, name):
        return (self.folder / 'man' / name).read_text(encoding='ascii')

    def test_a_function_has_a_page(self):
        page = self.page('man3/weft_thing_new.3')
        for part in ('weft_thing_new \\- Make a thing\n', '#include <weft/thing.h>',
                     '.SH RETURN VALUE', '\\fBEINVAL\\fP\nSize is 0.\n', '.BR weft\\-thing (7)'):
            self.assertIn(part, page)
        self.assertNotIn('WEFT_API', page)

    def test_a_header_has_a_page_with_its_types(self):
        page = self.page('man7/weft-thing.7')
        for part in ('struct weft_thing {', 'int size; /* bytes */', 'weft_thing_new(3)'):
            self.assertIn(part, page)


if __name__ == '__main__':
    tap.main()
