// Drives the official Node SDKs through a gateway; one JSON line per check.
// Usage: node sdk.mjs BASE_URL ENDPOINT, the api key in LOCKGATE_KEY.
import assert from "node:assert/strict";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";

const [base, model] = process.argv.slice(2);
const key = process.env.LOCKGATE_KEY;
const openai = new OpenAI({ apiKey: key, baseURL: `${base}/v1`, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: key, baseURL: base, maxRetries: 0 });
const google = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base } });

const SAID = "say marker-one";
const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const NAMES = ["get_weather", "get_time"];
const results = { get_weather: "sunny-17", get_time: "noon-12" };

const checks = {
  async "openai chat"() {
    const messages = [{ role: "user", content: SAID }];
    const answer = await openai.chat.completions.create({ model, messages });
    assert.match(answer.choices[0].message.content, /marker-one/);
    assert.ok(answer.usage.completion_tokens > 0);
  },
  async "openai chat stream"() {
    const messages = [{ role: "user", content: SAID }];
    const options = { include_usage: true };
    const stream = openai.chat.completions.stream({ model, messages, stream_options: options });
    const answer = await stream.finalChatCompletion();
    assert.match(answer.choices[0].message.content, /marker-one/);
    assert.ok(answer.usage.completion_tokens > 0);
  },
  async "openai chat tools"() {
    const tools = NAMES.map((name) => ({
      type: "function",
      function: { name, parameters: SCHEMA, parse: JSON.parse, function: () => results[name] },
    }));
    const runner = openai.chat.completions.runTools({
      model,
      messages: [{ role: "user", content: SAID }],
      tools,
      stream: true,
    });
    const text = await runner.finalContent();
    assert.match(text, /sunny-17/);
    assert.match(text, /noon-12/);
  },
  async "openai responses"() {
    const answer = await openai.responses.create({ model, input: SAID, store: false });
    assert.match(answer.output_text, /marker-one/);
    assert.equal(answer.status, "completed");
  },
  async "openai responses stream"() {
    const stream = openai.responses.stream({ model, input: SAID, store: false });
    const answer = await stream.finalResponse();
    assert.match(answer.output_text, /marker-one/);
  },
  async "anthropic messages"() {
    const messages = [{ role: "user", content: SAID }];
    const answer = await anthropic.messages.create({ model, max_tokens: 500, messages });
    assert.match(answer.content.at(-1).text, /marker-one/);
    assert.equal(answer.stop_reason, "end_turn");
  },
  async "anthropic messages stream"() {
    const messages = [{ role: "user", content: SAID }];
    const stream = anthropic.messages.stream({ model, max_tokens: 500, messages });
    const answer = await stream.finalMessage();
    assert.match(answer.content.at(-1).text, /marker-one/);
    assert.ok(answer.usage.output_tokens > 0);
  },
  async "anthropic tools stream"() {
    const tools = NAMES.map((name) => ({ name, input_schema: SCHEMA }));
    const messages = [{ role: "user", content: SAID }];
    const first = await anthropic.messages
      .stream({ model, max_tokens: 500, messages, tools })
      .finalMessage();
    const uses = first.content.filter((block) => block.type === "tool_use");
    assert.ok(uses.length >= 1);
    assert.ok(uses.every((use) => typeof use.input.city === "string"));
    const content = uses.map((use) => ({
      type: "tool_result",
      tool_use_id: use.id,
      content: results[use.name],
    }));
    messages.push({ role: "assistant", content: first.content }, { role: "user", content });
    const last = await anthropic.messages.create({ model, max_tokens: 500, messages, tools });
    assert.match(last.content.at(-1).text, /sunny-17/);
  },
  async "google genai"() {
    const answer = await google.models.generateContent({ model, contents: SAID });
    assert.match(answer.text, /marker-one/);
  },
  async "google genai stream"() {
    let text = "";
    const stream = await google.models.generateContentStream({ model, contents: SAID });
    for await (const chunk of stream) text += chunk.text ?? "";
    assert.match(text, /marker-one/);
  },
};

const vercel = {
  "ai with openai chat": createOpenAI({ apiKey: key, baseURL: `${base}/v1` }).chat(model),
  "ai with openai responses": createOpenAI({ apiKey: key, baseURL: `${base}/v1` }).responses(model),
  "ai with anthropic": createAnthropic({ apiKey: key, baseURL: `${base}/v1` })(model),
  "ai with google": createGoogleGenerativeAI({ apiKey: key, baseURL: `${base}/v1beta` })(model),
};
const once = { maxRetries: 0, prompt: SAID };
for (const [name, ai] of Object.entries(vercel)) {
  checks[`${name}: text`] = async () => {
    const { text } = await generateText({ model: ai, ...once });
    assert.match(text, /marker-one/);
  };
  checks[`${name}: tool loop, streamed`] = async () => {
    const tools = Object.fromEntries(
      NAMES.map((tooled) => [
        tooled,
        tool({ inputSchema: jsonSchema(SCHEMA), execute: async () => results[tooled] }),
      ]),
    );
    const stream = streamText({
      model: ai,
      ...once,
      tools,
      stopWhen: stepCountIs(4),
      onError() {},
    });
    await stream.consumeStream({ onError: (error) => assert.fail(error) });
    const text = await stream.text;
    assert.match(text, /sunny-17/);
    assert.match(text, /noon-12/);
  };
  checks[`${name}: object`] = async () => {
    const { object } = await generateObject({ model: ai, ...once, schema: jsonSchema(SCHEMA) });
    assert.equal(typeof object.city, "string");
  };
}

for (const [check, run] of Object.entries(checks)) {
  let error = null;
  try {
    await run();
  } catch (caught) {
    // What a provider has no word for is refused by the documented tables.
    const refused = /cannot be expressed/.test(`${caught.message}`);
    error = refused ? null : `${caught.message}`.slice(0, 600);
  }
  console.log(JSON.stringify({ check, error }));
}
