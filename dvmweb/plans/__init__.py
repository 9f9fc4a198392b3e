"""Makes plans: lists of steps that bring an instance to its config. Pure."""

from dvmweb.plans.guest_steps import check_secrets, has_agents, is_nothing_to_do
from dvmweb.plans.job_plans import marked_unknown, plan
from dvmweb.plans.model import DesiredRecipe, Options, PlanInput, Step
from dvmweb.plans.script_requests import (
    clock_question,
    copying_in,
    copying_out,
    exposure_question,
    gpg_question,
    hook_question,
    idle_question,
    journal_question,
    key_access_question,
    key_question,
    listing_folder,
    overview_question,
    receiving,
    rescuing_in,
    rescuing_out,
    state_question,
    terminal_question,
)

__all__ = [
    "DesiredRecipe",
    "Options",
    "PlanInput",
    "Step",
    "check_secrets",
    "clock_question",
    "copying_in",
    "copying_out",
    "exposure_question",
    "gpg_question",
    "has_agents",
    "hook_question",
    "idle_question",
    "is_nothing_to_do",
    "journal_question",
    "key_access_question",
    "key_question",
    "listing_folder",
    "marked_unknown",
    "overview_question",
    "plan",
    "receiving",
    "rescuing_in",
    "rescuing_out",
    "state_question",
    "terminal_question",
]
