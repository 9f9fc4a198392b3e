"""A stand-in for a model, for agents in a root: one command, then it has done. Chat, Responses, Messages."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"input_tokens": 1, "output_tokens": 1, "prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
DONE = "All is done."


def chat(body: dict[str, Any]) -> list[dict[str, Any]]:
    """What Mistral's and most other models speak."""
    arguments = json.dumps({"command": "echo hi"})
    call = {"index": 0, "id": "call00001", "type": "function", "function": {"name": "bash", "arguments": arguments}}
    is_new = body["messages"][-1]["role"] == "user" and bool(body.get("tools"))
    delta = {"role": "assistant", **({"content": "", "tool_calls": [call]} if is_new else {"content": DONE})}
    start = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    end = "tool_calls" if is_new else "stop"
    return [
        start | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        start | {"choices": [{"index": 0, "delta": {}, "finish_reason": end}], "usage": USAGE},
    ]


def responses(body: dict[str, Any]) -> list[dict[str, Any]]:
    """What Codex speaks."""
    arguments = json.dumps({"cmd": "echo hi"})
    item: dict[str, Any] = {"type": "function_call", "id": "1", "call_id": "1", "name": "exec_command"}
    item |= {"arguments": arguments, "status": "completed"}
    if any(one.get("type") == "function_call_output" for one in body["input"]):
        text = {"type": "output_text", "text": DONE, "annotations": []}
        item = {"type": "message", "id": "2", "role": "assistant", "status": "completed", "content": [text]}
    return [
        {"type": "response.created", "response": {"id": "1"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "1", "usage": USAGE}},
    ]


def messages(body: dict[str, Any]) -> list[dict[str, Any]]:
    """What Claude speaks."""
    arguments = json.dumps({"command": "echo hi", "description": "hi"})
    block: dict[str, Any] = {"type": "tool_use", "id": "1", "name": "Bash", "input": {}}
    delta, end = {"type": "input_json_delta", "partial_json": arguments}, "tool_use"
    if "tool_result" in json.dumps(body["messages"][-1]):
        block = {"type": "text", "text": ""}
        delta, end = {"type": "text_delta", "text": DONE}, "end_turn"
    start = {"id": "1", "type": "message", "role": "assistant", "model": body["model"], "content": [], "usage": USAGE}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": end}, "usage": USAGE},
        {"type": "message_stop"},
    ]


SPEAKS = {"/chat/completions": chat, "/responses": responses, "/messages": messages}


class Model(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        way = self.path.partition("?")[0].removeprefix("/v1")
        if way not in SPEAKS:  # what else they ask their makers
            self.send_error(404)
            return
        events = SPEAKS[way](body)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event.get('type', 'message')}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n" if way == "/chat/completions" else b"")


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 18779), Model)
    print("listening", flush=True)
    server.serve_forever()
