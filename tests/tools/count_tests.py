#!/usr/bin/env python3
"""tools/count-tests: every way in which a test can end is counted as what it is."""
import json

import tap


class CountTests(tap.ToolCase):
    def count(self, *tests):
        path = self.write('testlog.json', '\n'.join(json.dumps(test) for test in tests))
        self.process = self.run_tool('count-tests', path)
        return [int(word) for word in self.process.stdout.split()]

    @staticmethod
    def entry(stdout, result='OK', returncode=0):
        return {'name': 'a test', 'stdout': stdout, 'result': result, 'returncode': returncode}

    def test_lines_are_counted_one_by_one(self):
        report = 'ok 1 - a\nok 2 - # SKIP no ring\n# not ok 9\nok 3\n1..3\n'
        self.assertEqual(self.count(self.entry(report)), [2, 0, 1])
        self.assertEqual(self.process.stderr, '')

    def test_a_failing_line_fails_and_is_shown(self):
        report = 'ok 1 - a\nnot ok 2 - b\n# why\n1..2\n'
        self.assertEqual(self.count(self.entry(report, 'ERROR', 1)), [1, 1, 0])
        self.assertIn('# why', self.process.stderr)

    def test_the_totals_are_sums(self):
        one = self.entry('ok 1\n1..1\n')
        self.assertEqual(self.count(one, one, self.entry('not ok 1\n1..1\n', 'FAIL')), [2, 1, 0])

    def test_a_crash_after_good_lines_fails(self):
        self.assertEqual(self.count(self.entry('ok 1\n', 'ERROR', -11)), [1, 1, 0])

    def test_a_timeout_fails(self):
        self.assertEqual(self.count(self.entry('ok 1\n', 'TIMEOUT', -15)), [1, 1, 0])

    def test_silence_of_a_tap_test_fails(self):
        self.assertEqual(self.count(self.entry('', 'SKIP')), [0, 1, 0])

    def test_a_file_that_skips_itself_is_skipped(self):
        self.assertEqual(self.count(self.entry('1..0 # SKIP no ring\n', 'SKIP')), [0, 0, 1])

    def test_programs_without_a_report_count_as_one(self):
        self.assertEqual(self.count(self.entry('hello\n'), self.entry('', 'FAIL', 1),
                                    self.entry('', 'SKIP', 77)), [1, 1, 1])


if __name__ == '__main__':
    tap.main()
