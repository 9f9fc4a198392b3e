"""The AI CLIs that a terminal can open: names, recipes and command lines. No command line comes from a URL."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Agent:
    """One CLI. `recipe` installs it; `argv` runs in the code folder of the guest."""

    label: str
    recipe: str
    argv: tuple[str, ...]


def _report(state: str) -> str:
    """The command of a hook: writes the state into the terminal's pipe where it has a reader. Never fails or blocks."""
    pipe = '"${DVM_TELL-}"'
    into = f"dd of={pipe} oflag=nonblock conv=notrunc,nocreat status=none 2>/dev/null"
    return f"test -p {pipe} && echo {state} | {into}; true"


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
            event: [{"hooks": [{"type": "command", "command": _report(state)}]}]
            for event, state in _CLAUDE_EVENTS.items()
        }
    }
)
# Codex: its recipe installs hooks in /etc/codex. Without them, its `notify` program still reports the end of a turn
# (developers.openai.com/codex/config-reference).
_CODEX_NOTIFY = f"notify={json.dumps(['sh', '-c', _report('waits')])}"

AGENTS = {
    "claude": Agent("Claude", "claude", ("claude", "--settings", _CLAUDE_SETTINGS)),
    "codex": Agent("Codex", "codex", ("codex", "-c", _CODEX_NOTIFY)),
    # Its recipe installs a plugin that reports the state (opencode.mjs). Without it the state is guessed.
    "opencode": Agent("OpenCode", "opencode", ("opencode",)),
    "mistral": Agent("Vibe", "mistral", ("vibe",)),
}


def label(command: str) -> str:
    """The display name of a command that a terminal runs."""
    return AGENTS[command].label if command in AGENTS else command
