"""Plans: a list of steps that brings an instance to its config. Data: shown, tested, run."""

from dvmweb.plans.guest_steps import (
    check_secrets,
    hook_question,
    is_nothing_to_do,
    journal_question,
    key_question,
    receiving,
    state_question,
    terminal_question,
)
from dvmweb.plans.model import BLIND, Options, RecipeWish, Step, World
from dvmweb.plans.verbs import plan

__all__ = [
    "BLIND",
    "Options",
    "RecipeWish",
    "Step",
    "World",
    "check_secrets",
    "hook_question",
    "is_nothing_to_do",
    "journal_question",
    "key_question",
    "plan",
    "receiving",
    "state_question",
    "terminal_question",
]
