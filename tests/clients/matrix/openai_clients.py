"""The official `openai` package: Chat Completions and Responses."""
import contextlib

import httpx2
import openai

import cases
from cases import check, raises


def check_status_errors(call):
    """`call(text)` asks a model; each status must come as the package's own exception."""
    limited = raises(openai.RateLimitError, lambda: call('please fail with 429'))
    check(limited.response.headers.get('retry-after'), 'no Retry-After')
    check(limited.body and limited.body.get('message'), limited.body)
    raises(openai.InternalServerError, lambda: call('please fail with 500'))
    raises(openai.BadRequestError, lambda: call('please fail with 400'))


class Client:
    """What both APIs share."""
    def __init__(self, base):
        self.client = openai.OpenAI(base_url=f'{base}/v1', api_key='unused', max_retries=0, timeout=60)
        self.impatient = self.client.with_options(timeout=0.7)

    def errors(self, model):
        check_status_errors(lambda text: self.ask(model, text))
        for text in ('please send an error event', 'please break the stream'):
            self.broken(model, text)
        wrong = raises(openai.BadRequestError, self.malformed)
        check(wrong.param, wrong.body)

    def images(self, model):
        check('1 image' in self.ask(model, self.picture()), 'the image was not seen')


class Chat(Client):
    """chat.completions"""
    name = 'openai-python chat'
    TOOLS = [{'type': 'function', 'function': {'name': name, 'description': 'Looks it up', 'parameters': schema}}
             for name, schema in (('weather', cases.CITY), ('time', cases.ZONE))]

    def create(self, model, content, **more):
        messages = content if isinstance(content, list) and 'role' in content[0] else [
            {'role': 'user', 'content': content}]
        return self.client.chat.completions.create(model=model, messages=messages, **more)

    def ask(self, model, content, **more):
        return self.create(model, content, **more).choices[0].message.content

    def streamed(self, model, content, **more):
        with self.client.chat.completions.stream(
                model=model, messages=[{'role': 'user', 'content': content}], **more) as stream:
            pieces = [event.delta for event in stream if event.type == 'content.delta']
            return pieces, stream.get_final_completion()

    def broken(self, model, text):
        raises(openai.APIError, lambda: self.streamed(model, text))

    def malformed(self):
        return self.client.chat.completions.create(model='auto', messages=[{'role': 'wizard', 'content': 'x'}])

    def picture(self):
        return [{'type': 'text', 'text': 'What is this?'},
                {'type': 'image_url', 'image_url': {'url': f'data:image/png;base64,{cases.PNG}'}}]

    def plain(self, model):
        answer = self.create(model, [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Hello'},
                                     {'role': 'assistant', 'content': 'Hello.'},
                                     {'role': 'user', 'content': f'please say: {cases.SAID}'}], max_tokens=200)
        check(answer.choices[0].message.content == cases.SAID, answer)
        check(answer.choices[0].finish_reason == 'stop', answer)
        check(answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0, answer.usage)
        check(self.create(model, 'A long story', max_tokens=5).choices[0].finish_reason == 'length', 'not cut')

    def stream(self, model):
        pieces, answer = self.streamed(model, f'please say: {cases.SAID}', stream_options={'include_usage': True})
        check(''.join(pieces) == cases.SAID and len(pieces) > 1, pieces)
        check(answer.choices[0].finish_reason == 'stop' and answer.usage.completion_tokens > 0, answer)

    def loop(self, model, text, count):
        for streaming in (False, True):
            messages = [{'role': 'user', 'content': text}]
            if streaming:
                with self.client.chat.completions.stream(model=model, messages=messages, tools=self.TOOLS) as stream:
                    first = stream.get_final_completion()
            else:
                first = self.create(model, messages, tools=self.TOOLS)
            message = first.choices[0].message
            check(first.choices[0].finish_reason == 'tool_calls', first)
            calls = message.tool_calls
            check([call.function.name for call in calls] == ['weather', 'time'][:count], calls)
            check(calls[0].function.arguments.replace(' ', '').startswith('{"city":"'), calls)
            messages.append(message.model_dump(exclude_none=True, include={'role', 'content', 'tool_calls'}))
            for number, call in enumerate(calls):
                call_id = call.id
                check(call_id, calls)
                messages.append({'role': 'tool', 'tool_call_id': call_id, 'content': f'result {number} of the tool'})
            for call in messages[1]['tool_calls']:
                call.pop('index', None)
                call['function'].pop('parsed_arguments', None)
            told = self.create(model, messages, tools=self.TOOLS).choices[0].message.content
            check(all(f'result {number} of the tool' in told for number in range(count)), told)

    def tools(self, model):
        self.loop(model, 'What is the weather?', 1)
        forced = self.create(model, 'What time is it?', tools=self.TOOLS,
                             tool_choice={'type': 'function', 'function': {'name': 'time'}})
        check(forced.choices[0].message.tool_calls[0].function.name == 'time', forced)

    def parallel_tools(self, model):
        self.loop(model, 'Use both tools', 2)

    def json_schema(self, model):
        answer = self.client.chat.completions.parse(model=model, messages=[{'role': 'user', 'content': 'Berlin?'}],
                                                    response_format=cases.Place)
        check(isinstance(answer.choices[0].message.parsed, cases.Place), answer)
        check(answer.choices[0].finish_reason == 'stop', answer)
        _, streamed = self.streamed(model, 'Berlin?', response_format=cases.Place)
        check(isinstance(streamed.choices[0].message.parsed, cases.Place), streamed)

    def thinking(self, model):
        answer = self.create(model, 'please say: thought', reasoning_effort='high')
        check(answer.choices[0].message.content == 'thought', answer)
        # Not every provider counts its tokens of thinking apart, and not every one shows its thoughts.
        check(answer.usage.completion_tokens_details.reasoning_tokens > 0 or
              getattr(answer.choices[0].message, 'reasoning_content', None), answer)

    def leave(self, model, tag):
        stream = self.create(model, f'{tag} A long story', stream=True)
        next(iter(stream))
        stream.close()

    def lose_patience(self, model, tag):
        with contextlib.suppress(openai.APITimeoutError):
            self.impatient.chat.completions.create(
                model=model, messages=[{'role': 'user', 'content': f'{tag} please be slow'}])
            raise cases.Failed('it was not slow')


class Responses(Client):
    """responses"""
    name = 'openai-python responses'
    TOOLS = [{'type': 'function', 'name': name, 'description': 'Looks it up', 'parameters': schema, 'strict': True}
             for name, schema in (('weather', cases.CITY), ('time', cases.ZONE))]

    def create(self, model, content, **more):
        return self.client.responses.create(**{'model': model, 'input': content, 'store': False, **more})

    def ask(self, model, content, **more):
        return self.create(model, content, **more).output_text

    def streamed(self, model, content, **more):
        with self.client.responses.stream(model=model, input=content, store=False, **more) as stream:
            pieces = [event.delta for event in stream if event.type == 'response.output_text.delta']
            return pieces, stream.get_final_response()

    def broken(self, model, text):
        """The package hands on the failure as an event; that the connection breaks off then is httpx2's error."""
        seen = []
        with contextlib.suppress(httpx2.RemoteProtocolError), self.create(model, text, stream=True) as stream:
            for event in stream:
                seen.append(event.type)
        check('response.failed' in seen or 'error' in seen, seen)
        check('response.completed' not in seen, seen)
        raises((openai.APIError, httpx2.RemoteProtocolError), lambda: self.streamed(model, text))

    def malformed(self):
        return self.create('auto', [{'role': 'wizard', 'content': 'x'}])

    def picture(self):
        return [{'role': 'user', 'content': [
            {'type': 'input_text', 'text': 'What is this?'},
            {'type': 'input_image', 'detail': 'auto', 'image_url': f'data:image/png;base64,{cases.PNG}'}]}]

    def plain(self, model):
        answer = self.create(model, [{'role': 'user', 'content': 'Hello'}, {'role': 'assistant', 'content': 'Hello.'},
                                     {'role': 'user', 'content': f'please say: {cases.SAID}'}],
                             instructions='Be brief.', max_output_tokens=200)
        check(answer.output_text == cases.SAID and answer.status == 'completed', answer)
        check(answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer.usage)
        cut = self.create(model, 'A long story', max_output_tokens=16)
        check(cut.status == 'incomplete' and cut.incomplete_details.reason == 'max_output_tokens', cut)

    def stream(self, model):
        pieces, answer = self.streamed(model, f'please say: {cases.SAID}')
        check(''.join(pieces) == cases.SAID and len(pieces) > 1, pieces)
        check(answer.status == 'completed' and answer.usage.output_tokens > 0, answer)

    def loop(self, model, text, count):
        for streaming in (False, True):
            said = [{'role': 'user', 'content': text}]
            if streaming:
                _, first = self.streamed(model, said, tools=self.TOOLS)
            else:
                first = self.create(model, said, tools=self.TOOLS)
            calls = [item for item in first.output if item.type == 'function_call']
            check([call.name for call in calls] == ['weather', 'time'][:count], first)
            check(calls[0].arguments.replace(' ', '').startswith('{"city":"'), calls)
            said += [item.model_dump(exclude_none=True, exclude={'parsed_arguments'}) for item in first.output]
            said += [{'type': 'function_call_output', 'call_id': call.call_id, 'output': f'result {number} of the tool'}
                     for number, call in enumerate(calls)]
            told = self.ask(model, said, tools=self.TOOLS)
            check(all(f'result {number} of the tool' in told for number in range(count)), told)

    def tools(self, model):
        self.loop(model, 'What is the weather?', 1)
        forced = self.create(model, 'What time is it?', tools=self.TOOLS,
                             tool_choice={'type': 'function', 'name': 'time'})
        check([item.name for item in forced.output if item.type == 'function_call'] == ['time'], forced)

    def parallel_tools(self, model):
        self.loop(model, 'Use both tools', 2)

    def json_schema(self, model):
        answer = self.client.responses.parse(model=model, input='Berlin?', text_format=cases.Place, store=False)
        check(isinstance(answer.output_parsed, cases.Place), answer)
        _, streamed = self.streamed(model, 'Berlin?', text_format=cases.Place)
        check(isinstance(streamed.output_parsed, cases.Place), streamed)

    def thinking(self, model):
        said = [{'role': 'user', 'content': 'What is the weather?'}]
        asked = {'reasoning': {'effort': 'high', 'summary': 'auto'}, 'include': ['reasoning.encrypted_content']}
        first = self.create(model, said, tools=self.TOOLS, **asked)
        check(first.output[0].type == 'reasoning', first)
        call = next(item for item in first.output if item.type == 'function_call')
        said += [item.model_dump(exclude_none=True) for item in first.output]
        said.append({'type': 'function_call_output', 'call_id': call.call_id, 'output': 'sunny'})
        check('sunny' in self.ask(model, said, tools=self.TOOLS, **asked), 'no result')

    def leave(self, model, tag):
        stream = self.create(model, f'{tag} A long story', stream=True)
        for event in stream:
            if event.type == 'response.output_text.delta':
                break
        stream.close()

    def lose_patience(self, model, tag):
        with contextlib.suppress(openai.APITimeoutError):
            self.impatient.responses.create(model=model, input=f'{tag} please be slow', store=False)
            raise cases.Failed('it was not slow')
