#!/usr/bin/env python3
"""Fails when the tree breaks a rule of the house that no compiler sees.

- no path of somebody's machine in a tracked text file;
- no source file of more than 600 lines under src/;
- every folder of src/ is mentioned in ARCHITECTURE.md;
- every .cc file under src/ is listed in its folder's CMakeLists.txt, so that no test is left out silently;
- relative links in Markdown files lead somewhere.
"""
import pathlib
import re
import subprocess
import sys

LONGEST = 600
# Split, so that this file does not find itself.
MACHINE_PATH = re.compile(r'(?<![\w.])/(?:' + 'ro' + r'ot|' + 'wo' + r'rk|home/\w+)/')
LINK = re.compile(r'\]\(([^)#\s]+)(?:#[^)]*)?\)')
# Not ours to judge: data, lockfiles, licences and whatever is binary.
TEXT = {'.cc', '.h', '.py', '.sh', '.md', '.txt', '.yaml', '.yml', '.json', '.cmake', '.html', '.svg', ''}


def tracked(root):
    listing = subprocess.run(['git', '-C', root, 'ls-files', '-z'], check=True, capture_output=True, text=True)
    return [root / name for name in listing.stdout.split('\0') if name and (root / name).is_file()]


def check_text(root, path):
    if path.suffix not in TEXT or path.name == 'LICENSE':
        return
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return
    name = path.relative_to(root)
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield f'{name}:{number}: a path of somebody\'s machine'
    if path.suffix == '.md':
        for target in LINK.findall(text):
            if '://' not in target and not target.startswith('mailto:') and not (path.parent / target).exists():
                yield f'{name}: link to {target} leads nowhere'


def check_sources(root):
    architecture = (root / 'ARCHITECTURE.md').read_text()
    for folder in sorted(path for path in (root / 'src').iterdir() if path.is_dir()):
        if not re.search(rf'\b{folder.name}/', architecture):
            yield f'ARCHITECTURE.md does not mention {folder.name}/'
    for path in sorted((root / 'src').rglob('*')):
        if path.suffix not in ('.h', '.cc'):
            continue
        name = path.relative_to(root)
        lines = len(path.read_text().splitlines())
        if lines > LONGEST:
            yield f'{name}: {lines} lines; more than {LONGEST} are two ideas'
        if path.suffix == '.cc':
            folder = root / 'src' / path.relative_to(root / 'src').parts[0]
            listed = (folder / 'CMakeLists.txt').read_text() if (folder / 'CMakeLists.txt').exists() else ''
            if not re.search(rf'(?<![\w]){re.escape(path.relative_to(folder).as_posix())}\b', listed):
                yield f'{name} is not listed in {folder.name}/CMakeLists.txt'


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
    problems = list(check_sources(root))
    if (root / '.git').exists():
        for path in tracked(root):
            problems += check_text(root, path)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
