"""The endpoints beside generation, with the official packages: embeddings, lists of models, counts of tokens, and
responses that are kept."""
import json
import time

import anthropic
import openai

import processes

CONFIG = """
listen: {{http: 127.0.0.1:{gateway}}}
providers:
  chat:      {{dialect: openai, base_url: "http://127.0.0.1:{simulator}/v1"}}
  messages:  {{dialect: anthropic, base_url: "http://127.0.0.1:{simulator}"}}
models:
  words:  {{provider: chat, model: sim, capabilities: [embeddings], prices: {{input: 1, output: 1}}}}
  small:  {{provider: chat, model: sim, capabilities: [tools], aliases: [cheap], prices: {{input: 1, output: 1}}}}
  claude: {{provider: messages, model: sim, capabilities: [tools], prices: {{input: 1, output: 1}}}}
tiers:
  - {{name: only, chain: [small]}}
ledger: {{path: ledger.db}}
responses: {{path: responses.db}}
"""


class EndpointsTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        gateway, simulator = processes.free_ports(2)
        base = f'http://127.0.0.1:{gateway}'
        cls.seen = cls.folder / 'seen.jsonl'
        cls.start([processes.BINARY, 'simulate', '--port', simulator, '--dialect', 'openai,anthropic', '--model',
                   'sim:ttft=2ms,tps=20000', '--record', cls.seen], 'simulator',
                  f'http://127.0.0.1:{simulator}/v1/models')
        config = cls.folder / 'triage.yaml'
        config.write_text(CONFIG.format(gateway=gateway, simulator=simulator))
        cls.start([processes.BINARY, 'serve', '-c', config], 'gateway', f'{base}/readyz')
        cls.openai = openai.OpenAI(base_url=f'{base}/v1', api_key='unused', max_retries=0, timeout=60)
        cls.anthropic = anthropic.Anthropic(base_url=base, api_key='unused', max_retries=0, timeout=60)

    def sent(self, text):
        """The body that the provider got, of the request that says `text`; it is recorded after its answer."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in self.seen.read_text().splitlines():
                if text in line:
                    return json.loads(line)['body']
            time.sleep(0.05)
        raise AssertionError(f'the provider never got {text}')

    def test_texts_become_vectors_in_their_order(self):
        answer = self.openai.embeddings.create(model='words', input=['red green', 'red green', 'other'], dimensions=8)
        vectors = [each.embedding for each in answer.data]
        self.assertEqual([len(vector) for vector in vectors], [8, 8, 8])
        self.assertEqual(vectors[0], vectors[1])
        self.assertNotEqual(vectors[0], vectors[2])
        self.assertGreater(answer.usage.prompt_tokens, 0)

    def test_auto_finds_the_model_that_makes_vectors(self):
        raw = self.openai.embeddings.with_raw_response.create(model='auto', input='red')
        self.assertEqual(raw.headers['x-triage-model'], 'words')
        self.assertTrue(raw.parse().data[0].embedding)

    def test_a_model_that_makes_no_vectors_is_refused_before_it_is_asked(self):
        before = self.seen.read_text().count('/embeddings')
        with self.assertRaises(openai.UnprocessableEntityError) as refused:
            self.openai.embeddings.create(model='claude', input='red')
        self.assertEqual(refused.exception.code, 'unsupported')
        with self.assertRaises(openai.BadRequestError) as empty:
            self.openai.embeddings.create(model='words', input=[])
        self.assertEqual(empty.exception.param, '/input')
        self.assertEqual(self.seen.read_text().count('/embeddings'), before)

    def test_models_are_listed_in_the_style_of_whoever_asks(self):
        for client in (self.openai, self.anthropic):
            names = [model.id for model in client.models.list()]
            for name in ('auto', 'tier:only', 'small', 'claude', 'words'):
                self.assertIn(name, names)
        self.assertEqual(self.openai.models.retrieve('claude').owned_by, 'messages')
        self.assertEqual(self.openai.models.retrieve('tier:only').id, 'tier:only')
        self.assertEqual(self.anthropic.models.retrieve('small').type, 'model')
        with self.assertRaises(openai.NotFoundError):
            self.openai.models.retrieve('nothing')
        with self.assertRaises(anthropic.NotFoundError):
            self.anthropic.models.retrieve('nothing')

    def test_tokens_are_counted_by_the_provider_or_estimated(self):
        counted = self.anthropic.messages.with_raw_response.count_tokens(
            model='claude', messages=[{'role': 'user', 'content': 'How many tokens are these?'}])
        self.assertEqual(counted.parse().input_tokens, 7)  # as the simulator counts
        self.assertNotIn('x-triage-warning', counted.headers)
        for model in ('small', 'auto'):
            guessed = self.anthropic.messages.with_raw_response.count_tokens(
                model=model, messages=[{'role': 'user', 'content': 'How many tokens are these?'}])
            self.assertGreater(guessed.parse().input_tokens, 0)
            self.assertIn('estimated', guessed.headers['x-triage-warning'])
        with self.assertRaises(anthropic.NotFoundError):
            self.anthropic.messages.count_tokens(model='nothing', messages=[{'role': 'user', 'content': 'x'}])

    def test_a_response_that_is_kept_can_be_gone_on_from_read_and_deleted(self):
        first = self.openai.responses.create(model='small', input='please say: red')
        second = self.openai.responses.create(model='small', input='please say: green', previous_response_id=first.id)
        self.assertEqual((second.output_text, second.previous_response_id), ('green', first.id))
        self.assertIsNone(first.previous_response_id)
        self.assertEqual([message['role'] for message in self.sent('please say: green')['messages']],
                         ['user', 'assistant', 'user'])
        self.assertEqual(self.openai.responses.retrieve(first.id).output_text, 'red')
        items = [item.role for item in self.openai.responses.input_items.list(second.id)]
        self.assertIn('user', items)
        self.openai.responses.delete(first.id)
        with self.assertRaises(openai.NotFoundError):
            self.openai.responses.retrieve(first.id)
        with self.assertRaises(openai.BadRequestError) as unknown:
            self.openai.responses.create(model='small', input='x', previous_response_id='resp_nothing')
        self.assertEqual(unknown.exception.param, 'previous_response_id')

    def test_a_response_in_the_background_is_there_later(self):
        begun = self.openai.responses.create(model='small', input='please say: later', background=True)
        self.assertIn(begun.status, ('queued', 'in_progress', 'completed'))
        self.assertTrue(begun.background)
        deadline = time.monotonic() + 20
        while begun.status in ('queued', 'in_progress') and time.monotonic() < deadline:
            time.sleep(0.05)
            begun = self.openai.responses.retrieve(begun.id)
        self.assertEqual((begun.status, begun.output_text), ('completed', 'later'))

    def test_the_signature_of_thinking_goes_back_byte_for_byte(self):
        asked = {'model': 'claude', 'max_tokens': 2000, 'thinking': {'type': 'enabled', 'budget_tokens': 1024}}
        for text, more in (('Why?', 'And openly?'), ('please think in secret', 'And secretly?')):
            said = [{'role': 'user', 'content': text}]
            first = self.anthropic.messages.create(messages=said, **asked)
            block = first.content[0]
            secret = getattr(block, 'signature', None) or block.data
            self.assertTrue(secret)
            said += [{'role': 'assistant', 'content': first.content}, {'role': 'user', 'content': more}]
            self.anthropic.messages.create(messages=said, **asked)
            sent = self.sent(more)['messages'][1]['content'][0]
            self.assertEqual(sent, block.model_dump(exclude_none=True))
            self.assertIn(secret, sent.values())

    def test_what_a_provider_cannot_be_told_is_named_in_a_warning(self):
        raw = self.anthropic.messages.with_raw_response.create(
            model='small', max_tokens=20, messages=[{'role': 'user', 'content': 'What is left?'}],
            extra_body={'top_k': 5})
        self.assertIn('top_k', raw.headers['x-triage-warning'])
        self.assertNotIn('top_k', self.sent('What is left?'))


if __name__ == '__main__':
    import unittest
    unittest.main()
