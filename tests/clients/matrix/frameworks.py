"""LangChain's chat models and `instructor`, each on top of an official package."""
import contextlib

import anthropic
import instructor
import langchain_anthropic
import langchain_core.messages as messages
import langchain_core.tools
import langchain_openai
import openai

import cases
from cases import check, raises


@langchain_core.tools.tool
def weather(city: str, days: int) -> str:
    """Looks it up."""
    return f'result for {city or "?"} in {days} days'


@langchain_core.tools.tool
def time(zone: str) -> str:
    """Looks it up."""
    return f'result in {zone or "?"}'


TOOLS = {'weather': weather, 'time': time}


class LangChain:
    """What its chat models have in common."""
    def __init__(self, base):
        self.base = base

    def plain(self, model):
        answer = self.chat(model).invoke([messages.SystemMessage('Be brief.'), messages.HumanMessage('Hello'),
                                          messages.AIMessage('Hello.'),
                                          messages.HumanMessage(f'please say: {cases.SAID}')])
        check(answer.text == cases.SAID, answer)
        check(answer.usage_metadata['input_tokens'] > 0 and answer.usage_metadata['output_tokens'] > 0, answer)

    def stream(self, model):
        pieces = [chunk.text for chunk in self.chat(model).stream(f'please say: {cases.SAID}')]
        check(''.join(pieces) == cases.SAID and len([piece for piece in pieces if piece]) > 1, pieces)

    def loop(self, model, text, count, **more):
        bound = self.chat(model, **more).bind_tools(list(TOOLS.values()))
        for streaming in (False, True):
            said = [messages.HumanMessage(text)]
            if streaming:
                first = None
                for chunk in bound.stream(said):
                    first = chunk if first is None else first + chunk
            else:
                first = bound.invoke(said)
            check([call['name'] for call in first.tool_calls] == list(TOOLS)[:count], first)
            said.append(first)
            said += [TOOLS[call['name']].invoke(call) for call in first.tool_calls]
            told = bound.invoke(said).text
            check(told.count('result') >= count, told)
        return first

    def tools(self, model):
        self.loop(model, 'What is the weather?', 1)

    def parallel_tools(self, model):
        self.loop(model, 'Use both tools', 2)

    def images(self, model):
        answer = self.chat(model).invoke([messages.HumanMessage([
            {'type': 'text', 'text': 'What is this?'},
            {'type': 'image', 'base64': cases.PNG, 'mime_type': 'image/png'}])])
        check('1 image' in answer.text, answer)

    def json_schema(self, model):
        answer = self.chat(model).with_structured_output(cases.Place, method='json_schema').invoke('Berlin?')
        check(isinstance(answer, cases.Place), answer)

    def errors(self, model):
        chat = self.chat(model)
        limited = raises(self.package.RateLimitError, lambda: chat.invoke('please fail with 429'))
        check(limited.response.headers.get('retry-after'), 'no Retry-After')
        raises(self.package.InternalServerError, lambda: chat.invoke('please fail with 500'))
        raises(self.package.BadRequestError, lambda: chat.invoke('please fail with 400'))
        raises(self.package.APIError, lambda: list(chat.stream('please send an error event')))

    def leave(self, model, tag):
        chunks = self.chat(model).stream(f'{tag} A long story')
        for chunk in chunks:
            if chunk.text:
                break
        chunks.close()

    def lose_patience(self, model, tag):
        with contextlib.suppress(self.package.APITimeoutError):
            self.chat(model, timeout=0.7).invoke(f'{tag} please be slow')
            raise cases.Failed('it was not slow')


class LangChainOpenAi(LangChain):
    """ChatOpenAI"""
    name = 'langchain-openai'
    package = openai

    def chat(self, model, **more):
        return langchain_openai.ChatOpenAI(**{'model': model, 'base_url': f'{self.base}/v1', 'api_key': 'unused',
                                              'max_retries': 0, 'timeout': 60, **more})

    def thinking(self, model):
        answer = self.chat(model, reasoning_effort='high').invoke('please say: thought')
        check(answer.text == 'thought', answer)
        check(answer.usage_metadata['output_tokens'] > 2, answer)  # what it thought is billed, and not shown here


class LangChainAnthropic(LangChain):
    """ChatAnthropic"""
    name = 'langchain-anthropic'
    package = anthropic

    def chat(self, model, **more):
        return langchain_anthropic.ChatAnthropic(**{'model': model, 'base_url': self.base, 'api_key': 'unused',
                                                    'max_retries': 0, 'timeout': 60, 'max_tokens': 2000, **more})

    def thinking(self, model):
        first = self.loop(model, 'What is the weather?', 1, thinking={'type': 'enabled', 'budget_tokens': 1024})
        check(any(block['type'] in ('thinking', 'redacted_thinking') for block in first.content), first)


class InstructorOpenAi:
    """instructor.from_openai"""
    name = 'instructor openai'

    def __init__(self, base):
        self.client = openai.OpenAI(base_url=f'{base}/v1', api_key='unused', max_retries=0, timeout=60)

    def json_schema(self, model):
        for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
            answer = instructor.from_openai(self.client, mode=mode).chat.completions.create(
                model=model, response_model=cases.Place, max_retries=0,
                messages=[{'role': 'user', 'content': 'Berlin?'}])
            check(isinstance(answer, cases.Place), answer)

    def errors(self, model):
        client = instructor.from_openai(self.client, mode=instructor.Mode.TOOLS)
        error = raises(Exception, lambda: client.chat.completions.create(
            model=model, response_model=cases.Place, max_retries=0,
            messages=[{'role': 'user', 'content': 'please fail with 429'}]))
        check('429' in str(error), error)


class InstructorAnthropic:
    """instructor.from_anthropic"""
    name = 'instructor anthropic'

    def __init__(self, base):
        self.client = instructor.from_anthropic(
            anthropic.Anthropic(base_url=base, api_key='unused', max_retries=0, timeout=60))

    def ask(self, model, text):
        return self.client.messages.create(model=model, response_model=cases.Place, max_retries=0, max_tokens=400,
                                           messages=[{'role': 'user', 'content': text}])

    def json_schema(self, model):
        answer = self.ask(model, 'Berlin?')
        check(isinstance(answer, cases.Place), answer)

    def errors(self, model):
        check('429' in str(raises(Exception, lambda: self.ask(model, 'please fail with 429'))), 'no 429')
