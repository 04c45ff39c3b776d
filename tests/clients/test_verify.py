"""Answers that do not hold are mended or answered by the next tier, and clients' SDKs notice nothing of it."""
import json
import subprocess
import time
import urllib.request

import anthropic
import openai
import processes
from scripted_provider import ScriptedProvider, completion

REFUSAL = "I'm sorry, but I can't help with that."
GOOD = 'Goethe wrote Faust, in two parts, over sixty years.'
SCHEMA = {'type': 'object', 'properties': {'total': {'type': 'number'}, 'to': {'type': 'string'}},
          'required': ['total', 'to'], 'additionalProperties': False}

CONFIG = '''
listen: {{http: "127.0.0.1:{gateway}", threads: 1}}
providers: {{p: {{dialect: openai, base_url: "http://127.0.0.1:{provider}/v1"}}}}
models:
  small: {{provider: p, model: small, prices: {{input: 1, output: 2}}, capabilities: [tools, json_schema]}}
  large: {{provider: p, model: large, prices: {{input: 10, output: 20}}, capabilities: [tools, json_schema]}}
tiers:
  - {{name: fast, chain: [small]}}
  - {{name: frontier, chain: [large]}}
routing: {{thresholds: [0], band: 0}}
verify:
  patterns: {{cites: {{pattern: 'source: \\w+'}}}}
  webhooks: {{rules: {{url: "http://127.0.0.1:{validator}/check", deadline: 300ms}}}}
ledger: {{path: triage.db}}
'''


def answer(request):
    """What `script` says for the model, by a word in the last user text."""
    asked = next(m['content'] for m in reversed(request['messages']) if m['role'] == 'user')
    small = request['model'] == 'small'
    text = GOOD
    if 'refuse' in asked and small:
        text = REFUSAL
    if 'fence' in asked:
        text = '```json\n{"total": 12.5, "to": "Ann"}\n```'
    if 'nonsense' in asked:
        text = 'none'
    return 200, completion(request, text)


class VerifyTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider = ScriptedProvider(answer)
        cls.addClassCleanup(cls.provider.close)
        cls.verdict = {'outcome': 'pass'}
        cls.validator = ScriptedProvider(lambda body: (200, cls.verdict))
        cls.addClassCleanup(cls.validator.close)
        cls.port, = processes.free_ports(1)
        (cls.folder / 'triage.yaml').write_text(
            CONFIG.format(gateway=cls.port, provider=cls.provider.port, validator=cls.validator.port))
        cls.start([processes.BINARY, 'serve', '-c', 'triage.yaml'], 'serve', f'http://127.0.0.1:{cls.port}/healthz')
        cls.openai = openai.OpenAI(base_url=f'http://127.0.0.1:{cls.port}/v1', api_key='x', max_retries=0)
        cls.anthropic = anthropic.Anthropic(base_url=f'http://127.0.0.1:{cls.port}', api_key='x', max_retries=0)

    def ask(self, text, verify=None, **more):
        headers = {'x-triage-verify': verify} if verify else {}
        return self.openai.chat.completions.with_raw_response.create(
            model='auto', messages=[{'role': 'user', 'content': text}], extra_headers=headers, **more)

    def explain(self, exchange):
        time.sleep(0.5)  # until the ledger has it
        return self.run_triage('explain', '--ledger', 'triage.db', exchange).stdout

    def test_a_refusal_is_answered_by_the_next_tier(self):
        answered = self.ask('Please refuse this.')
        self.assertEqual(answered.parse().choices[0].message.content, GOOD)
        self.assertEqual(answered.headers['x-triage-tier'], 'frontier')
        self.assertEqual(answered.headers['x-triage-escalations'], '1')
        self.assertIn('verdict: small failed refusal', answered.headers['x-triage-reason'])
        story = self.explain(answered.headers['x-triage-id'])
        self.assertIn('failed refusal', story)
        self.assertIn('escalation: large (frontier, p): answered', story)

    def test_streams_of_every_dialect_bring_the_answer_that_holds(self):
        for verify in (None, 'basic,hold'):
            headers = {'x-triage-verify': verify} if verify else {}
            with self.subTest(verify=verify):
                stream = self.openai.chat.completions.create(
                    model='auto', stream=True, messages=[{'role': 'user', 'content': 'Please refuse this.'}],
                    extra_headers=headers)
                self.assertEqual(''.join(c.choices[0].delta.content or '' for c in stream if c.choices), GOOD)
                with self.openai.responses.stream(model='auto', input='Please refuse this.',
                                                  extra_headers=headers) as stream:
                    self.assertEqual(stream.get_final_response().output_text, GOOD)
                with self.anthropic.messages.stream(
                        model='auto', max_tokens=100, messages=[{'role': 'user', 'content': 'Please refuse this.'}],
                        extra_headers=headers) as stream:
                    self.assertEqual(stream.get_final_text(), GOOD)

    def test_clients_may_ignore_a_verdict_behind_their_streams_end(self):
        text = 'Who wrote Faust?'
        headers = {'x-triage-verify': 'cites,after'}
        stream = self.openai.chat.completions.create(model='auto', stream=True, extra_headers=headers,
                                                     messages=[{'role': 'user', 'content': text}])
        self.assertEqual(GOOD, ''.join(c.choices[0].delta.content or '' for c in stream if c.choices))
        with self.openai.responses.stream(model='auto', input=text, extra_headers=headers) as stream:
            self.assertEqual(GOOD, stream.get_final_response().output_text)
        with self.anthropic.messages.stream(model='auto', max_tokens=100, extra_headers=headers,
                                            messages=[{'role': 'user', 'content': text}]) as stream:
            self.assertEqual(GOOD, stream.get_final_text())
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}/v1/chat/completions',
            json.dumps({'model': 'auto', 'stream': True, 'messages': [{'role': 'user', 'content': text}]}).encode(),
            {'Content-Type': 'application/json', **headers})
        with urllib.request.urlopen(request, timeout=10) as answered:
            body = answered.read().decode()
        behind = body.split('data: [DONE]\n\n')[1]
        self.assertTrue(behind.startswith('event: triage.verdict\ndata: '), behind)
        told = json.loads(behind.split('data: ')[1])
        self.assertEqual(told['outcome'], 'fail')
        self.assertEqual(told['verdicts'][0]['check'], 'cites')

    def test_json_comes_as_its_schema_says(self):
        answered = self.ask('In a fence, please.', response_format={
            'type': 'json_schema', 'json_schema': {'name': 'invoice', 'schema': SCHEMA}})
        self.assertEqual(json.loads(answered.parse().choices[0].message.content), {'total': 12.5, 'to': 'Ann'})
        self.assertEqual(answered.headers['x-triage-tier'], 'fast')

    def test_json_that_nobody_gets_right_is_an_error_that_sdks_do_not_retry(self):
        with self.assertRaises(openai.UnprocessableEntityError) as refused:
            self.ask('Some nonsense, please.', response_format={
                'type': 'json_schema', 'json_schema': {'name': 'invoice', 'schema': SCHEMA}})
        self.assertEqual(refused.exception.code, 'answer_rejected')
        self.assertIn('small failed json', refused.exception.message)
        self.assertIn('large failed json', refused.exception.message)

    def test_an_invalid_schema_is_refused_with_the_place_of_its_keyword(self):
        before = len(self.provider.seen)
        with self.assertRaises(openai.BadRequestError) as refused:
            self.ask('x', response_format={'type': 'json_schema', 'json_schema': {
                'name': 'x', 'schema': {'type': 'object', 'properties': {'a': {'minLength': -1}}}}})
        self.assertIn('/response_format/json_schema/schema/properties/a/minLength', refused.exception.message)
        self.assertEqual(len(self.provider.seen), before)

    def test_a_validator_is_asked_over_http_and_never_takes_answers_with_it(self):
        type(self).verdict = {'outcome': 'pass'}
        answered = self.ask('Who wrote Faust?', verify='rules')
        self.assertEqual(answered.parse().choices[0].message.content, GOOD)
        self.assertEqual(self.validator.seen[-1]['answer']['text'], GOOD)
        type(self).verdict = 'garbage'
        answered = self.ask('Who wrote Faust?', verify='rules')
        self.assertEqual(answered.headers['x-triage-tier'], 'fast')
        self.assertIn('unsure of rules', self.explain(answered.headers['x-triage-id']))
        type(self).verdict = {'outcome': 'fail', 'reason': 'the sum is wrong'}
        with self.assertRaises(openai.UnprocessableEntityError):
            self.ask('Who wrote Faust?', verify='rules')

    def test_an_unknown_check_is_refused_with_those_that_there_are(self):
        with self.assertRaises(openai.BadRequestError) as refused:
            self.ask('x', verify='basics')
        self.assertIn('basic', refused.exception.message)

    # --- Feedback ---------------------------------------------------------------------------

    def feedback(self, body, key='x'):
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}/v1/feedback', json.dumps(body).encode(),
            {'Content-Type': 'application/json', 'Authorization': f'Bearer {key}'})
        try:
            with urllib.request.urlopen(request, timeout=10) as answered:
                return answered.status, answered.headers, json.load(answered)
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.load(error)

    def test_feedback_is_kept_once_and_only_from_whom_it_concerns(self):
        exchange = self.ask('Who wrote Faust?').headers['x-triage-id']
        given = {'exchange': exchange, 'kind': 'thumb', 'value': -1, 'reason': 'wrong'}
        status, _, body = self.feedback(given)
        self.assertEqual((status, body['repeated']), (200, False))
        status, _, body = self.feedback(given)
        self.assertEqual((status, body['repeated']), (200, True))
        self.assertEqual(self.feedback(given, key='somebody else')[0], 404)
        self.assertEqual(self.feedback(given | {'exchange': '0' * 26})[0], 404)
        status, _, body = self.feedback(given | {'value': 5})
        self.assertEqual(status, 400)
        self.assertIn('/value', json.dumps(body))
        story = self.explain(exchange)
        self.assertEqual(story.count('its client: thumb -1'), 1)
        self.assertIn('a label: 0 % good', story)

    def test_feedback_can_have_the_next_tier_answer_at_once(self):
        exchange = self.ask('Who wrote Faust?').headers['x-triage-id']
        status, headers, body = self.feedback({'exchange': exchange, 'kind': 'outcome', 'value': False,
                                               'reason': 'schema', 'retry': True})
        self.assertEqual(status, 200)
        self.assertEqual(body['choices'][0]['message']['content'], GOOD)
        self.assertEqual(headers['x-triage-tier'], 'frontier')
        self.assertEqual(headers['x-triage-escalations'], '1')
        self.assertIn(exchange, self.explain(headers['x-triage-id']))

    # --- Sessions ---------------------------------------------------------------------------

    def test_a_rephrased_question_goes_to_the_next_tier_and_labels_the_first(self):
        first = self.openai.chat.completions.with_raw_response.create(
            model='auto', messages=[{'role': 'user', 'content': 'How do I reset my blue kettle?'}])
        told = first.parse().choices[0].message.content
        second = self.openai.chat.completions.with_raw_response.create(model='auto', messages=[
            {'role': 'user', 'content': 'How do I reset my blue kettle?'}, {'role': 'assistant', 'content': told},
            {'role': 'user', 'content': "That's wrong, that is not what I asked! How do I reset my blue kettle?"}])
        self.assertEqual(first.headers['x-triage-tier'], 'fast')
        self.assertEqual(second.headers['x-triage-tier'], 'frontier')
        self.assertEqual(second.headers['x-triage-escalations'], '1')
        self.assertIn('did not satisfy', second.headers['x-triage-reason'])
        self.assertIn('the next turn:', self.explain(first.headers['x-triage-id']))

    def test_the_example_of_a_frustrated_customer_tells_its_story(self):
        root = processes.BINARY.parent.parent.parent
        done = subprocess.run([root / 'examples/frustrated_customer/run', '--binary', processes.BINARY],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn('    fast: A router is a device', done.stdout)
        self.assertIn('frontier: Sorry about that.', done.stdout)
        self.assertIn('fast did not satisfy', done.stdout)
