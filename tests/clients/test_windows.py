"""Requests that are too long for a model go where they fit: before a call where that is known, after a refusal else."""
import signal
import time

import anthropic
import openai
import processes
from scripted_provider import ScriptedProvider, completion, error

WORDS = 'The committee met on a rainy afternoon and nobody could say who had first proposed the bridge. '

CONFIG = '''
listen: {{http: "127.0.0.1:{gateway}", threads: 1}}
providers: {{p: {{dialect: openai, base_url: "http://127.0.0.1:{provider}/v1"}}}}
models:
  short: {{provider: p, model: short, context: 1000, prices: {{input: 1, output: 2}}}}
  long: {{provider: p, model: long, context: 20000, prices: {{input: 1, output: 2}}}}
  wide: {{provider: p, model: wide, context: 100000, prices: {{input: 3, output: 6}}}}
  shy: {{provider: p, model: shy, prices: {{input: 1, output: 2}}}}
  secret: {{provider: p, model: secret, prices: {{input: 1, output: 2}}}}
  vast: {{provider: p, model: vast, context: 200000, prices: {{input: 9, output: 20}}}}
  dense: {{provider: p, model: dense, context: 100000, prices: {{input: 1, output: 2}}}}
tiers:
  - {{name: chain, chain: [short, long]}}
  - {{name: middle, chain: [wide]}}
  - {{name: hidden, chain: [secret]}}
  - {{name: frontier, chain: [vast]}}
policies: [{{when: {{user: reader}}, max_tier: chain}}, {{when: {{user: guesser}}, min_tier: hidden, max_tier: hidden}}]
ledger: {{path: triage.db}}
'''


def answer(request):
    tokens = sum(len(message['content']) for message in request['messages']) // 5
    if request['model'] in ('secret', 'shy') and tokens > 4000:
        return 400, error(f"This model's maximum context length is 4000 tokens. However, your messages resulted in {tokens} "
                          'tokens. Please reduce the length of the messages.', 'context_length_exceeded')
    return 200, completion(request, prompt_tokens=2 * tokens if request['model'] == 'dense' else tokens)


class WindowsTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = ScriptedProvider(answer)
        cls.addClassCleanup(cls.provider.close)
        cls.port, = processes.free_ports(1)
        (cls.folder / 'triage.yaml').write_text(CONFIG.format(gateway=cls.port, provider=cls.provider.port))
        cls.gateway = cls.start([processes.BINARY, 'serve', '-c', 'triage.yaml'], 'serve',
                                f'http://127.0.0.1:{cls.port}/healthz')
        cls.openai = openai.OpenAI(base_url=f'http://127.0.0.1:{cls.port}/v1', api_key='x', max_retries=0)
        cls.anthropic = anthropic.Anthropic(base_url=f'http://127.0.0.1:{cls.port}', api_key='x', max_retries=0)

    def ask(self, text, model='auto', **more):
        return self.openai.chat.completions.with_raw_response.create(
            model=model, messages=[{'role': 'user', 'content': text}], **more)

    def story(self, answered):
        time.sleep(0.5)  # until the ledger has it
        return self.run_triage('explain', '--ledger', 'triage.db', answered.headers['x-triage-id']).stdout

    def test_a_conversation_that_grows_goes_to_the_sibling_with_the_larger_window(self):
        first = self.ask('Hello there.', user='reader')
        self.assertEqual(first.headers['x-triage-model'], 'short')
        grown = self.ask(WORDS * 60, user='reader')
        self.assertEqual(grown.headers['x-triage-model'], 'long')
        self.assertIn('short is passed over (context window 1000', grown.headers['x-triage-reason'])
        story = self.run_triage('explain', '-c', 'triage.yaml', WORDS * 60, '--user', 'reader').stdout
        self.assertIn('short is passed over (context window 1000, about', story)

    def test_the_answer_that_is_asked_for_needs_room_too(self):
        answered = self.ask('Hello there.', user='reader', max_tokens=990)
        self.assertEqual(answered.headers['x-triage-model'], 'long')

    def test_a_longer_one_goes_to_a_higher_tier(self):
        answered = self.ask(WORDS * 1200, user='reader')
        self.assertEqual(answered.headers['x-triage-tier'], 'middle')
        self.assertIn('context window', self.story(answered))

    def test_what_fits_nowhere_is_refused_in_each_dialect_before_any_call(self):
        before = len(self.provider.seen)
        text = WORDS * 20000
        with self.assertRaises(openai.BadRequestError) as refused:
            self.ask(text)
        self.assertEqual(refused.exception.code, 'context_length_exceeded')
        self.assertEqual(refused.exception.type, 'invalid_request_error')
        self.assertIn('vast with 200000', refused.exception.message)
        with self.assertRaises(openai.BadRequestError) as refused:
            self.openai.responses.create(model='auto', input=text)
        self.assertEqual(refused.exception.code, 'context_length_exceeded')
        with self.assertRaises(anthropic.BadRequestError) as refused:
            self.anthropic.messages.create(model='auto', max_tokens=100, messages=[{'role': 'user', 'content': text}])
        self.assertIn('prompt is too long', refused.exception.message)
        self.assertEqual(len(self.provider.seen), before)

    def test_a_refusal_is_answered_by_a_larger_window_and_remembered_over_a_reload(self):
        answered = self.ask(WORDS * 400, user='guesser')
        self.assertEqual(answered.headers['x-triage-model'], 'vast')
        self.assertIn('secret refused it as too long; vast took it', answered.headers['x-triage-reason'])
        self.assertEqual(self.provider.calls('secret'), 1)
        story = self.story(answered)
        self.assertIn('context_length', story)
        self.assertIn('secret refused it as too long', story)
        self.gateway.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        again = self.ask(WORDS * 400, user='guesser')
        self.assertEqual(again.headers['x-triage-model'], 'vast')
        self.assertIn('context window 4000', self.story(again))
        self.assertEqual(self.provider.calls('secret'), 1)

    def test_a_pinned_model_answers_for_itself(self):
        with self.assertRaises(openai.BadRequestError) as refused:
            self.ask(WORDS * 400, model='shy')
        self.assertEqual(refused.exception.code, 'context_length_exceeded')
        self.assertIn('maximum context length is 4000', refused.exception.message)

    def test_usage_teaches_how_a_model_counts(self):
        def counted():
            return self.anthropic.messages.count_tokens(
                model='dense', messages=[{'role': 'user', 'content': WORDS * 100}]).input_tokens
        before = counted()
        for _ in range(12):
            self.ask(WORDS * 100, model='dense')
        self.assertGreater(counted(), before * 1.4)
