"""The official OpenAI SDK against `triage serve`, in front of `triage simulate`: chat, streams, errors, and what the
ledger says of them afterwards."""
import json
import pathlib
import signal
import sqlite3
import time
import urllib.request

import openai

import processes

CONFIG = """
listen: {{http: 127.0.0.1:{gateway}, admin: 127.0.0.1:{admin}, threads: 2}}
providers:
  cheap: {{base_url: http://127.0.0.1:{cheap}/v1}}
  dear:  {{base_url: http://127.0.0.1:{dear}/v1, api_key: "${{TRIAGE_TEST_KEY:-secret}}"}}
  gone:  {{base_url: http://127.0.0.1:{gone}/v1}}
models:
  absent: {{provider: gone, model: llama-3.1-8b, context: 8192, prices: {{input: 0.18, output: 0.18}}}}
  small:  {{provider: cheap, model: llama-3.1-8b, context: 8192, prices: {{input: 0.18, output: 0.18}}}}
  faulty: {{provider: cheap, model: mixtral-8x7b, context: 8192, prices: {{input: 0.60, output: 0.60}}}}
  large:  {{provider: dear, model: gpt-4o, context: 128000, capabilities: [tools, json_schema],
           prices: {{input: 2.50, output: 10}}, aliases: [best]}}
tiers:
  - {{name: fast, chain: [absent, small]}}
  - {{name: frontier, chain: [large]}}
policies:
  - {{when: {{user: ceo}}, min_tier: frontier}}
  - {{when: {{feature: bulk}}, max_tier: fast}}
ledger: {{path: ledger.db}}
log: {{format: text}}
"""

QUESTION = [{'role': 'user', 'content': 'What is two plus two?'}]


class OpenAiSdkTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateway_port, cls.admin_port, cheap, dear, gone = processes.free_ports(5)
        cls.start([processes.BINARY, 'simulate', '--port', cheap, '--model', 'llama-3.1-8b:ttft=5ms,tps=5000', '--model',
                   'mixtral-8x7b:ttft=5ms,tps=5000', '--fault', 'mixtral-8x7b:cut=2,every=1'], 'cheap',
                  f'http://127.0.0.1:{cheap}/v1/models')
        cls.start([processes.BINARY, 'simulate', '--port', dear, '--model', 'gpt-4o:ttft=5ms,tps=5000'], 'dear',
                  f'http://127.0.0.1:{dear}/v1/models')
        cls.config = cls.folder / 'triage.yaml'
        cls.config.write_text(CONFIG.format(gateway=cls.gateway_port, admin=cls.admin_port, cheap=cheap, dear=dear,
                                            gone=gone))
        cls.base = f'http://127.0.0.1:{cls.gateway_port}'
        cls.gateway = cls.start([processes.BINARY, 'serve', '-c', cls.config], 'gateway', f'{cls.base}/readyz')
        cls.client = openai.OpenAI(base_url=f'{cls.base}/v1', api_key='unused', max_retries=0, timeout=30)

    def create(self, **more):
        return self.client.chat.completions.with_raw_response.create(
            **{'model': 'auto', 'messages': QUESTION, **more})

    def test_a_whole_answer_names_tier_model_reason_and_cost(self):
        raw = self.create(extra_headers={'x-triage-feature': 'bulk'})
        answer = raw.parse()
        self.assertTrue(answer.choices[0].message.content)
        self.assertEqual(raw.headers['x-triage-tier'], 'fast')
        self.assertEqual(raw.headers['x-triage-model'], 'small')
        self.assertTrue(raw.headers['x-triage-reason'])
        self.assertEqual(raw.headers['x-triage-escalations'], '0')
        usage = answer.usage
        nano = ((usage.prompt_tokens + usage.completion_tokens) * 180_000_000 + 500_000) // 1_000_000
        self.assertEqual(round(float(raw.headers['x-triage-cost-usd']) * 1e9), nano)
        self.assertGreater(float(raw.headers['x-triage-saved-usd']), 0)

    def test_a_stream_brings_pieces_headers_and_no_usage_unless_asked(self):
        with self.client.chat.completions.with_streaming_response.create(
                model='auto', messages=QUESTION, stream=True, extra_headers={'x-triage-feature': 'bulk'}) as raw:
            self.assertEqual(raw.headers['x-triage-tier'], 'fast')
            self.assertNotIn('x-triage-cost-usd', raw.headers)
            chunks = list(raw.parse())
        self.assertGreater(len(chunks), 2)
        self.assertTrue(all(chunk.choices for chunk in chunks))
        asked = list(self.client.chat.completions.create(model='auto', messages=QUESTION, stream=True,
                                                         stream_options={'include_usage': True}))
        self.assertGreater(asked[-1].usage.completion_tokens, 0)

    def test_a_policy_and_a_pin_decide(self):
        self.assertEqual(self.create(extra_headers={'x-triage-user': 'ceo'}).headers['x-triage-tier'], 'frontier')
        self.assertEqual(self.create(metadata={'user': 'ceo'}, store=True).headers['x-triage-tier'], 'frontier')
        self.assertEqual(self.create(model='tier:frontier').headers['x-triage-model'], 'large')
        self.assertEqual(self.create(model='best').headers['x-triage-model'], 'large')
        self.assertEqual(self.create(model='dear/gpt-4o').headers['x-triage-model'], 'large')

    def test_tools_go_to_a_model_that_has_them(self):
        tools = [{'type': 'function', 'function': {'name': 'f', 'parameters': {'type': 'object', 'properties': {}}}}]
        raw = self.create(tools=tools)
        self.assertEqual(raw.headers['x-triage-tier'], 'frontier')

    def test_errors_have_openais_shape(self):
        with self.assertRaises(openai.NotFoundError) as unknown:
            self.create(model='bets')
        self.assertIn('best', unknown.exception.message)
        self.assertEqual(unknown.exception.param, 'model')
        with self.assertRaises(openai.BadRequestError) as role:
            self.create(messages=[{'role': 'wizard', 'content': 'x'}])
        self.assertEqual(role.exception.param, '/messages/0/role')
        with self.assertRaises(openai.BadRequestError):
            self.create(extra_headers={'x-triage-impact': 'huge'})
        with self.assertRaises(openai.APIStatusError) as gone:
            self.create(model='absent')
        self.assertEqual(gone.exception.status_code, 503)

    def test_a_stream_that_breaks_off_is_an_error_not_an_end(self):
        with self.assertRaises(openai.APIError):
            for _ in self.client.chat.completions.create(model='faulty', messages=QUESTION, stream=True):
                pass

    def test_models_list_has_auto_tiers_and_models(self):
        names = [model.id for model in self.client.models.list()]
        for name in ('auto', 'tier:fast', 'tier:frontier', 'large'):
            self.assertIn(name, names)

    def test_health_and_metrics(self):
        self.create()
        self.assertEqual(processes.get(f'{self.base}/healthz')[0], 200)
        status, text = processes.get(f'{self.base}/metrics')
        self.assertEqual(status, 200)
        self.assertIn('gen_ai_client_operation_duration_seconds', text)
        self.assertIn('triage_exchanges_total{tier="fast"', text)
        self.assertEqual(processes.get(f'{self.base}/nothing')[0], 404)

    def test_the_ledger_explain_and_reports_tell_the_same(self):
        raw = self.create(extra_headers={'x-triage-feature': 'bulk', 'x-triage-user': 'ann'})
        exchange, cost = raw.headers['x-triage-id'], round(float(raw.headers['x-triage-cost-usd']) * 1e9)
        time.sleep(0.3)
        with sqlite3.connect(self.folder / 'ledger.db') as ledger:
            row = ledger.execute('SELECT cost_nusd, tier, model FROM exchange WHERE id = ?', (exchange,)).fetchone()
            total = ledger.execute('SELECT sum(cost_nusd) FROM exchange').fetchone()[0]
        self.assertEqual(row, (cost, 'fast', 'small'))
        story = self.run_triage('explain', exchange, '--ledger', 'ledger.db').stdout
        self.assertIn('fast', story)
        decision = json.loads(self.run_triage('explain', exchange, '--ledger', 'ledger.db', '--json').stdout)
        self.assertEqual(decision['tier'], 'fast')
        self.assertEqual(decision['context']['user'], 'ann')
        report = json.loads(self.run_triage('report', 'savings', '--ledger', 'ledger.db', '--format', 'json').stdout)
        self.assertEqual(report['total']['cost_nusd'] + report['total']['other_cost_nusd'], total)

    def test_reload_takes_the_whole_file_or_nothing(self):
        reload = urllib.request.Request(f'http://127.0.0.1:{self.admin_port}/admin/reload', method='POST')
        before = self.config.read_text()
        try:
            self.config.write_text(before.replace('{name: frontier, chain: [large]}', '{name: frontier, chain: [huge]}'))
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(reload, timeout=10)
            self.assertIn('huge', refused.exception.read().decode())
            self.assertEqual(self.create(model='tier:frontier').headers['x-triage-model'], 'large')
            self.config.write_text(before.replace('user: ceo', 'user: boss'))
            with urllib.request.urlopen(reload, timeout=10) as answer:
                self.assertEqual(answer.status, 200)
            self.assertEqual(self.create(extra_headers={'x-triage-user': 'boss'}).headers['x-triage-tier'], 'frontier')
        finally:
            self.config.write_text(before)
            self.gateway.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                if self.create(extra_headers={'x-triage-user': 'ceo'}).headers['x-triage-tier'] == 'frontier':
                    break
                time.sleep(0.05)

    def test_a_departed_client_cancels_the_call_and_is_booked(self):
        stream = self.client.chat.completions.create(model='large', messages=QUESTION, stream=True)
        next(iter(stream))
        exchange = stream.response.headers['x-triage-id']
        stream.close()
        deadline = time.monotonic() + 10
        row = None
        while row is None and time.monotonic() < deadline:
            with sqlite3.connect(self.folder / 'ledger.db') as ledger:
                row = ledger.execute('SELECT status, cost_nusd FROM exchange WHERE id = ?', (exchange,)).fetchone()
            time.sleep(0.05)
        self.assertIsNotNone(row)
        self.assertIn(row[0], (499, 200))  # 200 when the whole answer was in flight before the departure

    def test_a_second_gateway_on_the_same_port_says_so(self):
        done = self.run_triage('serve', '-c', self.config, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('Address already in use', done.stderr)

    def test_no_prompt_and_no_key_reaches_the_log(self):
        self.create(messages=[{'role': 'user', 'content': 'xyzzy-prompt'}])
        log = pathlib.Path(self.folder / 'gateway.log').read_text()
        self.assertNotIn('xyzzy-prompt', log)
        self.assertNotIn('Bearer', log)


if __name__ == '__main__':
    import unittest
    unittest.main()
