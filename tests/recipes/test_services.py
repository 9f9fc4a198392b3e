"""llama, cloudflared and tailscale: what they set up, what they refuse, and where their secrets are not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import places
from tests.guest.conftest import Guest
from tests.recipes.releases import mirror_of
from tests.recipes.services import CLOUDFLARED, KEY, LLAMA, TAILNET, TOKEN, models, sums
from tests.recipes.test_releases import without_packages

QUICK = {"dvm_service_wait": "0"}
NEEDED = 76  # "this recipe needs a secret, and none is stored in the guest"


def traced(recipe: str) -> str:
    """The recipe with every command line that it runs on stderr."""
    return places.recipe(recipe).read_text().replace("set -euo pipefail\n", "set -euxo pipefail\n", 1)


def run(guest: Guest, recipe: str, params: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    return guest.apply(recipe, {**params, **QUICK}, text=traced(recipe), releases=mirror_of(guest, recipe))


def ok(guest: Guest, recipe: str, params: Mapping[str, str]) -> list[str]:
    """Run it; the new lines of the log."""
    before = len(guest.log)
    done = run(guest, recipe, params)
    assert done.returncode == 0, done.stdout + done.stderr
    return guest.log[before:]


def refused(guest: Guest, recipe: str, params: Mapping[str, str], code: int = 1) -> str:
    """The words with which it ends, without those of the trace."""
    done = run(guest, recipe, params)
    assert done.returncode == code, done.stdout + done.stderr
    assert guest.record(recipe) == ""
    return "\n".join(line for line in done.stderr.decode().splitlines() if not line.startswith("+"))


def unit(guest: Guest, name: str) -> list[str]:
    return (guest.root / f"etc/systemd/system/{name}.service").read_text().splitlines()


def everything(guest: Guest) -> bytes:
    """All that lies in the guest and in its log, but for the file of root's alone that keeps a secret."""
    kept = guest.root / "etc/dvm/cloudflared-token"
    files = [path for top in (guest.root, guest.home) for path in top.rglob("*") if path.is_file() and path != kept]
    return b"".join(path.read_bytes() for path in files) + "\n".join(guest.log).encode()


# -- llama -------------------------------------------------------------------------------------------------------------


def test_llama_serves_the_default_of_several_models(distribution: Guest) -> None:
    ok(distribution, "llama", LLAMA)
    folder = distribution.root / "var/lib/dvm-llama"
    assert (folder / "default.gguf").read_bytes() == b"GGUF small"
    assert (folder / "large.gguf").stat().st_mode & 0o777 == 0o644
    lines = unit(distribution, "dvm-llama")
    (command,) = [line for line in lines if line.startswith("ExecStart=")]
    assert command.endswith(f"llama-server -m {folder}/default.gguf --host 0.0.0.0 --port 8080")
    assert {"DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes"} <= {
        *lines
    }


def test_another_default_is_a_link_and_a_restart(distribution: Guest) -> None:
    assert "systemctl restart dvm-llama" in ok(distribution, "llama", LLAMA)
    assert "systemctl restart dvm-llama" not in ok(distribution, "llama", LLAMA)
    new = ok(distribution, "llama", {**LLAMA, "DVM_LLAMA_DEFAULT_MODEL": "large"})
    assert "systemctl restart dvm-llama" in new
    assert not [line for line in new if line.startswith("curl")]
    assert (distribution.root / "var/lib/dvm-llama/default.gguf").read_bytes() == b"GGUF large"
    assert "systemctl restart dvm-llama" in ok(distribution, "llama", {**LLAMA, "DVM_LLAMA_PORT": "8081"})


def test_only_a_model_of_another_checksum_is_downloaded_anew(distribution: Guest) -> None:
    ok(distribution, "llama", {**LLAMA, "DVM_LLAMA_MODELS": models("small"), "DVM_LLAMA_MODELS_SHA256": sums("small")})
    new = ok(distribution, "llama", LLAMA)
    assert [line for line in new if line.startswith("curl")] == ["curl https://example.org/large.gguf"]


def test_a_refresh_reads_the_files_and_mends_a_changed_one(distribution: Guest) -> None:
    ok(distribution, "llama", LLAMA)
    small = distribution.root / "var/lib/dvm-llama/small.gguf"
    small.write_bytes(b"not what it was")
    assert not [line for line in ok(distribution, "llama", LLAMA) if line.startswith("curl")]
    new = ok(distribution, "llama", {**LLAMA, "DVM_LLAMA_REFRESH": "1"})
    assert [line for line in new if line.startswith("curl")] == ["curl https://example.org/small.gguf"]
    assert "systemctl restart dvm-llama" in new
    assert small.read_bytes() == b"GGUF small"


WRONG = [
    ({"DVM_LLAMA_MODELS": "small"}, "'small' in llama_models is not valid"),
    ({"DVM_LLAMA_MODELS": "small=http://example.org/x"}, "in llama_models is not valid"),
    ({"DVM_LLAMA_MODELS": "../x=https://example.org/x"}, "in llama_models is not valid"),
    ({"DVM_LLAMA_MODELS": models("small", "small")}, "llama_models names the alias small twice"),
    ({"DVM_LLAMA_MODELS": "default=https://example.org/x"}, "llama_models must not use the alias default"),
    ({"DVM_LLAMA_MODELS_SHA256": "small=abc"}, "in llama_models_sha256 is not valid"),
    ({"DVM_LLAMA_MODELS_SHA256": sums("small")}, "the model large has no checksum"),
    ({"DVM_LLAMA_DEFAULT_MODEL": "huge"}, "the default model huge is not in llama_models (small large)"),
    ({"DVM_LLAMA_HOST": "0.0.0.0 --x"}, "is not an IP address"),
    ({"DVM_LLAMA_PORT": "80"}, "write a number from 1024 to 65535"),
    ({"DVM_LLAMA_PORT": "8080;x"}, "write a number from 1024 to 65535"),
    ({"DVM_LLAMA_REFRESH": "yes"}, "llama_refresh is 'yes'; write 0 or 1"),
    ({"DVM_LLAMA_MODELS": "", "DVM_LLAMA_MODELS_SHA256": ""}, "there is no model; set llama_models"),
]


@pytest.mark.parametrize(("params", "words"), WRONG)
@pytest.mark.parametrize("distribution", ["debian"], indirect=True)
def test_llama_refuses_what_it_cannot_serve(distribution: Guest, params: dict[str, str], words: str) -> None:
    assert words in refused(distribution, "llama", LLAMA | params)
    assert not (distribution.root / "etc/systemd/system/dvm-llama.service").exists()


def test_a_model_of_another_content_is_not_served(distribution: Guest) -> None:
    (distribution.fake / "mirror/small.gguf").write_bytes(b"GGUF evil")
    assert "the checksum of https://example.org/small.gguf is not" in refused(distribution, "llama", LLAMA)
    assert not (distribution.root / "var/lib/dvm-llama/small.gguf").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("trouble", "words"), [("sick", "is running but does not respond"), ("broken", "stopped")])
@pytest.mark.parametrize("distribution", ["fedora"], indirect=True)
def test_a_service_that_does_not_answer_is_no_success(distribution: Guest, trouble: str, words: str) -> None:
    (distribution.fake / trouble).touch()
    said = refused(distribution, "llama", LLAMA)
    assert f"the service dvm-llama {words}" in said
    assert "see its journal: dvm log app dvm-llama" in said


# -- cloudflared -------------------------------------------------------------------------------------------------------


def test_the_token_is_in_one_file_of_roots_and_nowhere_else(distribution: Guest) -> None:
    done = run(distribution, "cloudflared", CLOUDFLARED)
    assert done.returncode == 0, done.stderr
    kept = distribution.root / "etc/dvm/cloudflared-token"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == (TOKEN, 0o600)
    assert f"LoadCredential=token:{kept}" in unit(distribution, "dvm-cloudflared")
    assert b"root_file" in done.stderr, "the trace shows command lines"
    for place in (done.stdout, done.stderr, everything(distribution)):
        assert TOKEN.encode() not in place


def test_the_token_is_asked_for_once_and_a_new_one_takes_its_place(distribution: Guest) -> None:
    none = {**CLOUDFLARED, "DVM_CLOUDFLARED_TOKEN_FILE": ""}
    assert "needs the secret cloudflared_token" in refused(distribution, "cloudflared", none, NEEDED)
    assert distribution.log == [], "nothing is installed before"
    ok(distribution, "cloudflared", CLOUDFLARED)
    assert "systemctl restart dvm-cloudflared" not in ok(distribution, "cloudflared", none)
    (distribution.fake / "token").write_text("another-token-of-the-tunnel")
    assert "systemctl restart dvm-cloudflared" in ok(distribution, "cloudflared", CLOUDFLARED)
    assert (distribution.root / "etc/dvm/cloudflared-token").read_text() == "another-token-of-the-tunnel"


def test_where_the_tunnel_leads_is_told_to_it_and_a_wrong_address_refused(distribution: Guest) -> None:
    ok(distribution, "cloudflared", {**CLOUDFLARED, "DVM_CLOUDFLARED_SERVICE": "http://lima-dvm-app.internal:3000"})
    (command,) = [line for line in unit(distribution, "dvm-cloudflared") if line.startswith("ExecStart=")]
    assert command.endswith("run --token-file %d/token --url http://lima-dvm-app.internal:3000")
    for wrong in ("dvm-cloudflared.service", "http://a b", "http://a --token x", "file:///etc"):
        assert "is not a valid service URL" in refused(
            distribution, "cloudflared", {**CLOUDFLARED, "DVM_CLOUDFLARED_SERVICE": wrong}
        )
    (distribution.fake / "token").write_text("sudo cloudflared service install abc")
    assert "is not a tunnel token" in refused(distribution, "cloudflared", CLOUDFLARED)


# -- tailscale ---------------------------------------------------------------------------------------------------------


def funnel(guest: Guest) -> str:
    """Where the internet gets in, as the stand-in tells it."""
    config = json.loads((guest.fake / "ts/serve").read_text()) or {}
    return ", ".join(config["Web"][at]["Handlers"]["/"]["Proxy"] for at in config.get("AllowFunnel", {})) or "off"


def to(target: str) -> dict[str, str]:
    return {**TAILNET, "DVM_TAILSCALE_FUNNEL": target}


def test_the_key_is_used_once_and_shown_nowhere(distribution: Guest) -> None:
    done = run(distribution, "tailscale", TAILNET)
    assert done.returncode == 0, done.stderr
    for place in (done.stdout, done.stderr, everything(distribution)):
        assert KEY.encode() not in place
    assert [line for line in distribution.log if " up " in line]
    none = {**TAILNET, "DVM_TAILSCALE_AUTHKEY_FILE": "", "DVM_TAILSCALE_HOSTNAME": "gate"}
    (distribution.root / "var/lib/tailscale").mkdir(parents=True)
    (distribution.root / "var/lib/tailscale/tailscaled.state").write_text("{}")
    new = ok(distribution, "tailscale", none)
    assert not [line for line in new if " up " in line]
    assert "tailscale set --hostname=gate" in new
    (distribution.fake / "ts/state").write_text("NeedsLogin")
    assert "needs the secret tailscale_authkey" in refused(distribution, "tailscale", none, NEEDED)
    (distribution.fake / "key").write_text("tskey-used-up")
    assert "could not log in" in refused(distribution, "tailscale", TAILNET)
    (distribution.fake / "ts/state").write_text("NeedsMachineAuth")
    assert "Machines page" in refused(distribution, "tailscale", TAILNET)


def test_without_a_key_nothing_is_installed(distribution: Guest) -> None:
    refused(distribution, "tailscale", {**TAILNET, "DVM_TAILSCALE_AUTHKEY_FILE": ""}, NEEDED)
    assert distribution.log == []


def test_funnel_leads_where_it_is_told_and_is_off_again(distribution: Guest) -> None:
    ok(distribution, "tailscale", TAILNET)
    assert funnel(distribution) == "off"
    ok(distribution, "tailscale", to("3000"))
    assert funnel(distribution) == "http://127.0.0.1:3000"
    assert not [line for line in ok(distribution, "tailscale", to("3000")) if "--bg" in line or "reset" in line]
    ok(distribution, "tailscale", to("http://lima-dvm-app.internal:80"))
    assert funnel(distribution) == "http://lima-dvm-app.internal:80"
    ok(distribution, "tailscale", TAILNET)
    assert funnel(distribution) == "off"


OPEN = {"AllowFunnel": {"a:443": True}, "Web": {"a:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:1"}}}}}


@pytest.mark.parametrize("config", [OPEN, {"Foreground": {"x": OPEN}}, {"AllowFunnel": {"a:8443": True}}])
@pytest.mark.parametrize("distribution", ["fedora"], indirect=True)
def test_funnel_that_was_opened_by_hand_is_seen_and_closed(distribution: Guest, config: dict[str, object]) -> None:
    ok(distribution, "tailscale", TAILNET)
    (distribution.fake / "ts/serve").write_text(json.dumps(config))
    assert not probe_passes(distribution)
    assert "tailscale funnel reset" in ok(distribution, "tailscale", TAILNET)
    assert probe_passes(distribution)
    (distribution.fake / "ts/serve").write_text(json.dumps(config))
    (distribution.fake / "ts/stuck").touch()
    assert "in the config: off. Find out what set it" in refused(distribution, "tailscale", TAILNET)


def test_funnel_that_cannot_be_asked_is_not_off(distribution: Guest) -> None:
    (distribution.fake / "ts/mute").touch()
    assert "Funnel: not known; in the config: off" in refused(distribution, "tailscale", TAILNET)
    (distribution.fake / "ts/mute").unlink()
    (distribution.fake / "ts/serve").write_text("<html>")
    assert "Funnel: not known; in the config: off" in refused(distribution, "tailscale", TAILNET)
    (distribution.fake / "as/python3").write_text("#!/bin/sh\nexit 0\n")  # a success without a word is no answer
    assert "Funnel: not known; in the config: off" in refused(distribution, "tailscale", TAILNET)
    assert "tailscale funnel reset" not in distribution.log


def probe_passes(guest: Guest) -> bool:
    argv = (*guest.prefix, "bash", "-c", "tailscale status --peers=false >/dev/null && dvm-tailscale-funnel")
    return subprocess.run(argv, env=guest.environment(), capture_output=True, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("wrong", ["here", "3000; x", "http://a b:1", "--bg", "http://a", "300000"])
@pytest.mark.parametrize("distribution", ["debian"], indirect=True)
def test_funnel_to_nowhere_is_refused(distribution: Guest, wrong: str) -> None:
    assert "is not a valid Funnel target" in refused(distribution, "tailscale", to(wrong))


def test_without_a_package_and_a_compiler_the_release_of_tailscale_comes(distribution: Guest) -> None:
    guest = without_packages(distribution)
    rows = mirror_of(guest, "tailscale", {"x86_64": "unknown"})
    done = guest.apply("tailscale", TAILNET, releases=rows)
    assert done.returncode == 1
    assert b"'scripts/versions.py fill tailscale'" in done.stderr
    guest.apply("tailscale", {**TAILNET, **QUICK}, releases=mirror_of(guest, "tailscale"))
    assert Path(guest.root / "usr/local/bin/tailscaled").is_symlink()


def test_the_demo_runs_no_service(distribution: Guest) -> None:
    distribution.make_demo()
    for recipe, params in (("llama", LLAMA), ("cloudflared", CLOUDFLARED), ("tailscale", TAILNET)):
        assert run(distribution, recipe, params).returncode == 69
    assert distribution.log == []
