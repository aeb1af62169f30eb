"""Run unittest cases with a TAP report, and a scratch folder for each of them."""
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class ToolCase(unittest.TestCase):
    """A test that runs a program of the tree on files it writes."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding='utf-8')
        return path

    def run_tool(self, name, *arguments):
        """The finished process of tools/NAME."""
        return subprocess.run([ROOT / 'tools' / name, *map(str, arguments)], cwd=self.folder,
                              capture_output=True, text=True, timeout=60, check=False)

    def assert_passes(self, process):
        self.assertEqual((process.stdout + process.stderr, process.returncode), ('', 0))

    def assert_finds(self, process, *problems):
        """It failed with one line for each problem, holding that text."""
        lines = process.stdout.splitlines()
        self.assertEqual(process.returncode, 1, process.stdout + process.stderr)
        self.assertEqual(len(lines), len(problems), process.stdout)
        for problem in problems:
            self.assertTrue(any(problem in line for line in lines), f'{problem!r} in {lines}')


class Report(unittest.TestResult):
    def claim(self, passed, test, detail=''):
        print('ok' if passed else 'not ok', self.testsRun, '-', test.id().split('.', 1)[1])
        print(textwrap.indent(detail, '#   '), end='')

    def addSuccess(self, test):
        super().addSuccess(test)
        self.claim(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.claim(False, test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.claim(False, test, self.errors[-1][1])


def main():
    result = Report()
    unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__']).run(result)
    print(f'1..{result.testsRun}')
    sys.exit(not result.wasSuccessful())
