// The official `openai` and `anthropic` packages for Node. Prints a JSON line for each cell of the matrix:
// node clients.mjs GATEWAY PICTURE PROVIDER[,PROVIDER…]
import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';

const [gateway, picture, providers] = process.argv.slice(2);
const SAID = 'one two three four five six seven eight nine ten';
const AT_ONCE = 6;
const PATIENCE = 700; // milliseconds until a client that is impatient leaves
const Place = z.object({ name: z.string(), population: z.number().int(), capital: z.boolean() });
const NAMES = ['weather', 'time'];
const SCHEMAS = {
  weather: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } },
             required: ['city', 'days'], additionalProperties: false },
  time: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'], additionalProperties: false },
};

function check(holds, what) {
  if (!holds) throw new Error(typeof what === 'string' ? what : JSON.stringify(what).slice(0, 600));
}

function isPlace(value) {
  check(Place.safeParse(value).success, value ?? 'nothing was parsed');
}

// The error of class `kind` that `call` ends with. (The stream of Responses throws what came as it is, which is no Error.)
async function rejects(kind, call) {
  let result;
  try {
    result = await call();
  } catch (error) {
    check(error instanceof kind, `${error?.constructor?.name} instead of ${kind.name}: ${error?.message}`);
    return error;
  }
  throw new Error(`no ${kind.name} but ${JSON.stringify(result)?.slice(0, 400)}`);
}

// Each status comes as the package's own error. `ask(text)` asks the model.
async function checkStatusErrors(kinds, ask) {
  const limited = await rejects(kinds.RateLimitError, () => ask('please fail with 429'));
  check(limited.headers.get('retry-after'), 'no Retry-After');
  await rejects(kinds.InternalServerError, () => ask('please fail with 500'));
  await rejects(kinds.BadRequestError, () => ask('please fail with 400'));
}

// Leaves in the middle of a stream, then while waiting for an answer; gives the tags of both requests.
async function leaveTwice(client, provider, kind, start, isText, wait) {
  const tags = [0, 1].map((number) => `[${client} ${provider} ${number}]`);
  const stream = await start(`${tags[0]} A long story`);
  for await (const event of stream) {
    if (isText(event)) break; // which aborts the request
  }
  await rejects(kind, () => wait(`${tags[1]} please be slow`, { timeout: PATIENCE }));
  return tags;
}

class Chat {
  name = 'openai-node chat';
  client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 60000 });
  tools = NAMES.map((name) => ({ type: 'function', function: { name, description: 'Looks it up', parameters: SCHEMAS[name] } }));

  create(model, content, more = {}, options = {}) {
    const messages = Array.isArray(content) && content[0].role ? content : [{ role: 'user', content }];
    return this.client.chat.completions.create({ model, messages, ...more }, options);
  }

  async streamed(model, content, more = {}) {
    const pieces = [];
    const stream = this.client.chat.completions.stream({ model, messages: [{ role: 'user', content }], ...more });
    stream.on('content', (delta) => pieces.push(delta));
    return [pieces, await stream.finalChatCompletion()];
  }

  async plain(model) {
    const answer = await this.create(model, [
      { role: 'developer', content: 'Be brief.' }, { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'Hello.' }, { role: 'user', content: `please say: ${SAID}` },
    ], { max_completion_tokens: 200 });
    check(answer.choices[0].message.content === SAID && answer.choices[0].finish_reason === 'stop', answer);
    check(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0, answer);
  }

  async stream(model) {
    const [pieces, answer] = await this.streamed(model, `please say: ${SAID}`, { stream_options: { include_usage: true } });
    check(pieces.join('') === SAID && pieces.length > 1, pieces);
    check(answer.choices[0].finish_reason === 'stop' && answer.usage.completion_tokens > 0, answer);
  }

  // The package's own loop: it calls the functions and sends what they give.
  async loop(model, text, count) {
    for (const stream of [false, true]) {
      const called = [];
      const tools = NAMES.map((name) => ({ type: 'function', function: {
        name, description: 'Looks it up', parameters: SCHEMAS[name], parse: JSON.parse,
        function: (given) => { called.push([name, given]); return `result of ${name}`; } } }));
      const runner = this.client.chat.completions.runTools({
        model, messages: [{ role: 'user', content: text }], tools, stream });
      const told = await runner.finalContent();
      check(called.map(([name]) => name).join() === NAMES.slice(0, count).join(), called);
      check(typeof called[0][1].city === 'string' && Number.isInteger(called[0][1].days), called);
      check(NAMES.slice(0, count).every((name) => told.includes(`result of ${name}`)), told);
    }
  }

  async tools_(model) {
    await this.loop(model, 'What is the weather?', 1);
    const forced = await this.create(model, 'What time is it?', {
      tools: this.tools, tool_choice: { type: 'function', function: { name: 'time' } } });
    check(forced.choices[0].message.tool_calls[0].function.name === 'time', forced);
  }

  parallelTools(model) {
    return this.loop(model, 'Use both tools', 2);
  }

  async images(model) {
    const answer = await this.create(model, [{ role: 'user', content: [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${picture}` } }] }]);
    check(answer.choices[0].message.content.includes('1 image'), answer);
  }

  async jsonSchema(model) {
    const response_format = zodResponseFormat(Place, 'place');
    const answer = await this.client.chat.completions.parse({
      model, messages: [{ role: 'user', content: 'Berlin?' }], response_format });
    isPlace(answer.choices[0].message.parsed);
    isPlace((await this.streamed(model, 'Berlin?', { response_format }))[1].choices[0].message.parsed);
  }

  async thinking(model) {
    const answer = await this.create(model, 'please say: thought', { reasoning_effort: 'high' });
    const { message } = answer.choices[0];
    check(message.content === 'thought', answer);
    // Not every provider counts its tokens of thinking apart, and not every one shows its thoughts.
    check(answer.usage.completion_tokens_details?.reasoning_tokens > 0 || message.reasoning_content, answer);
  }

  async errors(model) {
    await checkStatusErrors(OpenAI, (text) => this.create(model, text));
    const wrong = await rejects(OpenAI.BadRequestError, () => this.create('auto', [{ role: 'wizard', content: 'x' }]));
    check(wrong.param, wrong.error);
    for (const text of ['please send an error event', 'please break the stream']) {
      await rejects(Error, () => this.streamed(model, text));
    }
  }

  disconnect(model, provider) {
    return leaveTwice(this.name, provider, OpenAI.APIConnectionTimeoutError,
                      (text) => this.create(model, text, { stream: true }),
                      (chunk) => chunk.choices[0]?.delta.content, (text, options) => this.create(model, text, {}, options));
  }
}

class Responses {
  name = 'openai-node responses';
  client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: 'unused', maxRetries: 0, timeout: 60000 });
  tools = NAMES.map((name) => ({ type: 'function', name, description: 'Looks it up', parameters: SCHEMAS[name], strict: true }));

  create(model, input, more = {}, options = {}) {
    return this.client.responses.create({ model, input, store: false, ...more }, options);
  }

  async streamed(model, input, more = {}) {
    const pieces = [];
    const stream = this.client.responses.stream({ model, input, store: false, ...more });
    stream.on('response.output_text.delta', (event) => pieces.push(event.delta));
    return [pieces, await stream.finalResponse()];
  }

  async plain(model) {
    const answer = await this.create(model, [
      { role: 'user', content: 'Hello' }, { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: `please say: ${SAID}` },
    ], { instructions: 'Be brief.', max_output_tokens: 200 });
    check(answer.output_text === SAID && answer.status === 'completed', answer);
    check(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0, answer);
  }

  async stream(model) {
    const [pieces, answer] = await this.streamed(model, `please say: ${SAID}`);
    check(pieces.join('') === SAID && pieces.length > 1, pieces);
    check(answer.status === 'completed' && answer.usage.output_tokens > 0, answer);
  }

  async loop(model, text, count, more = {}) {
    for (const ask of [(...all) => this.create(...all), async (...all) => (await this.streamed(...all))[1]]) {
      const said = [{ role: 'user', content: text }];
      const first = await ask(model, said, { tools: this.tools, ...more });
      const calls = first.output.filter((item) => item.type === 'function_call');
      check(calls.map((call) => call.name).join() === NAMES.slice(0, count).join(), first);
      check(Number.isInteger(JSON.parse(calls[0].arguments).days), calls);
      if (more.reasoning) check(first.output[0].type === 'reasoning' && first.output[0].encrypted_content, first);
      said.push(...first.output.map(({ parsed_arguments, ...item }) => item));
      said.push(...calls.map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: `result of ${call.name}` })));
      const told = await this.create(model, said, { tools: this.tools, ...more });
      check(calls.every((call) => told.output_text.includes(`result of ${call.name}`)), told);
    }
  }

  async tools_(model) {
    await this.loop(model, 'What is the weather?', 1);
    const forced = await this.create(model, 'What time is it?', {
      tools: this.tools, tool_choice: { type: 'function', name: 'time' } });
    check(forced.output.filter((item) => item.type === 'function_call').map((item) => item.name).join() === 'time', forced);
  }

  parallelTools(model) {
    return this.loop(model, 'Use both tools', 2);
  }

  async images(model) {
    const answer = await this.create(model, [{ role: 'user', content: [
      { type: 'input_text', text: 'What is this?' },
      { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${picture}` }] }]);
    check(answer.output_text.includes('1 image'), answer);
  }

  async jsonSchema(model) {
    const text = { format: zodTextFormat(Place, 'place') };
    isPlace((await this.client.responses.parse({ model, input: 'Berlin?', text, store: false })).output_parsed);
    isPlace((await this.streamed(model, 'Berlin?', { text }))[1].output_parsed);
  }

  thinking(model) {
    return this.loop(model, 'What is the weather?', 1, {
      reasoning: { effort: 'high', summary: 'auto' }, include: ['reasoning.encrypted_content'] });
  }

  async errors(model) {
    await checkStatusErrors(OpenAI, (text) => this.create(model, text));
    const wrong = await rejects(OpenAI.BadRequestError, () => this.create('auto', [{ role: 'wizard', content: 'x' }]));
    check(wrong.param, wrong.error);
    for (const text of ['please send an error event', 'please break the stream']) {
      await rejects(Object, () => this.streamed(model, text));
    }
  }

  disconnect(model, provider) {
    return leaveTwice(this.name, provider, OpenAI.APIConnectionTimeoutError,
                      (text) => this.create(model, text, { stream: true }),
                      (event) => event.type === 'response.output_text.delta',
                      (text, options) => this.create(model, text, {}, options));
  }
}

class Messages {
  name = 'anthropic-node';
  client = new Anthropic({ baseURL: gateway, apiKey: 'unused', maxRetries: 0, timeout: 60000 });
  tools = NAMES.map((name) => ({ name, description: 'Looks it up', input_schema: SCHEMAS[name] }));

  create(model, content, more = {}, options = {}) {
    const messages = Array.isArray(content) && content[0].role ? content : [{ role: 'user', content }];
    return this.client.messages.create({ model, messages, max_tokens: 400, ...more }, options);
  }

  async streamed(model, content, more = {}) {
    const messages = Array.isArray(content) ? content : [{ role: 'user', content }];
    const pieces = [];
    const stream = this.client.messages.stream({ model, messages, max_tokens: 400, ...more });
    stream.on('text', (delta) => pieces.push(delta));
    return [pieces, await stream.finalMessage()];
  }

  static text(answer) {
    return answer.content.filter((block) => block.type === 'text').map((block) => block.text).join('');
  }

  async plain(model) {
    const answer = await this.create(model, [
      { role: 'user', content: 'Hello' }, { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: `please say: ${SAID}` },
    ], { system: [{ type: 'text', text: 'Be brief.' }] });
    check(Messages.text(answer) === SAID && answer.stop_reason === 'end_turn', answer);
    check(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0, answer);
  }

  async stream(model) {
    const [pieces, answer] = await this.streamed(model, `please say: ${SAID}`);
    check(pieces.join('') === SAID && pieces.length > 1, pieces);
    check(answer.stop_reason === 'end_turn' && answer.usage.output_tokens > 0, answer);
  }

  async loop(model, text, count, more = {}) {
    for (const ask of [(...all) => this.create(...all), async (...all) => (await this.streamed(...all))[1]]) {
      const said = [{ role: 'user', content: text }];
      const first = await ask(model, said, { tools: this.tools, ...more });
      const calls = first.content.filter((block) => block.type === 'tool_use');
      check(first.stop_reason === 'tool_use', first);
      check(calls.map((call) => call.name).join() === NAMES.slice(0, count).join(), first);
      check(typeof calls[0].input.city === 'string' && Number.isInteger(calls[0].input.days), first);
      if (more.thinking) check(first.content[0].type.endsWith('thinking'), first); // plain or redacted
      said.push({ role: 'assistant', content: first.content });
      said.push({ role: 'user', content: calls.map((call) => (
        { type: 'tool_result', tool_use_id: call.id, content: `result of ${call.name}` })) });
      const told = Messages.text(await this.create(model, said, { tools: this.tools, ...more }));
      check(calls.every((call) => told.includes(`result of ${call.name}`)), told);
    }
  }

  async tools_(model) {
    await this.loop(model, 'What is the weather?', 1);
    const forced = await this.create(model, 'What time is it?', {
      tools: this.tools, tool_choice: { type: 'tool', name: 'time' } });
    check(forced.content.filter((block) => block.type === 'tool_use').map((block) => block.name).join() === 'time', forced);
  }

  parallelTools(model) {
    return this.loop(model, 'Use both tools', 2);
  }

  async images(model) {
    const answer = await this.create(model, [{ role: 'user', content: [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture } },
      { type: 'text', text: 'What is this?' }] }]);
    check(Messages.text(answer).includes('1 image'), answer);
  }

  async jsonSchema(model) {
    const asked = { model, max_tokens: 400, messages: [{ role: 'user', content: 'Berlin?' }],
                    output_config: { format: zodOutputFormat(Place) } };
    isPlace((await this.client.messages.parse(asked)).parsed_output);
    isPlace((await this.client.messages.stream(asked).finalMessage()).parsed_output);
  }

  thinking(model) {
    return this.loop(model, 'What is the weather?', 1, {
      thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 2000 });
  }

  async errors(model) {
    await checkStatusErrors(Anthropic, (text) => this.create(model, text));
    const wrong = await rejects(Anthropic.BadRequestError, () => this.create('auto', [{ role: 'wizard', content: 'x' }]));
    check(wrong.error.error.type === 'invalid_request_error', wrong.error);
    for (const text of ['please send an error event', 'please break the stream']) {
      await rejects(Error, () => this.streamed(model, text));
    }
  }

  disconnect(model, provider) {
    return leaveTwice(this.name, provider, Anthropic.APIConnectionTimeoutError,
                      (text) => this.create(model, text, { stream: true }),
                      (event) => event.type === 'content_block_delta', (text, options) => this.create(model, text, {}, options));
  }
}

const FEATURES = { plain: 'plain', stream: 'stream', tools: 'tools_', 'parallel tools': 'parallelTools', images: 'images',
                   'JSON schema': 'jsonSchema', thinking: 'thinking', errors: 'errors', disconnect: 'disconnect' };
const KINDS = { errors: 'faulty', disconnect: 'slow' };

async function runCell(client, provider, feature) {
  const cell = { client: client.name, provider, feature, error: null };
  try {
    const tags = await client[FEATURES[feature]](`${KINDS[feature] ?? 'sim'}-${provider}`, provider);
    if (feature === 'disconnect') cell.tags = tags;
  } catch (error) {
    cell.error = `${error?.constructor?.name}: ${error?.message}`;
    cell.status = error?.status ?? 0;
  }
  console.log(JSON.stringify(cell));
}

const cells = [new Chat(), new Responses(), new Messages()].flatMap((client) => providers.split(',').flatMap(
  (provider) => Object.keys(FEATURES).map((feature) => [client, provider, feature])));
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  while (cells.length) await runCell(...cells.shift());
}));
