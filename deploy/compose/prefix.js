// Which replica a request is for: requests whose prompts begin alike meet the keys and values that are there already.
// For nginx with its JavaScript module (njs), which the official image has.

// Characters of a prompt that count: a system prompt, or the beginning of a document.
const looked = 2048;

function textOf(value) {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}

// What does not change from turn to turn: instructions, and the first message that a user has written.
function beginningOf(body) {
  const messages = Array.isArray(body.messages) ? body.messages : Array.isArray(body.input) ? body.input : [];
  const parts = [body.system, body.instructions];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index] || {};
    parts.push(message.content);
    if (message.role === "user") break;
  }
  if (messages.length === 0) parts.push(body.prompt === undefined ? body.input : body.prompt);
  return parts.map(textOf).join("\n").slice(0, looked);
}

function keyOf(request) {
  const session = request.headersIn["x-elastic-session"];
  if (session) return "session " + session;
  try {
    const body = JSON.parse(request.requestText);
    if (body.elastic && body.elastic.session) return "session " + body.elastic.session;
    const beginning = beginningOf(body);
    if (beginning !== "") return beginning;
  } catch (error) {
    // A replica will say what is wrong with it.
    request.log("no prompt was found: " + error.message);
  }
  return request.variables.request_id;
}

function route(request) {
  request.variables.replica_key = keyOf(request);
  request.internalRedirect("@replicas");
}

export default { route };
