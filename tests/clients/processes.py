"""Starts the built program and other servers for a test class, on free ports, and ends them with it."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

BINARY = pathlib.Path(os.environ.get('TRIAGE_BINARY', 'build/dev/triage')).resolve()


def free_ports(count):
    """That many ports that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(('127.0.0.1', 0))
        return [each.getsockname()[1] for each in sockets]


def stop(process):
    """Ends a process as an operator would, then less politely."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class ProcessTest(unittest.TestCase):
    """Base of tests that need running servers; `folder` is their temporary working folder."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))

    @classmethod
    def start(cls, command, name, url, within=30):
        """Starts a process, and waits until `url` answers 200. Gives the process."""
        log = cls.folder / f'{name}.log'
        with log.open('w') as output:
            process = subprocess.Popen(list(map(str, command)), cwd=cls.folder, stdout=output, stderr=output)
        cls.addClassCleanup(stop, process)
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                with urllib.request.urlopen(url, timeout=5):
                    return process
            time.sleep(0.05)
        raise AssertionError(f'{name} did not start:\n{log.read_text()[-4000:]}')

    @classmethod
    def run_triage(cls, *arguments, check=True):
        """Runs `triage ARGUMENTS` to its end; gives the finished process with its output as text."""
        done = subprocess.run([str(BINARY), *map(str, arguments)], cwd=cls.folder, capture_output=True, text=True,
                              timeout=60)
        if check and done.returncode != 0:
            raise AssertionError(f'triage {arguments} gave {done.returncode}:\n{done.stdout}\n{done.stderr}')
        return done


def get(url):
    """Status and text of a GET, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
