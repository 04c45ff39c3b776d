"""A provider that bills whole answers is read to its usage when the client has left; any other is cut at once."""
import http.client
import json
import time

import processes

CONFIG = '''
listen: {{http: "127.0.0.1:{gateway}"}}
providers:
  bills: {{dialect: openai, base_url: "http://127.0.0.1:{provider}/v1", on_disconnect: {{mode: drain, max_wait: 20s}}}}
  cuts: {{dialect: openai, base_url: "http://127.0.0.1:{provider}/v1"}}
models:
  billing: {{provider: bills, model: sim, prices: {{input: 1, output: 2}}}}
  cutting: {{provider: cuts, model: sim, prices: {{input: 1, output: 2}}}}
tiers: [{{name: fast, chain: [billing]}}, {{name: frontier, chain: [cutting]}}]
ledger: {{path: triage.db}}
'''


class DrainTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateway, provider = processes.free_ports(2)
        cls.seen = cls.folder / 'seen.jsonl'
        cls.start([processes.BINARY, 'simulate', '--port', provider, '--model', 'sim:tps=40,ttft=10ms', '--record',
                   cls.seen], 'simulate', f'http://127.0.0.1:{provider}/v1/models')
        (cls.folder / 'triage.yaml').write_text(CONFIG.format(gateway=cls.gateway, provider=provider))
        cls.start([processes.BINARY, 'serve', '-c', 'triage.yaml'], 'serve', f'http://127.0.0.1:{cls.gateway}/healthz')

    def leave(self, model):
        """Asks for a stream and leaves after its first bytes; gives the exchange's id."""
        connection = http.client.HTTPConnection('127.0.0.1', self.gateway, timeout=20)
        connection.request('POST', '/v1/chat/completions', json.dumps({
            'model': model, 'stream': True, 'messages': [{'role': 'user', 'content': f'a question for {model}'}]}))
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        exchange = answer.getheader('x-triage-id')
        answer.read(10)
        answer.close()
        connection.close()
        return exchange

    def seen_by_provider(self, model):
        """Whether the provider's client left, once the provider has written its line."""
        deadline = time.monotonic() + 25
        while time.monotonic() < deadline:
            for line in self.seen.read_text().splitlines() if self.seen.exists() else []:
                if f'a question for {model}' in line:
                    return json.loads(line).get('client_gone', False)
            time.sleep(0.1)
        self.fail('the provider wrote nothing')

    def test_a_provider_that_bills_all_is_read_to_the_end(self):
        self.leave('billing')
        self.assertFalse(self.seen_by_provider('billing'))

    def test_any_other_provider_is_cut_off(self):
        self.leave('cutting')
        self.assertTrue(self.seen_by_provider('cutting'))
