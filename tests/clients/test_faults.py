"""The running gateway when providers fail, clients misbehave or leave, and the process is told to stop."""
import contextlib
import http.client
import json
import signal
import socket
import sqlite3
import time
import unittest

import processes

# Model at the faulty provider → fault. Each is the first of its tier's chain; a healthy model stands behind it.
FAULTS = {
    'limited': 'status=429,retry_after=600',
    'broken': 'status=500',
    'page': 'status=503,html',
    'overloaded': 'status=529',
    'closed': 'close',
    'hanging': 'hang',
    'garbage': 'garbage',
    'event': 'error_event=0',
    'mistyped': 'content_type=text/html',
}


class FaultsTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port, faulty, healthy = processes.free_ports(3)
        flags = []
        for name, fault in FAULTS.items():
            flags += ['--model', f'{name}:ttft=2ms,tps=20000', '--fault', f'{name}:{fault}']
        for name, fault in (('cut', 'cut=2'), ('pinned', 'status=429,retry_after=7')):
            flags += ['--model', f'{name}:ttft=2ms,tps=20000', '--fault', f'{name}:{fault}']
        cls.start([processes.BINARY, 'simulate', '--port', faulty, *flags], 'faulty', f'http://127.0.0.1:{faulty}/v1/models')
        cls.start([processes.BINARY, 'simulate', '--port', healthy, '--model', 'well:ttft=2ms,tps=20000', '--model',
                   'slow:ttft=100ms,tps=20'], 'healthy', f'http://127.0.0.1:{healthy}/v1/models')
        models = ['  well: {provider: healthy, model: well}', '  slow: {provider: healthy, model: slow}']
        tiers = []
        for name in [*FAULTS, 'cut', 'pinned']:
            models.append(f'  {name}: {{provider: faulty, model: {name}}}')
            tiers.append(f'  - {{name: t-{name}, chain: [{name}, well]}}')
        tiers.append('  - {name: top, chain: [slow]}')
        config = cls.folder / 'triage.yaml'
        config.write_text('\n'.join([
            f'listen: {{http: 127.0.0.1:{cls.port}}}',
            'limits: {max_body: 100KiB, drain: 10s}',
            'providers:',
            f'  faulty: {{base_url: http://127.0.0.1:{faulty}/v1, timeouts: {{first_byte: 300ms}}}}',
            f'  healthy: {{base_url: http://127.0.0.1:{healthy}/v1}}',
            'models:', *models, 'tiers:', *tiers, 'ledger: {path: ledger.db}', '']))
        cls.gateway = cls.start([processes.BINARY, 'serve', '-c', config], 'gateway', f'http://127.0.0.1:{cls.port}/readyz')

    def ask(self, model, connection=None, **more):
        """Status, headers and body of one chat request."""
        connection = connection or http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        body = json.dumps({'model': model, 'messages': [{'role': 'user', 'content': 'Say something.'}], **more})
        connection.request('POST', '/v1/chat/completions', body, {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def metric(self, start):
        text = processes.get(f'http://127.0.0.1:{self.port}/metrics')[1]
        return sum(float(line.rsplit(' ', 1)[1]) for line in text.splitlines() if line.startswith(start))

    def test_every_fault_before_the_first_byte_falls_back_silently(self):
        # An error event is a fault only of streams.
        for stream in (False, True):
            for name in FAULTS:
                if name == 'event' and not stream:
                    continue
                with self.subTest(fault=name, stream=stream):
                    counter = f'triage_attempts_total{{provider="faulty",model="{name}"'
                    before = self.metric(counter)
                    # Until the wait that it asked for is over, a model that is limited is not tried again.
                    attempts = 0 if name == 'limited' and before > 0 else 1
                    status, headers, body = self.ask(f'tier:t-{name}', stream=stream)
                    self.assertEqual(status, 200, body)
                    self.assertEqual(headers['x-triage-model'], 'well')
                    self.assertTrue(body.rstrip().endswith('[DONE]') if stream else json.loads(body)['choices'])
                    deadline = time.monotonic() + 5  # an exchange is booked after its last byte
                    while self.metric(counter) < before + attempts and time.monotonic() < deadline:
                        time.sleep(0.01)
                    self.assertEqual(self.metric(counter), before + attempts)

    def test_a_pinned_model_that_fails_gives_its_error_with_the_wait(self):
        status, headers, body = self.ask('pinned')
        self.assertEqual(status, 429)
        self.assertEqual(headers['retry-after'], '7')
        self.assertIn('error', json.loads(body))

    def test_a_stream_cut_after_the_first_byte_never_looks_complete(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        body = json.dumps({'model': 'cut', 'stream': True, 'messages': [{'role': 'user', 'content': 'x'}]})
        connection.request('POST', '/v1/chat/completions', body)
        answer = connection.getresponse()
        with self.assertRaises(http.client.IncompleteRead) as broken:
            answer.read()
        self.assertIn(b'"error"', broken.exception.partial)
        self.assertNotIn(b'[DONE]', broken.exception.partial)

    def test_bad_requests_name_the_place_and_leave_the_connection_usable(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        for body, place in (('{"model": "auto", "messages": [}', None), ('[]', None), ('{"model": "well"}', '/messages'),
                            ('{"model": 5, "messages": []}', '/model'),
                            ('{"model": "well", "model": "well", "messages": []}', '/model'),
                            ('{"model": "well", "messages": [{"role": "user", "content": "\ud800"}]}', None),
                            ('{"model": "well", "stream": "yes", "messages": [{"role": "user", "content": "x"}]}', '/stream'),
                            ('[' * 1000, None)):
            with self.subTest(body=body[:60]):
                connection.request('POST', '/v1/chat/completions', body.encode('utf-8', 'surrogatepass'))
                answer = connection.getresponse()
                error = json.loads(answer.read())['error']
                self.assertEqual(answer.status, 400)
                self.assertEqual(error['type'], 'invalid_request_error')
                if place:
                    self.assertEqual(error['param'], place)
        self.assertEqual(self.ask('well', connection)[0], 200)

    def test_limits_on_size_are_kept(self):
        status, _, body = self.ask('well', junk='x' * 200_000)
        self.assertEqual(status, 413, body)

    def test_pipelined_requests_are_answered_in_order(self):
        one = json.dumps({'model': 'well', 'messages': [{'role': 'user', 'content': 'x'}]})
        request = f'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {len(one)}\r\n\r\n{one}'
        with socket.create_connection(('127.0.0.1', self.port), timeout=20) as raw:
            raw.sendall((request * 3 + 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n').encode())
            received = b''
            while piece := raw.recv(65536):
                received += piece
        self.assertEqual(received.count(b'HTTP/1.1 200 OK'), 4)
        self.assertTrue(received.endswith(b'{"status":"ok"}\n'))

    def test_a_client_that_leaves_while_waiting_cancels_the_provider(self):
        body = json.dumps({'model': 'slow', 'messages': [{'role': 'user', 'content': 'x'}]})
        raw = socket.create_connection(('127.0.0.1', self.port), timeout=20)
        raw.sendall(f'POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n{body}'.encode())
        time.sleep(0.2)
        self.assertEqual(self.metric('triage_requests_active'), 2)  # that one, and the one that reads the metrics
        raw.close()
        deadline = time.monotonic() + 5
        while self.metric('triage_requests_active') > 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(self.metric('triage_requests_active'), 1)
        time.sleep(0.3)
        with contextlib.closing(sqlite3.connect(self.folder / 'ledger.db')) as ledger:
            row = ledger.execute("SELECT status, error FROM exchange WHERE client_gone ORDER BY id DESC").fetchone()
        self.assertEqual(row, (499, 'cancelled'))


class DrainTest(processes.ProcessTest):
    def test_sigterm_finishes_the_stream_that_runs_and_refuses_new_connections(self):
        port, provider = processes.free_ports(2)
        self.start([processes.BINARY, 'simulate', '--port', provider, '--model', 'm:ttft=50ms,tps=100'], 'provider',
                   f'http://127.0.0.1:{provider}/v1/models')
        config = self.folder / 'triage.yaml'
        config.write_text(f'listen: {{http: 127.0.0.1:{port}}}\nproviders: {{p: {{base_url: http://127.0.0.1:{provider}/v1}}}}\n'
                          'models: {m: {provider: p, model: m}}\ntiers: [{name: only, chain: [m]}]\nledger: {path: ledger.db}\n')
        gateway = self.start([processes.BINARY, 'serve', '-c', config], 'gateway', f'http://127.0.0.1:{port}/readyz')
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
        connection.request('POST', '/v1/chat/completions',
                           json.dumps({'model': 'auto', 'stream': True, 'messages': [{'role': 'user', 'content': 'x'}]}))
        answer = connection.getresponse()
        first = answer.read(10)
        gateway.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', port), timeout=5)
        self.assertTrue((first + answer.read()).rstrip().endswith(b'data: [DONE]'))
        self.assertEqual(gateway.wait(20), 0)


if __name__ == '__main__':
    unittest.main()
