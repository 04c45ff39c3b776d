"""More requests than may be under way: who waits, who goes first, who is turned away, and what the process says of it."""
import http.client
import json
import signal
import threading
import time

import processes
from scripted_provider import ScriptedProvider, completion

CONFIG = '''
listen: {{http: "127.0.0.1:{gateway}", admin: "127.0.0.1:{admin}", threads: 1}}
limits: {{drain: 20s, drain_notice: 1s}}
admission: {{concurrency: 2, queue: {queue}, reserve: 0, max_wait: {max_wait}, bulk_wait: 20s, per_client: 3, unready_when_overloaded: true,
             bulk: {{feature: nightly}}}}
providers: {{p: {{dialect: openai, base_url: "http://127.0.0.1:{provider}/v1"}}}}
models: {{m: {{provider: p, model: m, prices: {{input: 1, output: 2}}}}}}
tiers: [{{name: only, chain: [m]}}]
ledger: {{path: triage.db}}
'''


class Asked(threading.Thread):
    """One chat request under way."""

    def __init__(self, port, key='k', path='/v1/chat/completions', **headers):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
        self.head = {'Content-Type': 'application/json', 'Authorization': f'Bearer {key}',
                     **{'x-triage-' + name: value for name, value in headers.items()}}
        self.path = path
        self.status = None
        self.start()

    def run(self):
        body = {'model': 'auto', 'max_tokens': 9, 'messages': [{'role': 'user', 'content': 'Hello.'}]}
        try:
            self.connection.request('POST', self.path, json.dumps(body), self.head)
            answer = self.connection.getresponse()
            self.body = json.loads(answer.read())
            self.headers = answer.headers
            self.status = answer.status
        except OSError:
            self.status = 0

    def done(self, within=20):
        self.join(within)
        return self.status


class AdmissionTest(processes.ProcessTest):
    def setUp(self):
        self.go = threading.Event()
        self.provider = ScriptedProvider(self.answer)
        self.addCleanup(self.provider.close)
        self.addCleanup(self.go.set)

    def serve(self, max_wait='15s', queue=2):
        self.port, self.admin = processes.free_ports(2)
        (self.folder / 'triage.yaml').write_text(
            CONFIG.format(gateway=self.port, admin=self.admin, provider=self.provider.port,
                          max_wait=max_wait, queue=queue))
        (self.folder / 'triage.db').unlink(missing_ok=True)
        self.gateway = self.start([processes.BINARY, 'serve', '-c', 'triage.yaml'], 'serve',
                                  f'http://127.0.0.1:{self.port}/healthz')
        self.addCleanup(processes.stop, self.gateway)

    def answer(self, request):
        self.go.wait(30)
        return 200, completion(request)

    def ask(self, *arguments, **headers):
        return Asked(self.port, *arguments, **headers)

    def metric(self, name):
        text = processes.get(f'http://127.0.0.1:{self.admin}/metrics')[1]
        return sum(float(line.rsplit(' ', 1)[1]) for line in text.splitlines() if line.startswith(name))

    def until(self, name, value):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.metric(name) == value:
                return
            time.sleep(0.02)
        self.fail(f'{name} is {self.metric(name)}, not {value}')

    def fill(self):
        """Takes both slots."""
        asked = [self.ask('a'), self.ask('b')]
        self.until('triage_admission_in_use', 2)
        return asked

    def test_waits_goes_before_bulk_and_is_turned_away_when_the_queue_is_full(self):
        self.serve()
        running = self.fill()
        bulk = [self.ask('c', impact='low'), self.ask('c', feature='nightly')]
        self.until('triage_admission_waiting{priority="bulk"}', 2)
        waiting = self.ask('d')
        self.until('triage_admission_waiting{priority="interactive"}', 1)
        # The newest bulk gave up its place.
        self.until('triage_admission_refused_total{priority="bulk",reason="evicted"}', 1)
        last = self.ask('e')
        self.until('triage_admission_refused_total{priority="bulk",reason="evicted"}', 2)
        full = self.ask('f')
        self.assertEqual(full.done(), 503)
        self.assertGreaterEqual(int(full.headers['Retry-After']), 1)
        self.assertEqual(full.body['error']['code'], 'unavailable')
        message = self.ask('f', '/v1/messages')
        self.assertEqual(message.done(), 503)
        self.assertEqual(message.body['error']['type'], 'overloaded_error')
        self.assertGreaterEqual(int(message.headers['Retry-After']), 1)
        self.assertEqual([each.done() for each in bulk], [503, 503])
        self.go.set()
        self.assertEqual([each.done() for each in [*running, waiting, last]], [200] * 4)
        self.until('triage_admission_wait_seconds_count{priority="interactive"}', 2)
        self.until('triage_admission_in_use', 0)

    def test_a_wait_has_an_end_and_the_queue_is_overload_when_it_stands(self):
        self.serve(max_wait='2s', queue=3)
        running = self.fill()
        bulk = self.ask('c', impact='low')
        self.until('triage_admission_waiting{priority="bulk"}', 1)
        late = self.ask('d')
        time.sleep(1.2)
        later = self.ask('e')
        self.assertEqual(late.done(), 503)
        self.until('triage_admission_refused_total{priority="interactive",reason="timeout"}', 1)
        status, body = processes.get(f'http://127.0.0.1:{self.port}/readyz')
        self.assertEqual((status, json.loads(body)['details']), (503, ['overloaded']))
        self.assertEqual(self.ask('f', impact='low').done(), 503)
        self.until('triage_admission_refused_total{priority="bulk",reason="overload"}', 1)
        self.assertEqual(later.done(), 503)
        self.go.set()
        self.assertEqual([each.done() for each in [*running, bulk]], [200] * 3)
        self.assertEqual(processes.get(f'http://127.0.0.1:{self.port}/readyz')[0], 200)

    def test_a_client_that_leaves_the_queue_leaves_its_place(self):
        self.serve()
        self.fill()
        bulk = self.ask('c', impact='low')
        self.until('triage_admission_waiting{priority="bulk"}', 1)
        bulk.connection.sock.shutdown(2)
        self.until('triage_admission_waiting{priority="bulk"}', 0)

    def test_one_client_may_not_have_everything(self):
        self.serve()
        running = self.fill()
        own = [self.ask('a', impact='low'), self.ask('a', impact='low')]
        self.until('triage_admission_waiting{priority="bulk"}', 2)
        fourth = self.ask('a')
        self.assertEqual(fourth.done(), 429)
        self.assertEqual(fourth.headers['Retry-After'], '1')
        self.assertEqual(fourth.body['error']['type'], 'rate_limit_error')
        self.go.set()
        self.assertEqual([each.done() for each in [*running, *own]], [200] * 4)
        self.assertEqual(self.ask('a').done(), 200)

    def test_drains_after_notice_and_finishes_what_runs_and_waits(self):
        self.serve()
        running = self.fill()
        waiting = self.ask('c', impact='low')
        self.until('triage_admission_waiting{priority="bulk"}', 1)
        self.gateway.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        status, body = processes.get(f'http://127.0.0.1:{self.port}/readyz')  # a new connection
        self.assertEqual((status, json.loads(body)['details'][0]), (503, 'draining'))
        time.sleep(1.2)
        with self.assertRaises(OSError):
            processes.get(f'http://127.0.0.1:{self.port}/readyz')
        self.assertEqual(processes.get(f'http://127.0.0.1:{self.admin}/readyz')[0], 503)
        self.go.set()
        self.assertEqual([each.done() for each in [*running, waiting]], [200] * 3)
        self.assertEqual(self.gateway.wait(20), 0)
