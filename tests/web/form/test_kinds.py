"""N8: the form follows the kind, asks for what a service must have, and says one order."""

from __future__ import annotations

import re

from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.drawn import Drawn
from tests.web.form.test_forms import errors, fields_of

NEW = "/new-vm"


def settings(text: str, name: str) -> str:
    """The class of a recipe's settings."""
    found = re.search(rf'<div class="(settings[^"]*)" data-settings="{name}"', text)
    assert found, name
    return found[1]


def test_a_llama_without_a_model_is_refused_at_its_fields(client: Browser, vms: Vms) -> None:
    answer = client.post(NEW, data={"name": "brain", "kind": "llama", "do": "save"})
    assert answer.status_code == 422
    told = " ".join(errors(answer))
    assert "The recipe llama needs models" in told
    assert "The recipe llama needs checksums" in told
    assert answer.text.count("for each model (one .gguf file)") <= 2, (
        "beside the list of what keeps it from being saved, once"
    )
    assert not vms.paths.vm_config("brain").exists()
    assert "open" in settings(answer.text, "llama").split(), "its settings can be seen"
    assert "open" not in settings(answer.text, "tailscale").split()
    form = Drawn(answer.text, "vm-form")
    data = form.values(**{"params.llama.llama_models": "a=https://h/a.gguf", "params.llama.llama_models_sha256": "a=0"})
    answer = client.post(NEW, data={**data, "do": "save"})
    assert answer.status_code == 303, errors(answer)
    assert fields_of(vms, "brain")["kind"] == "llama"


def test_what_is_needed_is_marked(client: Browser) -> None:
    text = client.get(NEW).text
    assert text.count('<span class="optional">required</span>') == 2


def test_what_comes_along_is_told_in_the_order_in_which_it_runs(client: Browser) -> None:
    text = client.post(NEW, data={"name": "app", "recipe": ["opencode", "claude"], "do": "preview"}).text
    steps: list[str] = re.findall(r"<span>Recipe ([a-z-]+)</span>", text)
    added = [one.partition(".")[0] for one in re.findall(r"<li>([a-z-]+\. Added)", text)]
    assert len(added) > 1
    assert added == [one for one in steps if one in added]
