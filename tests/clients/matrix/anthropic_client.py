"""The official `anthropic` package: Messages."""
import contextlib

import anthropic

import cases
from cases import check, raises


class Messages:
    """messages"""
    name = 'anthropic-python'
    TOOLS = [{'name': name, 'description': 'Looks it up', 'input_schema': schema}
             for name, schema in (('weather', cases.CITY), ('time', cases.ZONE))]

    def __init__(self, base):
        self.client = anthropic.Anthropic(base_url=base, api_key='unused', max_retries=0, timeout=60)
        self.impatient = self.client.with_options(timeout=0.7)

    def create(self, model, content, **more):
        messages = content if isinstance(content, list) and 'role' in content[0] else [
            {'role': 'user', 'content': content}]
        return self.client.messages.create(**{'model': model, 'messages': messages, 'max_tokens': 400, **more})

    def streamed(self, model, content, **more):
        messages = content if isinstance(content, list) else [{'role': 'user', 'content': content}]
        with self.client.messages.stream(model=model, messages=messages, **{'max_tokens': 400, **more}) as stream:
            pieces = list(stream.text_stream)
            return pieces, stream.get_final_message()

    @staticmethod
    def text(answer):
        return ''.join(block.text for block in answer.content if block.type == 'text')

    def plain(self, model):
        answer = self.create(model, [{'role': 'user', 'content': 'Hello'}, {'role': 'assistant', 'content': 'Hello.'},
                                     {'role': 'user', 'content': f'please say: {cases.SAID}'}], system='Be brief.')
        check(self.text(answer) == cases.SAID and answer.stop_reason == 'end_turn', answer)
        check(answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer.usage)
        check(self.create(model, 'A long story', max_tokens=5).stop_reason == 'max_tokens', 'not cut')

    def stream(self, model):
        pieces, answer = self.streamed(model, f'please say: {cases.SAID}')
        check(''.join(pieces) == cases.SAID and len(pieces) > 1, pieces)
        check(answer.stop_reason == 'end_turn' and answer.usage.output_tokens > 0, answer)

    def loop(self, model, text, count, **more):
        for ask in (self.create, lambda *args, **rest: self.streamed(*args, **rest)[1]):
            said = [{'role': 'user', 'content': text}]
            first = ask(model, said, tools=self.TOOLS, **more)
            calls = [block for block in first.content if block.type == 'tool_use']
            check(first.stop_reason == 'tool_use', first)
            check([call.name for call in calls] == ['weather', 'time'][:count], first)
            check(isinstance(calls[0].input.get('city'), str) and isinstance(calls[0].input.get('days'), int), calls)
            if more:
                check(first.content[0].type in ('thinking', 'redacted_thinking'), first)
            said.append({'role': 'assistant', 'content': first.content})
            said.append({'role': 'user', 'content': [
                {'type': 'tool_result', 'tool_use_id': call.id, 'content': f'result {number} of the tool'}
                for number, call in enumerate(calls)]})
            told = self.text(self.create(model, said, tools=self.TOOLS, **more))
            check(all(f'result {number} of the tool' in told for number in range(count)), told)

    def tools(self, model):
        self.loop(model, 'What is the weather?', 1)
        forced = self.create(model, 'What time is it?', tools=self.TOOLS, tool_choice={'type': 'tool', 'name': 'time'})
        check([block.name for block in forced.content if block.type == 'tool_use'] == ['time'], forced)

    def parallel_tools(self, model):
        self.loop(model, 'Use both tools', 2)

    def images(self, model):
        answer = self.create(model, [
            {'type': 'image', 'source': {'type': 'base64', 'media_type': 'image/png', 'data': cases.PNG}},
            {'type': 'text', 'text': 'What is this?'}])
        check('1 image' in self.text(answer), answer)

    def json_schema(self, model):
        answer = self.client.messages.parse(model=model, max_tokens=400, output_format=cases.Place,
                                            messages=[{'role': 'user', 'content': 'Berlin?'}])
        check(isinstance(answer.parsed_output, cases.Place), answer)

    def thinking(self, model):
        thinking = {'type': 'enabled', 'budget_tokens': 1024}
        self.loop(model, 'What is the weather?', 1, thinking=thinking, max_tokens=2000)

    def errors(self, model):
        limited = raises(anthropic.RateLimitError, lambda: self.create(model, 'please fail with 429'))
        check(limited.response.headers.get('retry-after'), 'no Retry-After')
        check(limited.body['error']['type'] == 'rate_limit_error', limited.body)
        raises(anthropic.InternalServerError, lambda: self.create(model, 'please fail with 500'))
        raises(anthropic.BadRequestError, lambda: self.create(model, 'please fail with 400'))
        raises(anthropic.BadRequestError, lambda: self.create('auto', [{'role': 'wizard', 'content': 'x'}]))
        for text in ('please send an error event', 'please break the stream'):
            raises(anthropic.APIError, lambda: self.streamed(model, text))

    def leave(self, model, tag):
        with self.client.messages.stream(model=model, max_tokens=400, messages=[
                {'role': 'user', 'content': f'{tag} A long story'}]) as stream:
            next(iter(stream.text_stream))

    def lose_patience(self, model, tag):
        with contextlib.suppress(anthropic.APITimeoutError):
            self.impatient.messages.create(model=model, max_tokens=400, messages=[
                {'role': 'user', 'content': f'{tag} please be slow'}])
            raise cases.Failed('it was not slow')
