"""The incident with real sockets: gateway and simulated providers, A dead, B flapping and cutting, C limiting its rate.

Every request asks for a text of its own, so that a byte that is wrong, missing or sent twice shows.
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

ROUTER = pathlib.Path(__file__).resolve().parent.parent.parent / 'models/default.triage'
PER_SECOND = 15
SECONDS = {'calm': 6, 'incident': 20}

CONFIG = '''
listen: {{http: "127.0.0.1:{gateway}", threads: 1}}
log: {{level: error}}
providers:
  a: {{base_url: "http://127.0.0.1:{a}/v1", timeouts: {{connect: 500ms}}}}
  b: {{base_url: "http://127.0.0.1:{b}/v1"}}
  c: {{base_url: "http://127.0.0.1:{c}/v1"}}
  d: {{base_url: "http://127.0.0.1:{d}/v1"}}
models:
  a: {{provider: a, model: a, prices: {{input: 0.1, output: 0.1}}}}
  b: {{provider: b, model: b, prices: {{input: 0.1, output: 0.1}}}}
  c: {{provider: c, model: c, prices: {{input: 0.1, output: 0.1}}}}
  d: {{provider: d, model: d, prices: {{input: 5, output: 25}}}}
tiers:
  - {{name: low, chain: [a, {{any: [b, c]}}]}}
  - {{name: high, chain: [d]}}
routing: {{router: "{router}", thresholds: [0.01], band: 0}}   # everything belongs to the low tier
resilience:
  breaker: {{open_for: 2s, ramp: 2s}}
  promotion: {{always_per_minute: 100000}}
ledger: {{path: "{folder}/triage.db"}}
'''

MODELS = {'a': 'a:ttft=30ms,tps=2000', 'b': 'b:ttft=30ms,tps=2000', 'c': 'c:ttft=30ms,tps=2000,rpm={rpm}',
          'd': 'd:ttft=60ms,tps=1000'}
FAULTS = {'a': ['*:down'], 'b': ['b:status=503,flap=4s', 'b:cut=2,every=9']}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(('127.0.0.1', 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def await_port(port, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(('127.0.0.1', port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError('a server did not start')


def text_of(number):
    """A text that no other request has, in some twenty tokens."""
    return f'request {number}: ' + ' '.join(f'{number}.{word}' for word in range(12)) + ' end'


class Answer:
    """What one request got: `outcome` is ok, lost, cut (and told so) or wrong."""

    def __init__(self, outcome, model='', seconds=0.0, why=''):
        self.outcome, self.model, self.seconds, self.why = outcome, model, seconds, why


def ask(port, number):
    wanted = text_of(number)
    stream = number % 2 == 0
    begin = time.monotonic()
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    try:
        connection.request('POST', '/v1/chat/completions', json.dumps({
            'model': 'auto', 'stream': stream,
            'messages': [{'role': 'user', 'content': f'please say: {wanted}'}]}))
        answer = connection.getresponse()
        model = answer.getheader('x-triage-model', '')
        try:
            body = answer.read()
            whole = True
        except http.client.IncompleteRead as broken:
            body, whole = broken.partial, False
        seconds = time.monotonic() - begin
        if answer.status != 200:
            return Answer('lost', model, seconds, f'{answer.status} {body[:120]!r}')
        return judge(body.decode(errors='replace'), whole, stream, wanted, model, seconds)
    except OSError as error:
        return Answer('lost', '', time.monotonic() - begin, repr(error))
    finally:
        connection.close()


def judge(body, whole, stream, wanted, model, seconds):
    """Compares an answer with what was asked for, byte by byte."""
    if not stream:
        if not whole:
            return Answer('cut', model, seconds)
        said = json.loads(body)['choices'][0]['message']['content']
        return Answer('ok' if said == wanted else 'wrong', model, seconds, said)
    events = [line[6:] for line in body.split('\n') if line.startswith('data: ')]
    done = bool(events) and events[-1] == '[DONE]'
    parsed = []
    for event in events:
        try:
            parsed.append(json.loads(event))
        except ValueError:
            continue  # [DONE], or the event in which the connection was cut
    said = ''.join(choice['delta'].get('content') or '' for event in parsed for choice in event.get('choices', []))
    told = any('error' in event for event in parsed)
    if done and whole and not told:
        return Answer('ok' if said == wanted else 'wrong', model, seconds, said)
    if wanted.startswith(said) and (told or not whole) and not done:
        return Answer('cut', model, seconds)
    return Answer('wrong', model, seconds, said)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def play(binary, kind):
    """One run; gives its figures."""
    incident = kind == 'incident'
    started = []
    with tempfile.TemporaryDirectory() as folder:
        gateway, *ports = free_ports(5)
        providers = dict(zip('abcd', ports))
        try:
            for name, port in providers.items():
                faults = [word for fault in (FAULTS.get(name, []) if incident else []) for word in ('--fault', fault)]
                spec = MODELS[name].format(rpm=120 if incident else 100_000)
                process = subprocess.Popen([binary, 'simulate', '--port', str(port), '--model', spec, *faults],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                started.append(process)
                if '*:down' not in faults:
                    await_port(port, process)
            config = pathlib.Path(folder) / 'triage.yaml'
            config.write_text(CONFIG.format(gateway=gateway, folder=folder, router=ROUTER, **providers))
            process = subprocess.Popen([binary, 'serve', '-c', str(config)], cwd=folder, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, env=os.environ)
            started.append(process)
            await_port(gateway, process)
            answers = send(gateway, SECONDS[kind])
        finally:
            for process in reversed(started):
                process.send_signal(signal.SIGTERM)
            for process in started:
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
    count = {outcome: sum(answer.outcome == outcome for answer in answers) for outcome in ('ok', 'lost', 'cut', 'wrong')}
    latencies = [answer.seconds * 1000 for answer in answers if answer.outcome == 'ok']
    models = {name: sum(answer.model == name for answer in answers) for name in 'abcd'}
    return count | {'requests': len(answers), 'models': models,
                    'latency_ms': {f'p{share}': percentile(latencies, share / 100) for share in (50, 95, 99)},
                    'examples': [answer.why for answer in answers if answer.outcome in ('lost', 'wrong')][:3]}


def send(port, seconds):
    """An open loop: a slow answer holds up no later request."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=120) as pool:
        begin = time.monotonic()
        futures = []
        for number in range(PER_SECOND * seconds):
            time.sleep(max(0.0, begin + number / PER_SECOND - time.monotonic()))
            futures.append(pool.submit(ask, port, number))
        return [future.result() for future in futures]
