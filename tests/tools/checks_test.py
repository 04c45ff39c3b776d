"""The checks of tools/ find what they look for, and count as they say."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / 'tools'


def run(tool, *arguments):
    done = subprocess.run([sys.executable, TOOLS / tool, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout


class Tree:
    """A small source tree in a temporary folder, good until a test breaks it."""

    def __init__(self, test):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write('tools/layers.txt', 'base:\nnet: base\nledger: base\napp: *\n')
        self.write('ARCHITECTURE.md', '`base/` and `net/`\n')
        self.write('src/base/CMakeLists.txt', 'triage_library(base SOURCES clock.cc)\n')
        self.write('src/base/clock.cc', '#include "base/clock.h"\n')
        self.write('src/base/clock.h', '#pragma once\n')

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def track(self):
        subprocess.run(['git', '-C', self.root, 'init', '-q'], check=True)
        subprocess.run(['git', '-C', self.root, 'add', '.'], check=True)


class LayersTest(unittest.TestCase):
    def test_a_good_tree_passes(self):
        self.assertEqual(run('check_layers.py', Tree(self).root), (0, ''))

    def test_an_include_against_the_rule_is_named_with_its_line(self):
        tree = Tree(self)
        tree.write('src/base/clock.h', '#pragma once\n#include "net/loop.h"\n')
        code, text = run('check_layers.py', tree.root)
        self.assertEqual(code, 1)
        self.assertIn('clock.h:2: "base" may not include "net"', text)

    def test_a_subfolder_is_private_to_its_folder_and_app(self):
        tree = Tree(self)
        tree.write('tools/layers.txt', 'base:\nnet: base ledger\nledger: base\napp: *\n')
        tree.write('src/net/loop.h', '#include "ledger/sqlite/store.h"\n')
        tree.write('src/app/main.cc', '#include "ledger/sqlite/store.h"\n')
        tree.write('src/ledger/open.cc', '#include "ledger/sqlite/store.h"\n')
        code, text = run('check_layers.py', tree.root)
        self.assertEqual(code, 1)
        self.assertEqual(len(text.splitlines()), 1)
        self.assertIn('net/loop.h:1', text)

    def test_a_folder_without_a_rule_is_refused(self):
        tree = Tree(self)
        tree.write('src/utils/x.h', '\n')
        self.assertEqual(run('check_layers.py', tree.root)[0], 1)


class TreeTest(unittest.TestCase):
    def problem(self, tree):
        tree.track()
        code, text = run('check_tree.py', tree.root)
        self.assertEqual(code, 1)
        self.assertEqual(len(text.splitlines()), 1, text)
        return text

    def test_a_good_tree_passes(self):
        tree = Tree(self)
        tree.track()
        self.assertEqual(run('check_tree.py', tree.root), (0, ''))

    def test_a_path_of_a_machine_is_found(self):
        tree = Tree(self)
        tree.write('docs/a.md', 'fine\nsee /ro' + 'ot/triage/run\n')
        self.assertIn('docs/a.md:2', self.problem(tree))

    def test_a_long_source_file_is_found(self):
        tree = Tree(self)
        tree.write('src/base/clock.h', '\n' * 601)
        self.assertIn('clock.h: 601 lines', self.problem(tree))

    def test_a_folder_that_the_architecture_does_not_mention_is_found(self):
        tree = Tree(self)
        tree.write('src/wire/sse.h', '\n')
        self.assertIn('does not mention wire/', self.problem(tree))

    def test_a_test_that_is_not_built_is_found(self):
        tree = Tree(self)
        tree.write('src/base/lock.cc', '\n')
        self.assertIn('lock.cc is not listed', self.problem(tree))

    def test_a_broken_link_is_found(self):
        tree = Tree(self)
        tree.write('docs/a.md', '[good](../ARCHITECTURE.md#x) [web](https://example.com) [bad](b.md)\n')
        self.assertIn('link to b.md leads nowhere', self.problem(tree))


class CountTest(unittest.TestCase):
    def count(self, *cases):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'result.xml'
            path.write_text('<testsuite>' + ''.join(cases) + '</testsuite>')
            code, text = run('count_tests.py', path)
            return code, text.splitlines()[-1]

    def test_passed_failed_and_skipped_are_told_apart(self):
        code, line = self.count(
            '<testcase name="a" status="run"/>',
            '<testcase name="b" status="fail"><failure message=""/></testcase>',
            '<testcase name="c" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>')
        self.assertEqual((code, line), (1, '1 passed, 1 failed'))

    def test_a_program_that_is_missing_is_a_failure(self):
        code, line = self.count('<testcase name="a" status="run"/>',
                                '<testcase name="b" status="notrun"><skipped message="Unable to find"/></testcase>')
        self.assertEqual((code, line), (1, '1 passed, 1 failed'))

    def test_pytest_says_skipped_and_error_in_its_own_way(self):
        code, line = self.count('<testcase name="a"/>', '<testcase name="b"><skipped message="no model"/></testcase>')
        self.assertEqual((code, line), (0, '1 passed, 0 failed'))
        code, line = self.count('<testcase name="a"><error message="boom"/></testcase>')
        self.assertEqual((code, line), (1, '0 passed, 1 failed'))

    def test_no_test_at_all_is_a_failure(self):
        self.assertEqual(self.count(), (1, '0 passed, 1 failed'))

    def test_a_runner_that_left_no_file_is_a_failure(self):
        code, text = run('count_tests.py', '/nonexistent/result.xml')
        self.assertEqual((code, text.splitlines()[-1]), (1, '0 passed, 1 failed'))


if __name__ == '__main__':
    unittest.main()
