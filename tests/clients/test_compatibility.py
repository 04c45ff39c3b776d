"""Official SDKs and frameworks against `triage serve`, in front of `triage simulate` in every provider's dialect: the
matrix of docs/compatibility.md. Each of its cells is a test."""
import concurrent.futures
import functools
import hashlib
import json
import pathlib
import subprocess
import sys
import time

import pytest

import processes

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / 'matrix'))

import anthropic_client
import cases
import frameworks
import openai_clients

sys.path.insert(0, str(HERE.parent.parent / 'tools'))
import compatibility

PYTHON_CLIENTS = (openai_clients.Chat, openai_clients.Responses, anthropic_client.Messages, frameworks.LangChainOpenAi,
                  frameworks.LangChainAnthropic, frameworks.InstructorOpenAi, frameworks.InstructorAnthropic)
LEAVES_WITHIN = 8  # seconds until the provider must have seen its connection closed
CAPABILITIES = 'tools, vision, json_schema'
AUTH = {'bedrock': 'auth: {kind: aws_sigv4, access_key_id: "${TRIAGE_TEST_ID:-AKIDTEST}", '
                   'secret_access_key: "${TRIAGE_TEST_SECRET:-secret}"}, region: eu-central-1',
        'oci': 'auth: {kind: oci_signature, config_file: oci.config, profile: DEFAULT}, '
               'compartment: ocid1.compartment.oc1..test'}
BASES = {'openai': '/v1', 'openai_responses': '/v1', 'gemini': '/v1beta'}


def oci_config(folder):
    """A fresh signing key, and OCI's configuration file that names it."""
    subprocess.run(['openssl', 'genrsa', '-out', folder / 'oci.pem', '2048'], check=True, capture_output=True)
    public = subprocess.run(['openssl', 'rsa', '-in', folder / 'oci.pem', '-pubout', '-outform', 'DER'], check=True,
                            capture_output=True).stdout
    fingerprint = hashlib.md5(public, usedforsecurity=False).digest().hex(':')
    (folder / 'oci.config').write_text(
        f'[DEFAULT]\nuser=ocid1.user.oc1..test\nfingerprint={fingerprint}\ntenancy=ocid1.tenancy.oc1..test\n'
        f'region=eu-frankfurt-1\nkey_file={folder / "oci.pem"}\n')


class Servers(processes.ProcessTest):
    """One gateway in front of six providers, each with models for what goes well, for faults and for departures."""

    @classmethod
    def run(cls):
        super().setUpClass()
        gateway, simulator = processes.free_ports(2)
        cls.base = f'http://127.0.0.1:{gateway}'
        cls.seen = cls.folder / 'seen.jsonl'
        oci_config(cls.folder)
        cls.start([processes.BINARY, 'simulate', '--port', simulator, '--dialect', ','.join(cases.PROVIDERS),
                   '--record', cls.seen, '--model', 'sim:ttft=2ms,tps=20000,chunk=3', '--model',
                   'slow:ttft=2ms,tps=20,chunk=1', '--lenient'], 'simulator', f'http://127.0.0.1:{simulator}/v1/models')
        lines = [f'listen: {{http: 127.0.0.1:{gateway}, threads: 2}}', 'limits: {max_attempts: 1}', 'providers:']
        for name in cases.PROVIDERS:
            auth = f', {AUTH[name]}' if name in AUTH else ''
            lines.append(f'  {name}: {{dialect: {name}, on_disconnect: {{mode: cancel}}, '
                         f'base_url: "http://127.0.0.1:{simulator}{BASES.get(name, "")}"{auth}}}')
        lines.append('models:')
        for name in cases.PROVIDERS:
            for kind, model in (('sim', 'sim'), ('faulty', 'sim'), ('slow', 'slow')):
                lines.append(f'  {kind}-{name}: {{provider: {name}, model: {model}, context: 128000, '
                             f'capabilities: [{CAPABILITIES}], prices: {{input: 1, output: 2}}}}')
        lines += ['tiers:', '  - {name: only, chain: [sim-openai]}', 'ledger: {path: ledger.db}',
                  # Many cells ask for failures on purpose, and at once.
                  'resilience: {breaker: {min_volume: 1000, consecutive: 1000, quiet_consecutive: 1000}}', '']
        config = cls.folder / 'triage.yaml'
        config.write_text('\n'.join(lines))
        cls.start([processes.BINARY, 'serve', '-c', config], 'gateway', f'{cls.base}/readyz')
        return cls


def left(seen, tag):
    """Whether the provider's client has left the request with `tag` in its body."""
    deadline = time.monotonic() + LEAVES_WITHIN
    while time.monotonic() < deadline:
        for line in seen.read_text().splitlines():
            if tag in line and json.loads(line)['client_gone']:
                return True
        time.sleep(0.1)
    return False


def outcome_of(run, expressible):
    """(pass, not expressible or fail; why) of one cell."""
    try:
        run()
    except Exception as error:  # of any package
        text = f'{type(error).__name__}: {error}'
        if not expressible and getattr(error, 'status_code', 0) in (400, 422, 501):
            return 'not expressible', text
        return 'fail', text
    return ('pass', '') if expressible else ('fail', 'it is said to be not expressible, and passes')


def cells_of_python(servers):
    """(client, provider, feature) → what runs the cell."""
    cells = {}
    for kind in PYTHON_CLIENTS:
        client = kind(servers.base)
        for provider in cases.PROVIDERS:
            for feature in cases.FEATURES:
                if feature in cases.NOT_OFFERED.get(kind.name, ()):
                    continue
                if feature == 'disconnect':
                    run = functools.partial(depart, servers, client, provider)
                else:
                    prefix = 'faulty' if feature == 'errors' else 'sim'
                    run = functools.partial(getattr(client, feature.replace(' ', '_').lower()), f'{prefix}-{provider}')
                cells[kind.name, provider, feature] = run
    return cells


def depart(servers, client, provider):
    """The client leaves in the middle of a stream, and while it waits for an answer."""
    for number, leave in enumerate((client.leave, client.lose_patience)):
        tag = f'[{client.name} {provider} {number}]'
        leave(f'slow-{provider}', tag)
        cases.check(left(servers.seen, tag), f'the provider did not see its client leave: {leave.__name__}')


def node_outcomes(servers):
    """(client, provider, feature) → outcome of the clients of Node, which run in one process."""
    done = subprocess.run(['node', HERE / 'matrix' / 'node' / 'clients.mjs', servers.base, cases.PNG,
                           ','.join(cases.PROVIDERS)], capture_output=True, text=True, timeout=400)
    outcomes = {}
    for line in done.stdout.splitlines():
        cell = json.loads(line)
        key = cell['client'], cell['provider'], cell['feature']
        outcomes[key] = outcome_of(functools.partial(judge, servers, cell), expressible(*key))
    if done.returncode != 0:
        outcomes['node', '', ''] = 'fail', done.stderr[-2000:]
    return outcomes


class NodeError(Exception):
    """What went wrong in Node."""
    def __init__(self, cell):
        super().__init__(cell['error'])
        self.status_code = cell.get('status') or 0


def judge(servers, cell):
    """Raises what is wrong with a cell of Node."""
    if cell['error']:
        raise NodeError(cell)
    for tag in cell.get('tags', ()):
        cases.check(left(servers.seen, tag), f'the provider did not see its client leave: {tag}')


def expressible(client, provider, feature):
    return (cases.CLIENTS[client], provider, feature) not in cases.NOT_EXPRESSIBLE


@functools.cache
def outcomes():
    """Runs the matrix once."""
    servers = Servers.run()
    try:
        cells = cells_of_python(servers)
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            node = pool.submit(node_outcomes, servers)
            running = {key: pool.submit(outcome_of, run, expressible(*key)) for key, run in cells.items()}
            found = {key: future.result() for key, future in running.items()}
            found.update(node.result())
    finally:
        Servers.doClassCleanups()
    compatibility.RESULT.parent.mkdir(parents=True, exist_ok=True)
    compatibility.RESULT.write_text(json.dumps(
        [{'client': client, 'provider': provider, 'feature': feature, 'outcome': outcome, 'why': why}
         for (client, provider, feature), (outcome, why) in sorted(found.items())], indent=1))
    return found


def all_cells():
    return [(client, provider, feature) for client in cases.CLIENTS for provider in cases.PROVIDERS
            for feature in cases.FEATURES if feature not in cases.NOT_OFFERED.get(client, ())]


@pytest.mark.parametrize('client,provider,feature', all_cells())
def test_cell(client, provider, feature):
    outcome, why = outcomes().get((client, provider, feature), ('fail', 'it did not run'))
    assert outcome != 'fail', why


def test_nothing_else_went_wrong():
    unknown = outcomes().keys() - set(all_cells())
    assert {key: outcomes()[key] for key in unknown} == {}


def test_the_page_shows_this_run():
    outcomes()
    assert compatibility.PAGE.read_text() == compatibility.page(compatibility.load()), \
        'run tools/compatibility.py --update'
