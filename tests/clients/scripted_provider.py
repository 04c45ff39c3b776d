"""A provider in the test's own process that speaks OpenAI chat and answers as the test says."""
import http.server
import json
import re
import threading


class ScriptedProvider:
    """`answer` gets each request's body and gives status and body of the answer; `seen` are the bodies so far.

    An ordinary answer to a request for a stream goes out as one, word by word.
    """

    def __init__(self, answer):
        provider = self
        self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                provider.seen.append(request)
                status, body = answer(request)
                streams = status == 200 and request.get('stream')
                text = sse(body).encode() if streams else json.dumps(body).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'text/event-stream' if streams else 'application/json')
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def calls(self, model):
        return sum(request['model'] == model for request in self.seen)


def completion(request, text='well', prompt_tokens=10):
    """The body of an ordinary answer."""
    return {'id': 'chatcmpl-1', 'object': 'chat.completion', 'created': 1, 'model': request['model'],
            'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': text}, 'finish_reason': 'stop'}],
            'usage': {'prompt_tokens': prompt_tokens, 'completion_tokens': 1, 'total_tokens': prompt_tokens + 1}}


def sse(body):
    """The same answer as a stream."""
    choice = body['choices'][0]
    words = re.findall(r'\s*\S+', choice['message']['content'])
    deltas = [{'role': 'assistant', 'content': ''}] + [{'content': word} for word in words] + [{}]
    text = ''
    for number, delta in enumerate(deltas):
        finish = choice['finish_reason'] if number == len(deltas) - 1 else None
        chunk = {'id': body['id'], 'object': 'chat.completion.chunk', 'created': 1, 'model': body['model'],
                 'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]}
        text += f'data: {json.dumps(chunk)}\n\n'
    usage = {'id': body['id'], 'object': 'chat.completion.chunk', 'created': 1, 'model': body['model'], 'choices': [],
             'usage': body['usage']}
    return text + f'data: {json.dumps(usage)}\n\ndata: [DONE]\n\n'


def error(message, code=None, kind='invalid_request_error'):
    """The body of a refusal."""
    return {'error': {'message': message, 'type': kind, 'param': None, 'code': code}}
