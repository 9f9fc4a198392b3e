"""N8: what a service must have is said before it is made, by every way to a config."""

from __future__ import annotations

from tests.journey.driver import User

MODEL = "params: {llama: {llama_models: 'a=https://h/a.gguf', llama_models_sha256: a=0}}\n"


def test_n8_a_llama_without_a_model_is_not_made(user: User) -> None:
    made = user.dvm("init brain --kind llama").succeeds()
    made.prints(
        "params.llama.llama_models: the recipe llama needs models.",
        "params.llama.llama_models_sha256: the recipe llama needs checksums.",
        "Next: add that to the config, then: dvm sync brain",
    )
    brain = user.vm("brain")
    text = brain.config.read_text()
    line = next(at for at, one in enumerate(text.splitlines(), 1) if one.startswith("kind:"))
    for options in ("", "--dry-run"):
        refused = user.dvm(f"sync brain {options}").exits("usage error")
        refused.warns(f"{brain.config}:{line}: params.llama.llama_models: the recipe llama needs models.")
    assert not brain.is_created
    brain.has_config(text + MODEL)
    user.dvm("sync brain --dry-run").succeeds()


def test_n8_an_empty_text_is_no_model(user: User) -> None:
    for value in ("''", "'  '"):
        user.vm("brain").has_config(
            f"kind: llama\nparams: {{llama: {{llama_models: {value}, llama_models_sha256: a=0}}}}\n"
        )
        refused = user.dvm("sync brain --dry-run").exits("usage error")
        refused.warns("needs models").never_says("needs checksums")


def test_n8_the_recipe_in_a_project_needs_it_too_and_config_yaml_may_give_it(user: User) -> None:
    app = user.vm("app").has_config("recipes:\n  - git\n  - llama\n")
    user.dvm("sync app --dry-run").exits("usage error").warns(f"{app.config}:3: params.llama.llama_models")
    user.paths.config_file.write_text(MODEL)
    user.dvm("sync app --dry-run").succeeds()


def test_n8_kinds_that_ask_for_a_secret_lack_nothing_in_the_file(user: User) -> None:
    for kind in ("cloudflared", "tailscale"):
        user.dvm(f"init {kind[:5]} --kind {kind}").succeeds().prints(f"Next: dvm sync {kind[:5]}")
        user.dvm(f"sync {kind[:5]} --dry-run").succeeds()
