"""A model for coding agents that runs on loopback and needs no network.

It speaks the four dialects that the agents in this folder use, always as a stream: Anthropic's Messages, OpenAI's
Responses and Chat Completions, and Gemini's streamGenerateContent. It asks for the tools that a script wants, one in each
turn, as soon as a request offers them, and answers with the text `finished` when the script has ended. What it was sent
is kept for the checks: the tools that were offered and the results that came back.
"""

import http.server
import json
import threading


def one_by_one(calls):
    """The script that makes each of these calls once: arguments by a tool's own name."""
    calls = list(calls.items())
    return lambda results: calls[len(results)] if len(results) < len(calls) else None


class Model:
    """The server. `script`: what to call after these results, a tool's own name and its arguments, or None.

    `tools` and `results` are complete when the agent has ended.
    """

    def __init__(self, script):
        self.script = script
        self.tools = {}
        self.results = []
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.answer({"data": [], "models": []})

            def do_HEAD(self):
                self.answer({})

            def do_POST(self):
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                dialect = model.dialect(self.path)
                if dialect is None:
                    return self.answer({"input_tokens": 1, "totalTokens": 1})
                self.stream(dialect(body))

            def answer(self, value):
                text = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            def stream(self, events):
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                self.close_connection = True
                for event in events:
                    data = event if isinstance(event, str) else json.dumps(event)
                    kind = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
                    self.wfile.write(f"{kind}data: {data}\n\n".encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def dialect(self, path):
        path = path.partition("?")[0]
        for ending, dialect in (
            ("/messages", self.messages),
            ("/responses", self.responses),
            ("/chat/completions", self.completions),
            (":streamGenerateContent", self.gemini),
        ):
            if path.endswith(ending):
                return dialect
        return None

    def turn(self, tools, results):
        """The tool to call and its arguments, or None: then the turn is text."""
        self.tools.update(tools)
        self.results.extend(result for result in results if result not in self.results)
        own_name, arguments = self.script(results) or (None, None)
        offered = (name for name in tools if own_name and name.endswith(own_name))
        return next(((name, arguments) for name in offered), None)

    def messages(self, body):
        tools = {tool["name"]: tool for tool in body.get("tools", []) if "name" in tool}
        results = [
            json.dumps(part.get("content"))
            for message in body["messages"]
            if isinstance(message.get("content"), list)
            for part in message["content"]
            if part.get("type") == "tool_result"
        ]
        call = self.turn(tools, results)
        usage = {"input_tokens": 1, "output_tokens": 1}
        yield {
            "type": "message_start",
            "message": {
                "id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model", "stub"),
                "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage,
            },
        }
        if call:
            block = {"type": "tool_use", "id": f"toolu_{len(results)}", "name": call[0], "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
        else:
            block = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": "finished"}
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        reason = "tool_use" if call else "end_turn"
        yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
        yield {"type": "message_stop"}

    def responses(self, body):
        tools = dict(named(body.get("tools", []), ""))
        results = [
            json.dumps(item.get("output")) for item in body["input"] if item.get("type", "").endswith("call_output")
        ]
        call = self.turn(tools, results)
        yield {"type": "response.created", "response": {"id": "resp_1"}}
        if call:
            name, number = call[0], len(results)
            item = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name}
            item["arguments"] = json.dumps(call[1])
            namespace = tools[name].get("namespace")
            if namespace:
                item |= {"name": tools[name]["name"], "namespace": namespace}
        else:
            content = [{"type": "output_text", "text": "finished", "annotations": []}]
            item = {"type": "message", "id": "m_1", "role": "assistant", "content": content}
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        yield {"type": "response.completed", "response": {"id": "resp_1", "output": [], "usage": usage}}

    def completions(self, body):
        tools = dict(named(body.get("tools", []), ""))
        results = [json.dumps(one.get("content")) for one in body["messages"] if one.get("role") == "tool"]
        call = self.turn(tools, results)
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": body.get("model", "stub")}
        if call:
            function = {"name": call[0], "arguments": json.dumps(call[1])}
            one = {"index": 0, "id": f"call_{len(results)}", "type": "function", "function": function}
            delta = {"role": "assistant", "tool_calls": [one]}
        else:
            delta = {"role": "assistant", "content": "finished"}
        yield chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        yield chunk | {
            "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if call else "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        yield "[DONE]"

    def gemini(self, body):
        declared = [one for tool in body.get("tools", []) for one in tool.get("functionDeclarations", [])]
        tools = {one["name"]: one for one in declared}
        results = [
            json.dumps(part["functionResponse"].get("response"))
            for content in body["contents"]
            for part in content.get("parts", [])
            if "functionResponse" in part
        ]
        call = self.turn(tools, results)
        part = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": "finished"}
        yield {
            "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
        }


def named(tools, namespace):
    """OpenAI's tools by name: flat, under `function`, or inside a namespace."""
    for tool in tools:
        inner = tool.get("function") if isinstance(tool.get("function"), dict) else tool
        if tool.get("type") == "namespace":
            yield from named(tool.get("tools", []), tool["name"])
        elif "name" in inner:
            full = namespace + inner["name"]
            yield full, inner | ({"namespace": namespace} if namespace else {})
