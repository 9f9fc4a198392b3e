"""The AI CLIs that a terminal can open: their names, recipes and command lines. No command comes from an address."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Agent:
    """One CLI. `recipe` is the one that installs it; `words` run in the code dir of the guest."""

    label: str
    recipe: str
    words: tuple[str, ...]


def _tell(word: str) -> str:
    """What a hook runs: a word into the pipe of its terminal. No pipe, no reader, no word; it never fails or waits."""
    pipe = '"${DVM_TELL-}"'
    into = f"dd of={pipe} oflag=nonblock conv=notrunc,nocreat status=none 2>/dev/null"
    return f"test -p {pipe} && echo {word} | {into}; true"


# Claude Code: code.claude.com/docs/en/hooks and cli-reference (`--settings` takes a file or JSON, and is merged).
_CLAUDE_EVENTS = {
    "SessionStart": "waits",
    "UserPromptSubmit": "works",
    "PostToolUse": "works",
    "Notification": "waits",
    "Stop": "waits",
}
_CLAUDE_SETTINGS = json.dumps(
    {
        "hooks": {
            event: [{"hooks": [{"type": "command", "command": _tell(word)}]}] for event, word in _CLAUDE_EVENTS.items()
        }
    }
)
# Codex: its recipe gives it hooks, in /etc/codex. Without them its `notify` program still tells when a turn has ended
# (developers.openai.com/codex/config-reference).
_CODEX_NOTIFY = f"notify={json.dumps(['sh', '-c', _tell('waits')])}"

AGENTS = {
    "claude": Agent("Claude", "claude", ("claude", "--settings", _CLAUDE_SETTINGS)),
    "codex": Agent("Codex", "codex", ("codex", "-c", _CODEX_NOTIFY)),
    # Its recipe gives it a plugin that tells (recipes/_opencode.mjs). One of the user's may not: then it is guessed.
    "opencode": Agent("OpenCode", "opencode", ("opencode",)),
    "mistral": Agent("Vibe", "mistral", ("vibe",)),
}
