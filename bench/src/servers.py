"""Processes of a benchmark: start, pin, watch, stop. Everything listens on 127.0.0.1 only.

Only processes that were started here are ever signalled, each by its id.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = {CORES[0]}
LOAD_CORE = {CORES[-1]}


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def get_json(port, path, timeout=5):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=timeout)
    try:
        connection.request('GET', path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


class Process:
    """A program with its log, pinned to `cores`, ended by `stop`."""

    def __init__(self, name, argv, folder, cores=None, stdin=subprocess.DEVNULL, stdout=None):
        self.name = name
        self.log = pathlib.Path(folder) / f'{name}.log'
        pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
        with open(self.log, 'ab') as log:
            self.popen = subprocess.Popen(argv, stdin=stdin, stdout=stdout or log, stderr=log,
                                          cwd=folder, preexec_fn=pin)

    def pids(self):
        """The process and its children (nginx: master and worker)."""
        pid = self.popen.pid
        try:
            children = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
        except OSError:
            children = []
        return [pid] + [int(child) for child in children]

    def cpu_ns(self):
        """Time on a CPU, user and system, of all threads."""
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
                try:
                    total += int((task / 'schedstat').read_text().split()[0])
                except OSError:
                    pass  # the thread ended meanwhile
        return total

    def resident_bytes(self):
        """Resident memory of the process, of nginx: of its worker, the larger part."""
        def of(pid):
            for line in pathlib.Path(f'/proc/{pid}/status').read_text().splitlines():
                if line.startswith('VmRSS:'):
                    return int(line.split()[1]) * 1024
            return 0
        return max(of(pid) for pid in self.pids())

    def wait_for_port(self, port, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.popen.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    return
            time.sleep(0.01)
        raise RuntimeError(f'{self.name} does not listen on port {port}: {self.tail()}')

    def tail(self):
        return self.log.read_text(errors='replace')[-1500:]

    def stop(self, seconds=20):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait(5)
        return self.popen.returncode


class Mock(Process):
    """The provider that every variant talks to."""

    def __init__(self, programs, folder, cores=None):
        super().__init__('mock', [str(programs / 'triage_bench_mock')], folder, cores,
                         stdout=subprocess.PIPE)
        self.port = json.loads(self.popen.stdout.readline())['port']

    def control(self, delay_us=0, interval_us=0, chunks=20):
        get_json(self.port, f'/control?delay_us={delay_us}&interval_us={interval_us}&chunks={chunks}')

    def stats(self):
        return get_json(self.port, '/stats')

    def wait_until_quiet(self, seconds=5):
        """Whether no answer is under way any more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.stats()['answering'] == 0:
                return True
            time.sleep(0.01)
        return False


NGINX_CONF = """
daemon off;
worker_processes 1;
{user}
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  keepalive_timeout 300s;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream mock {{
    server 127.0.0.1:{mock};
    keepalive 2048;
    keepalive_requests 100000000;
    keepalive_timeout 300s;
  }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_buffering {buffering};
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://mock; }}
  }}
}}
"""


class Nginx(Process):
    """nginx proxy_pass with keep-alive on both sides; `buffering` off is what streams need."""

    def __init__(self, program, mock_port, folder, cores=None, buffering=True, prefix=()):
        place = pathlib.Path(folder) / ('nginx-buffering' if buffering else 'nginx-streams')
        place.mkdir()
        self.port = free_port()
        (place / 'nginx.conf').write_text(NGINX_CONF.format(
            user='user root;' if os.geteuid() == 0 else '', mock=mock_port, port=self.port,
            buffering='on' if buffering else 'off'))
        super().__init__('nginx', [*prefix, program, '-p', str(place), '-c', 'nginx.conf', '-e', 'stderr'],
                         place, cores)

    def wait(self, seconds=20):
        self.wait_for_port(self.port, seconds)
        return self


TRIAGE_CONF = """
listen: {{http: 127.0.0.1:{port}, {admin}threads: 1}}
providers:
  mock: {{base_url: http://127.0.0.1:{mock}/v1, max_idle_connections: 4096}}
models:
  bench-small: {{provider: mock, model: bench-1, context: 131072, prices: {{input: 0.05, output: 0.08}}}}
  bench-large: {{provider: mock, model: bench-2, context: 131072, prices: {{input: 2.5, output: 10}}}}
tiers:
  - {{name: fast, chain: [bench-small]}}
  - {{name: frontier, chain: [bench-large]}}
ledger: {{path: {ledger}}}
log: {{level: {level}}}
routing: {{router: {router}}}
"""

PINNED_MODEL = 'bench-small'


class Triage(Process):
    """The gateway with one I/O thread. `everything` adds what the configuration leaves open: admin listener and usual
    log level. Ledger and metrics are always on."""

    def __init__(self, program, mock_port, folder, everything, cores=None, prefix=()):
        folder = pathlib.Path(folder) / f'triage-{"everything" if everything else "relay"}-{free_port()}'
        folder.mkdir()
        self.port = free_port()
        (folder / 'triage.yaml').write_text(TRIAGE_CONF.format(
            port=self.port, mock=mock_port, ledger=folder / 'ledger.db',
            level='info' if everything else 'error', admin=f'admin: 127.0.0.1:{free_port()}, ' if everything else '',
            router=ROOT / 'models/default.triage'))
        self.folder = folder
        super().__init__('triage', [*prefix, str(program), 'serve', '-c', 'triage.yaml'], folder, cores)

    def wait(self, seconds=60):
        """Until it answers: a port that accepts may still be closed again before the gateway serves."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.popen.poll() is None:
            try:
                get_json(self.port, '/healthz', timeout=seconds)
                return self
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
            except ValueError:
                return self
        raise RuntimeError(f'{self.name} does not answer on port {self.port}: {self.tail()}')


class Direct:
    """No gateway: the load goes to the mock."""

    def __init__(self, mock):
        self.port = mock.port

    def cpu_ns(self):
        return 0


class LoadFailed(RuntimeError):
    pass


class Load:
    """The load generator, started at once; `finish` gives its figures."""

    def __init__(self, programs, mode, port, body, cores=None, **options):
        argv = [str(programs / 'triage_bench_load'), mode, '--port', str(port), '--body', str(body)]
        for name, value in options.items():
            argv += ['--' + name.replace('_', '-'), str(value)]
        pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
        self.popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, preexec_fn=pin)

    def wait_started(self):
        """Until every stream has had its first event."""
        line = self.popen.stdout.readline()
        if '"started"' not in line:
            raise LoadFailed(f'load: no stream began: {line.strip()} {self.popen.communicate()[1].strip()}')
        return json.loads(line)['started']

    def finish(self, allow_errors=False, cut=True):
        """Waits; `cut` ends open streams first, by closing the standard input. The load bounds itself by --seconds."""
        if not cut:
            self.popen.wait()
        out, err = self.popen.communicate(timeout=120)
        if self.popen.returncode != 0 and not allow_errors:
            raise LoadFailed(f'load: exit {self.popen.returncode}: {err.strip()} {out.strip()[-400:]}')
        return json.loads(out.splitlines()[-1])


def run_load(programs, mode, port, body, cores=LOAD_CORE, **options):
    return Load(programs, mode, port, body, cores, **options).finish(cut=False)


def find_nginx(cache):
    """nginx's program. A package that is missing is unpacked below `cache`: installing it would start a service."""
    found = shutil.which('nginx', path=os.environ.get('PATH', '') + ':/usr/sbin')
    if found:
        return found
    program = cache / 'usr/sbin/nginx'
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(['apt-get', 'download', 'nginx-light'], cwd=cache, check=True, stdout=2)
        package = next(cache.glob('nginx-light_*.deb'))
        subprocess.run(['dpkg', '-x', str(package), str(cache)], check=True, stdout=2)
    return str(program)


def find_valgrind():
    found = shutil.which('valgrind')
    if not found:
        sudo = [] if os.geteuid() == 0 else ['sudo']
        subprocess.run([*sudo, 'apt-get', 'install', '-y', '-q', '--no-install-recommends', 'valgrind'],
                       check=True, stdout=2)
        found = shutil.which('valgrind')
    return found
