"""The running gateway beside slow, failing and limiting providers: deadlines, hedges, breakers, what is told of them."""
import contextlib
import http.client
import json
import signal
import sqlite3
import time

import processes

CONFIG = '''
listen: {{http: "127.0.0.1:{port}", admin: "127.0.0.1:{admin}", threads: 1}}
log: {{format: json}}
providers:
  odd: {{base_url: "http://127.0.0.1:{odd}/v1"}}
  well: {{base_url: "http://127.0.0.1:{well}/v1"}}
  locked: {{base_url: "http://127.0.0.1:{locked}/v1", api_keys: [wrong-key, right-key]}}
models:
  hanging: {{provider: odd, model: hanging, prices: {{input: 1, output: 2}}}}
  hanging-too: {{provider: odd, model: hanging-too, prices: {{input: 1, output: 2}}}}
  down: {{provider: odd, model: down, prices: {{input: 1, output: 2}}}}
  trickling: {{provider: odd, model: trickling, prices: {{input: 1, output: 2}}}}
  moody: {{provider: odd, model: moody, prices: {{input: 1, output: 2}}}}
  locked: {{provider: locked, model: locked, prices: {{input: 1, output: 2}}}}
  quick: {{provider: well, model: quick, prices: {{input: 3, output: 4}}}}
tiers:
  - {{name: hanging, chain: [hanging, hanging-too]}}
  - {{name: down, chain: [down, quick]}}
  - {{name: trickling, chain: [trickling]}}
  - {{name: moody, chain: [moody, quick]}}
  - {{name: locked, chain: [locked]}}
resilience:
  hedge: {{tiers: [moody], share: 1}}
  min_throughput: 200B
  min_throughput_over: 1s
ledger: {{path: ledger.db}}
'''


class ResilienceTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port, cls.admin, odd, well, locked = processes.free_ports(5)
        quick = 'ttft=5ms,ttft_sigma=0,tps=20000'
        models = [word for name in ('hanging', 'hanging-too', 'down', 'moody') for word in ('--model', f'{name}:{quick}')]
        cls.start([processes.BINARY, 'simulate', '--port', odd, *models, '--model', 'trickling:ttft=5ms,tps=1,tps_sigma=0',
                   '--fault', 'hanging:hang', '--fault', 'hanging-too:hang', '--fault', 'down:status=503',
                   '--fault', 'moody:slow_headers=5s,every=61'], 'odd', f'http://127.0.0.1:{odd}/v1/models')
        cls.start([processes.BINARY, 'simulate', '--port', well, '--model', f'quick:{quick}'], 'well',
                  f'http://127.0.0.1:{well}/v1/models')
        # Its list of models wants the key, too: what is asked for is that it listens.
        cls.start([processes.BINARY, 'simulate', '--port', locked, '--model', f'locked:{quick}', '--api-key', 'right-key'],
                  'locked', f'http://127.0.0.1:{well}/v1/models')
        (cls.folder / 'triage.yaml').write_text(CONFIG.format(port=cls.port, admin=cls.admin, odd=odd, well=well, locked=locked))
        cls.gateway = cls.start([processes.BINARY, 'serve', '-c', 'triage.yaml'], 'gateway',
                                f'http://127.0.0.1:{cls.port}/readyz')

    def ask(self, model, headers=None, **more):
        """Status, headers and body of one chat request, and the seconds that it took."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        begin = time.monotonic()
        with contextlib.closing(connection):
            connection.request('POST', '/v1/chat/completions', json.dumps(
                {'model': model, 'messages': [{'role': 'user', 'content': 'Say something.'}], **more}), headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode(), time.monotonic() - begin

    def metric(self, start):
        text = processes.get(f'http://127.0.0.1:{self.port}/metrics')[1]
        return sum(float(line.rsplit(' ', 1)[1]) for line in text.splitlines() if line.startswith(start))

    def ledger(self, query):
        """The rows of a query, once there are some: exchanges are written after their last byte."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.closing(sqlite3.connect(self.folder / 'ledger.db')) as ledger:
                if rows := ledger.execute(query).fetchall():
                    return rows
            time.sleep(0.1)
        return []

    def test_a_clients_deadline_holds_over_all_attempts(self):
        status, _, body, seconds = self.ask('tier:hanging', {'x-triage-latency-ms': '800'})
        self.assertEqual(status, 504, body)
        self.assertGreater(seconds, 0.7)
        self.assertLess(seconds, 3)

    def test_a_stream_that_trickles_is_broken_off_and_never_looks_complete(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request('POST', '/v1/chat/completions', json.dumps(
                {'model': 'tier:trickling', 'stream': True, 'messages': [{'role': 'user', 'content': 'Say something.'}]}))
            with self.assertRaises(http.client.IncompleteRead) as broken:
                connection.getresponse().read()
        self.assertIn(b'too slowly', broken.exception.partial)
        self.assertNotIn(b'[DONE]', broken.exception.partial)

    def test_a_breaker_that_opens_is_seen_in_metrics_and_log(self):
        for _ in range(5):
            self.assertEqual(self.ask('tier:down')[0], 200)
        labels = 'provider="odd",model="down"'
        self.assertEqual(self.metric(f'triage_breaker_state{{{labels},credential="0"}}'), 1)
        self.assertEqual(self.metric(f'triage_breaker_transitions_total{{{labels},to="open"}}'), 1)
        self.assertEqual(self.metric(f'triage_attempts_total{{{labels},outcome='), 3)  # and then none
        self.assertEqual(self.metric('triage_tier_down{tier="down"}'), 0)
        lines = [json.loads(line) for line in (self.folder / 'gateway.log').read_text().splitlines() if line.startswith('{')]
        self.assertTrue([line for line in lines if line['event'] == 'breaker changed' and line['model'] == 'down'
                         and line['to'] == 'open' and line['open_ms'] > 10_000], lines)

    def test_a_late_answer_is_outrun_and_billed(self):
        # 60 answers tell what is usual; the 61st is five seconds late.
        for number in range(61):
            status, headers, body, seconds = self.ask('tier:moody', stream=True)
            self.assertEqual(status, 200, body)
            self.assertTrue(body.rstrip().endswith('[DONE]'))
            self.assertLess(seconds, 4, number)
        self.assertEqual(headers['x-triage-model'], 'quick')
        rows = self.ledger("SELECT exchange_id, cost_nusd FROM attempt WHERE kind = 'hedge' AND model = 'moody'")
        self.assertGreaterEqual(len(rows), 1)
        self.assertGreater(rows[-1][1], 0)
        attempts = self.ledger(f"SELECT kind, model, error FROM attempt WHERE exchange_id = '{rows[-1][0]}' ORDER BY number")
        self.assertEqual(attempts, [('hedge', 'moody', 'cancelled'), ('answer', 'quick', '')])
        self.assertGreaterEqual(self.metric('triage_hedges_won_total{provider="well",model="quick"}'), 1)

    def test_a_key_that_is_refused_is_left_out_and_the_next_one_used(self):
        for _ in range(4):
            status, _, body, _ = self.ask('tier:locked')
            self.assertEqual(status, 200, body)
        self.assertEqual(self.metric('triage_credentials_refused{provider="locked",model="locked"}'), 1)
        attempts = [kind for kind, in self.ledger("SELECT status FROM attempt WHERE model = 'locked' ORDER BY status")]
        self.assertEqual(attempts.count(401), 1)

    def test_replay_tells_what_an_outage_would_have_done(self):
        self.assertEqual(self.ask('tier:down')[0], 200)
        self.assertEqual(self.ask('moody')[0], 200)
        self.ledger("SELECT 1 FROM exchange WHERE requested_model = 'moody'")
        told = json.loads(self.run_triage('replay', '-c', 'triage.yaml', '--outage', 'odd', '--json').stdout)
        self.assertGreaterEqual(told['affected'], 1)
        self.assertEqual(told['fallback'] + told['promoted'] + told['lost'], told['affected'])
        self.assertIn('pinned by the request', [move['why'] for move in told['moves']])
        text = self.run_triage('replay', '-c', 'triage.yaml', '--outage', 'well', '--limit', 'moody=5').stdout
        self.assertIn('If well were down', text)
        wrong = self.run_triage('replay', '-c', 'triage.yaml', '--outage', 'odds', check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("triage replay: --outage 'odds': no such provider; there are odd, well, locked\n", wrong.stderr)

    def test_while_it_drains_the_admin_listener_says_so(self):
        port, admin = processes.free_ports(2)
        text = (self.folder / 'triage.yaml').read_text().replace(str(self.port), str(port)).replace(str(self.admin), str(admin))
        (self.folder / 'second.yaml').write_text(text.replace('ledger.db', 'second.db'))
        gateway = self.start([processes.BINARY, 'serve', '-c', 'second.yaml'], 'second', f'http://127.0.0.1:{admin}/readyz')
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
        with contextlib.closing(connection):
            connection.request('POST', '/v1/chat/completions', json.dumps(
                {'model': 'tier:hanging', 'messages': [{'role': 'user', 'content': 'x'}]}), {'x-triage-latency-ms': '2500'})
            time.sleep(0.3)
            gateway.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            status, body = processes.get(f'http://127.0.0.1:{admin}/readyz')
            self.assertEqual((status, json.loads(body)['details']), (503, ['draining']))
            self.assertEqual(connection.getresponse().status, 504)
        self.assertEqual(gateway.wait(20), 0)
