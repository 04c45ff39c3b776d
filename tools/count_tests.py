#!/usr/bin/env python3
"""Adds up JUnit files of CTest and pytest; the last line is "N passed, N failed".

A file that is missing or unreadable counts as one failure: its runner did not finish. So does a test that did not
run for another reason than that it chose to be skipped.
"""
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    """'passed', 'failed' or 'skipped' of one <testcase>."""
    if case.find('failure') is not None or case.find('error') is not None:
        return 'failed'
    skipped = case.find('skipped')
    if skipped is not None:
        # CTest reports a missing program as skipped, too; only SKIP_… are the test's own word.
        from_ctest = case.get('status') is not None
        chosen = not from_ctest or skipped.get('message', '').startswith('SKIP_')
        return 'skipped' if chosen else 'failed'
    return 'passed' if case.get('status', 'run') == 'run' else 'failed'


def main():
    names = {'passed': [], 'failed': [], 'skipped': []}
    for path in sys.argv[1:]:
        try:
            cases = list(ElementTree.parse(path).iter('testcase'))
        except (OSError, ElementTree.ParseError) as error:
            names['failed'].append(f'{path}: {error}')
            continue
        if not cases:
            names['failed'].append(f'{path}: no test ran')
        for case in cases:
            names[outcome(case)].append(f'{case.get("classname")}: {case.get("name")}')
    for kind in ('skipped', 'failed'):
        for name in names[kind]:
            print(f'{kind}: {name}')
    print(f'{len(names["passed"])} passed, {len(names["failed"])} failed')
    return 1 if names['failed'] or not names['passed'] else 0


if __name__ == '__main__':
    sys.exit(main())
