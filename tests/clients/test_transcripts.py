"""Answers as the providers' references show them, byte for byte through the gateway to clients of every dialect."""
import http.client
import json
import pathlib
import urllib.error
import urllib.request

import processes
from test_compatibility import AUTH, BASES, oci_config

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / 'golden' / 'wire'
FOLDERS = {'openai_chat': 'openai', 'responses': 'openai_responses'}  # others are called as their dialect
PROVIDERS = ('openai', 'openai_responses', 'anthropic', 'gemini', 'bedrock', 'oci')
TOOL = {'type': 'object', 'properties': {'ramp': {'type': 'integer'}}}


class Chat:
    path = '/v1/chat/completions'

    @staticmethod
    def ask(text):
        return {'messages': [{'role': 'user', 'content': text}],
                'tools': [{'type': 'function', 'function': {'name': 'open_gate', 'parameters': TOOL}}]}

    @staticmethod
    def whole(body):
        message = body['choices'][0]['message']
        calls = [(call['function']['name'], json.loads(call['function']['arguments']))
                 for call in message.get('tool_calls') or []]
        assert body['choices'][0]['finish_reason'], body
        return (message.get('content') or '') + (message.get('refusal') or ''), calls

    @staticmethod
    def streamed(events):
        ended = bool(events) and events[-1] == '[DONE]'
        if any('error' in event for event in events if event != '[DONE]'):
            assert not ended, 'a failed stream that ends as if it were whole'
            return None
        assert ended, events[-3:]
        text, calls = '', {}
        for event in events[:-1]:
            for choice in event['choices']:
                text += (choice['delta'].get('content') or '') + (choice['delta'].get('refusal') or '')
                for call in choice['delta'].get('tool_calls') or []:
                    # Gemini numbers all its calls 0, and a client of its own dialect gets its bytes.
                    same = (key for key in reversed(calls) if key[0] == call['index'])
                    made = calls.setdefault((call['index'], call.get('id')) if call.get('id') else next(same), ['', ''])
                    made[0] += call['function'].get('name') or ''
                    made[1] += call['function'].get('arguments') or ''
        return text, [(name, json.loads(arguments or '{}')) for name, arguments in calls.values()]


class Messages:
    path = '/v1/messages'

    @staticmethod
    def ask(text):
        return {'max_tokens': 900, 'messages': [{'role': 'user', 'content': text}],
                'tools': [{'name': 'open_gate', 'input_schema': TOOL}]}

    @staticmethod
    def whole(body):
        assert body['stop_reason'], body
        return (''.join(block['text'] for block in body['content'] if block['type'] == 'text'),
                [(block['name'], block['input']) for block in body['content'] if block['type'] == 'tool_use'])

    @staticmethod
    def streamed(events):
        kinds = [event['type'] for event in events]
        if 'error' in kinds:
            assert kinds[-1] == 'error', 'something behind the error'
            return None
        assert kinds[0] == 'message_start' and kinds[-1] == 'message_stop', kinds
        text, calls = '', {}
        for event in events:
            if event['type'] == 'content_block_start' and event['content_block']['type'] == 'tool_use':
                calls[event['index']] = [event['content_block']['name'], '']
            elif event['type'] == 'content_block_delta':
                text += event['delta'].get('text', '')
                if event['delta']['type'] == 'input_json_delta' and event['index'] in calls:
                    calls[event['index']][1] += event['delta']['partial_json']
        return text, [(name, json.loads(arguments or '{}')) for name, arguments in calls.values()]


class Responses:
    path = '/v1/responses'

    @staticmethod
    def ask(text):
        return {'input': text, 'store': False,
                'tools': [{'type': 'function', 'name': 'open_gate', 'strict': False, 'parameters': TOOL}]}

    @staticmethod
    def whole(body):
        if body['status'] == 'failed':
            return None
        text = ''.join(part.get('text', '') + part.get('refusal', '') for item in body['output']
                       if item['type'] == 'message' for part in item['content'])
        return text, [(item['name'], json.loads(item['arguments'])) for item in body['output']
                      if item['type'] == 'function_call']

    @classmethod
    def streamed(cls, events):
        assert [event['sequence_number'] for event in events] == list(range(len(events)))
        last = events[-1]
        if last['type'] in ('error', 'response.failed'):
            return None
        assert last['type'] in ('response.completed', 'response.incomplete'), last
        return cls.whole(last['response'])


CLIENTS = (Chat, Messages, Responses)


def events_of(body):
    events = []
    for block in body.replace('\r\n', '\n').split('\n\n'):
        data = '\n'.join(line[5:].strip() for line in block.split('\n') if line.startswith('data:'))
        if data:
            events.append(data if data == '[DONE]' else json.loads(data))
    return events


class TranscriptsTest(processes.ProcessTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        gateway, simulator = processes.free_ports(2)
        cls.base = f'http://127.0.0.1:{gateway}'
        oci_config(cls.folder)
        # A model each: what one answers (429, failures) must not hold the next one up.
        cls.models = {name: f'm{number}' for number, (_, name) in enumerate(cls.transcripts())}
        command = [processes.BINARY, 'simulate', '--port', simulator, '--dialect', ','.join(PROVIDERS),
                   '--transcripts', GOLDEN]
        for model in cls.models.values():
            command += ['--model', f'{model}:ttft=1ms']
        cls.start(command, 'simulator', f'http://127.0.0.1:{simulator}/v1/models')
        lines = [f'listen: {{http: 127.0.0.1:{gateway}}}', 'limits: {max_attempts: 1}', 'providers:']
        for name in PROVIDERS:
            auth = f', {AUTH[name]}' if name in AUTH else ''
            lines.append(f'  {name}: {{dialect: {name}, base_url: "http://127.0.0.1:{simulator}{BASES.get(name, "")}"'
                         f'{auth}}}')
        lines.append('models:')
        lines += [f'  {cls.models[name]}: {{provider: {provider}, model: {cls.models[name]}, capabilities: [tools], '
                  'prices: {input: 1, output: 2}}' for provider, name in cls.transcripts()]
        # What was recorded answers other requests: their tools are not the recorded ones.
        lines += ['tiers:', '  - {name: only, chain: [m0]}', 'ledger: {path: ledger.db}', 'verify: {default: off}',
                  'resilience: {breaker: {min_volume: 1000, consecutive: 1000, quiet_consecutive: 1000}}', '']
        config = cls.folder / 'triage.yaml'
        config.write_text('\n'.join(lines))
        cls.start([processes.BINARY, 'serve', '-c', config], 'gateway', f'{cls.base}/readyz')

    def ask(self, client, name, stream):
        """Status and text of an answer."""
        body = {'model': self.models[name], 'stream': stream, **client.ask(f'please replay {name}')}
        request = urllib.request.Request(self.base + client.path, json.dumps(body).encode(),
                                         {'Content-Type': 'application/json', 'anthropic-version': '2023-06-01'})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                try:
                    return answer.status, answer.read().decode()
                except http.client.IncompleteRead as cut:  # after the error event of a stream that failed
                    return answer.status, cut.partial.decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @staticmethod
    def transcripts(*kinds):
        """Provider and name of those whose names begin so."""
        for file in sorted(GOLDEN.glob('*/*')):
            if file.name.startswith(kinds or ('answer', 'stream', 'error')):
                provider = FOLDERS.get(file.parent.name, file.parent.name)
                yield provider, f'{file.parent.name}/{file.name}'

    def test_every_answer_means_the_same_to_every_client(self):
        seen = 0
        for _, name in self.transcripts('answer', 'stream'):
            stream = '/stream' in name
            said = []
            for client in CLIENTS:
                with self.subTest(transcript=name, client=client.__name__):
                    status, body = self.ask(client, name, stream)
                    if status == 200:
                        said.append(client.streamed(events_of(body)) if stream else client.whole(json.loads(body)))
                    else:
                        self.assertIn('error', json.loads(body))
                        said.append(None)
                    seen += 1
            with self.subTest(transcript=name):
                self.assertEqual(said[1:], said[:-1])
                fails = any(word in name for word in ('failed', 'error', 'overloaded', 'throttled', 'cut'))
                self.assertEqual(said[0] is None, fails, said[0])
        self.assertGreater(seen, 100)

    def test_every_error_reaches_the_client_in_its_own_shape(self):
        for _, name in self.transcripts('error'):
            upstream = int(name.split('error_')[1][:3])
            for client in CLIENTS:
                for stream in (False, True):
                    with self.subTest(transcript=name, client=client.__name__, stream=stream):
                        status, body = self.ask(client, name, stream)
                        error = json.loads(body)
                        self.assertEqual(status // 100, upstream // 100)
                        self.assertEqual(status == 429, upstream == 429)
                        self.assertEqual(error.get('type') == 'error', client is Messages)
                        self.assertTrue(error['error']['message'] and error['error']['type'])
                        self.assertNotIn('<html', body)
