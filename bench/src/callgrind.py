"""User instructions per unit of work, by difference of two callgrind runs.

A program is run twice, with n1 and with n2 units of work; (Ir2 - Ir1) / (n2 - n1) leaves out its start, its warm-up
and its end. Threads are counted apart: what a background thread spends is shown apart from the path of a request.
"""
import collections
import pathlib
import re
import shutil
import subprocess

LEVEL = re.compile(r"^(.*?)('\d+)?$")  # callgrind counts levels of recursion apart
NAME = re.compile(r'^\((\d+)\)(?: (.*))?$')


def without_debug_info(program, folder):
    """A copy that valgrind 3.19 can load: it gives up on the DWARF 5 of clang 19. Names of functions stay."""
    copy = pathlib.Path(folder) / f'{pathlib.Path(program).name}-nodebug'
    if not copy.exists():
        strip = shutil.which('strip') or shutil.which('llvm-strip-19')
        subprocess.run([strip, '--strip-debug', '-o', str(copy), str(program)], check=True)
    return copy


def command(valgrind, folder):
    return [valgrind, '--tool=callgrind', '--separate-threads=yes', '--fair-sched=yes',
            f'--callgrind-out-file={folder}/callgrind.%p', '--quiet']


class Profile:
    """Instructions of one thread: in all, and by function (self, and with callees)."""

    def __init__(self):
        self.total = 0
        self.own = collections.Counter()
        self.inclusive = collections.Counter()
        self.calls = collections.Counter()
        self.recursive = set()  # with callees means nothing for them


def read_profile(path):
    profile = Profile()
    names = {}

    def name_of(text):
        number, name = NAME.match(text).groups()
        if name is not None:
            names[number], level = LEVEL.match(name).groups()
            if level:
                profile.recursive.add(names[number])
        return names[number]

    function = callee = None
    with open(path, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            first = line[0]
            if first in '0123456789+-*':
                cost = int(line.split()[1]) if ' ' in line.strip() else 0
                if callee is None:
                    profile.own[function] += cost
                    profile.total += cost
                    profile.inclusive[function] += cost
                else:
                    if callee != function:
                        profile.inclusive[function] += cost
                    callee = None
            elif line.startswith('fn='):
                function = name_of(line[3:].rstrip('\n'))
            elif line.startswith('cfn='):
                target = name_of(line[4:].rstrip('\n'))
            elif line.startswith('calls='):
                callee = target
                profile.calls[callee] += int(line[6:].split()[0])
    return profile


def read_run(folder):
    """Profiles of the threads of the run whose files are in `folder`."""
    threads = [read_profile(path) for path in sorted(pathlib.Path(folder).glob('callgrind.*'))]
    return [thread for thread in threads if thread.total > 0]


def is_ledger_writer(profile):
    """A thread that steps SQL statements is the ledger's writer, which no request waits for."""
    return any(name.startswith('sqlite3_step') for name in profile.own)


class Difference:
    """Instructions per unit of work."""

    def __init__(self, few, many, units):
        def split(run):
            path, background = Profile(), Profile()
            for thread in run:
                into = background if is_ledger_writer(thread) else path
                into.total += thread.total
                into.own.update(thread.own)
                into.inclusive.update(thread.inclusive)
                into.calls.update(thread.calls)
                into.recursive |= thread.recursive
            return path, background

        (path1, back1), (path2, back2) = split(few), split(many)
        self.units = units
        self.path = (path2.total - path1.total) / units
        self.background = (back2.total - back1.total) / units
        self.own = self._functions(path1.own, path2.own)
        self.inclusive = self._functions(path1.inclusive, path2.inclusive)
        self.calls = self._functions(path1.calls, path2.calls)
        self.recursive = path1.recursive | path2.recursive
        self.background_own = self._functions(back1.own, back2.own)

    @property
    def total(self):
        return self.path + self.background

    def _functions(self, few, many):
        return {name: (many[name] - few[name]) / self.units for name in many}

    def with_callees(self, prefix):
        """Instructions of the functions whose name begins so, with their callees; only right for one that does not recurse."""
        return sum(cost for name, cost in self.inclusive.items() if name.startswith(prefix))

    def top(self, count=25):
        """Lines (self, with callees or None, calls, function) of the request's path, dearest first."""
        return [(own, None if name in self.recursive else self.inclusive.get(name, 0), self.calls.get(name, 0), name)
                for name, own in dearest(self.own, count)]

    def top_background(self, count=25):
        """Lines (self, None, None, function) of the ledger's writer."""
        return [(own, None, None, name) for name, own in dearest(self.background_own, count)]


def dearest(functions, count):
    return [(name, own) for name, own in sorted(functions.items(), key=lambda item: -item[1])[:count] if own >= 0.5]
