#!/usr/bin/env python3
"""What the documentation shows is held against the tree."""
import tap


class Snippets(tap.ToolCase):
    def check(self, text):
        return self.run_tool('check-snippets', self.write('page.md', text))

    def block(self, what, code):
        return self.check(f'```{what}\n{code}```\n')

    def test_code_that_compiles_passes(self):
        self.assert_passes(self.block('c', 'int f(void)\n{\n    return weft_yield();\n}\n'))
        self.assert_passes(self.block('c body', 'weft_sleep(WEFT_SECOND);\n'))

    def test_code_that_does_not_is_found(self):
        self.assert_finds(self.block('c', 'int f(void)\n{\n    return weft_nap();\n}\n'),
                          'page.md:4:12: error: ')
        self.assert_finds(self.block('c body', 'weft_sleep(a);\n'), "'a' undeclared")

    def test_a_given_declaration_counts(self):
        self.assert_passes(self.check('<!-- given: int a; -->\n```c body\nweft_sleep(a);\n```\n'))

    def test_lines_of_a_file_are_compared(self):
        self.assert_passes(self.block('c examples/naps.c', 'sleep(*seconds);'
                                      '              /* plain sleep(3): parks this fiber, '
                                      'not the thread */\n'))
        self.assert_finds(self.block('c examples/naps.c', 'sleep(1);\n'),
                          'not lines of examples/naps.c')
        self.assert_finds(self.block('c examples/nope.c', 'sleep(1);\n'), 'there is no')

    def test_links_lead_somewhere(self):
        self.assert_passes(self.check('# A b: `c`\n[here](#a-b-c) [there](page.md)\n'))
        self.assert_finds(self.check('[a](nope.md) [b](#nope)\n'), 'nope.md leads', '#nope')

    def test_an_index_lists_its_pages(self):
        self.write('one.md', '# One\n')
        self.write('two.md', '# Two\n')
        index = self.write('README.md', '[one](one.md)\n')
        self.assert_finds(self.run_tool('check-snippets', index), 'does not list two.md')

    def test_names_and_files_exist(self):
        self.assert_passes(self.check('`weft_go()` in `src/fiber/task.c`, `weft_scope_*`\n'))
        self.assert_finds(self.check('`weft_%s` `src/%s.c` `./dev %s`\n' % (('nope',) * 3)),
                          'nothing is called', 'there is no', 'no command')

    def test_commands_exist(self):
        self.assert_passes(self.block('sh', './dev test\n'))
        self.assert_finds(self.block('sh', './dev nope\n'), './dev has no command nope')

    def test_the_table_of_hooks_is_made_anew(self):
        path = self.write('page.md', '<!-- hooks -->\n| old |\n<!-- end -->\n')
        self.assert_finds(self.run_tool('check-snippets', path), 'the table of hooks')
        self.assert_passes(self.run_tool('check-snippets', '--fix', path))
        self.assertIn('| `read` |', path.read_text(encoding='utf-8'))
        self.assert_passes(self.run_tool('check-snippets', path))


if __name__ == '__main__':
    tap.main()
