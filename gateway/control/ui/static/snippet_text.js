// What an application has to write to call an endpoint, per vendor's SDK.
// Rule: pure text; the API key is always a placeholder.

const KEY = "LOCKGATE_API_KEY";
const MESSAGES = '[{"role": "user", "content": "Hello"}]';

function dumpJson(value) {
  return JSON.stringify(value);
}

function curl(url, headers, body) {
  const lines = headers.map((header) => `  -H "${header}" \\`);
  return [`curl ${url} \\`, ...lines, '  -H "Content-Type: application/json" \\', `  -d '${dumpJson(body)}'`].join("\n");
}

function openai(base, name) {
  return {
    title: "OpenAI",
    curl: curl(`${base}/v1/chat/completions`, [`Authorization: Bearer $${KEY}`], { model: name, messages: [{ role: "user", content: "Hello" }] }),
    sdk: `client = OpenAI(base_url="${base}/v1", api_key=os.environ["${KEY}"])\n`
      + `client.chat.completions.create(model="${name}", messages=${MESSAGES})`,
  };
}

function anthropic(base, name) {
  return {
    title: "Anthropic",
    curl: curl(`${base}/v1/messages`, [`x-api-key: $${KEY}`, "anthropic-version: 2023-06-01"],
      { model: name, max_tokens: 256, messages: [{ role: "user", content: "Hello" }] }),
    sdk: `client = Anthropic(base_url="${base}", api_key=os.environ["${KEY}"])\n`
      + `client.messages.create(model="${name}", max_tokens=256, messages=${MESSAGES})`,
  };
}

function gemini(base, name) {
  return {
    title: "Gemini",
    curl: curl(`${base}/v1beta/models/${name}:generateContent`, [`x-goog-api-key: $${KEY}`],
      { contents: [{ role: "user", parts: [{ text: "Hello" }] }] }),
    sdk: `client = genai.Client(api_key=os.environ["${KEY}"], http_options={"base_url": "${base}"})\n`
      + `client.models.generate_content(model="${name}", contents="Hello")`,
  };
}

const BY_DIALECT = { openai_chat: openai, anthropic_messages: anthropic, gemini };

/** Where applications find the data plane, seen from a page at `page` (a Location). */
export function findBase(status, page) {
  if (!status.admin_listen) return page.origin;
  // The control plane has an address of its own: the data plane is the same host's other port.
  return `${page.protocol}//${page.hostname}:${status.listen.split(":").at(-1)}`;
}

/** The ways to call an endpoint whose targets speak `dialects`: [{key, title, curl, sdk}]. */
export function buildSnippets(base, name, dialects) {
  return Object.entries(BY_DIALECT)
    .filter(([dialect]) => dialects.has(dialect))
    .map(([key, build]) => ({ key, ...build(base, name) }));
}
