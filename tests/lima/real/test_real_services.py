"""A service VM on a real guest: its unit, its secret, its journal, and another VM that reaches it by its name."""

from __future__ import annotations

import re
import signal
import subprocess
import time

from tests.lima.real.conftest import BOOT, RealDvmHome

CANARY = "canary-2f9c71"
# In the place of the bundled recipe: the same helpers, with a server that every guest has.
RECIPE = r"""#!/usr/bin/env bash
# /// recipe
# summary: Python's web server in the place of llama
# category: service
# params:
#   llama_token: {label: Token, secret: kept}
# units: [dvm-llama]
# probe: dvm-llama-health
# ///
set -euo pipefail
. "$DVM_LIB"
kept=/etc/dvm/llama-token
need_kept llama_token "${DVM_LLAMA_TOKEN_FILE:-}" "$kept"
if [ -n "${DVM_LLAMA_TOKEN_FILE:-}" ]; then root_file "$kept" 600 <"$DVM_LLAMA_TOKEN_FILE"; fi
service_unit dvm-llama "/usr/bin/python3 -u -m http.server 8080 --bind 0.0.0.0 --directory /usr/share/doc" \
  "LoadCredential=token:$kept" "ExecStartPre=/usr/bin/wc -c %d/token" \
  "ExecStartPre=/usr/bin/printf 'odd \\\\033[2Jline\\\\n'"
service_up dvm-llama
service_answers dvm-llama http://127.0.0.1:8080/ 60
"""
URL = "http://lima-dvm-brain.internal:8080/"
FETCH = f"python3 -c 'import urllib.request as r; print(r.urlopen(\"{URL}\", timeout=20).status)'"


def test_01_the_service_comes_up_with_the_secret_that_it_asked_for(real: RealDvmHome) -> None:
    catalog = real.paths.config / "recipes"
    catalog.mkdir(parents=True)
    (catalog / "llama.sh").write_text(RECIPE)
    path = real.init("brain")
    path.write_text(path.read_text() + "kind: llama\nbaseline: false\n")
    said = real.dvm("sync", "brain", timeout=BOOT)
    assert (said.code, "--secret llama_token=-" in said.err) == (2, True), said
    said = real.dvm("sync", "brain", "--secret", "llama_token=-", stdin=CANARY, timeout=BOOT)
    assert said.code == 0, said
    assert "unchanged; its probe passes" in real.ok("sync", "brain", timeout=BOOT)


def test_02_the_secret_is_only_in_roots_file(real: RealDvmHome) -> None:
    found = real.guest(
        "brain",
        f"sudo grep -rlsF {CANARY} /etc /usr/local /var/lib/dvm /run/systemd /home /tmp || true;"
        f"ps axww -o args | grep -F {CANARY} | grep -v grep || true;"
        f"sudo journalctl | grep -F {CANARY} | grep -v 'grep\\|COMMAND=' || true;"
        "sudo stat -c '%a %U' /etc/dvm/llama-token; stat -c %u /proc/$(systemctl show -P MainPID dvm-llama)",
    )
    *places, account = found.split()
    assert places == ["/etc/dvm/llama-token", "600", "root"]
    assert 61184 <= int(account) <= 65519, "a dynamic account, which Debian's image knows no name for"


def test_03_another_vm_reaches_it_by_its_name(real: RealDvmHome) -> None:
    path = real.init("app")
    path.write_text(path.read_text() + "baseline: false\n")
    real.ok("sync", "app", timeout=BOOT)
    assert real.guest("app", FETCH) == "200\n"


def test_04_its_journal_is_shown_and_not_obeyed(real: RealDvmHome) -> None:
    assert real.ok("log", "brain", "--units") == "dvm-llama\n"
    out = real.ok("log", "brain")
    assert re.search(r'"GET / HTTP/1.1" 200', out)
    assert f"{len(CANARY)} /run/credentials/dvm-llama.service/token" in out
    assert "odd \\x1b[2Jline" in out or "blob data" in out
    assert len(real.ok("log", "brain", "llama", "-n", "3").splitlines()) <= 4
    assert "sshd" in real.ok("log", "brain", "ssh")
    said = real.dvm("log", "brain", "nginx")
    assert (said.code, "Units of its recipes: dvm-llama." in said.err) == (3, True), said
    assert real.ok("log", "app", "-n", "5")


def test_05_it_is_followed_until_ctrl_c(real: RealDvmHome) -> None:
    following = subprocess.Popen(
        real.argv("log", "brain", "-f", "-n", "1"), env=real.environ, stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    assert following.stdout.readline()
    before = time.time()
    assert real.guest("app", FETCH) == "200\n"
    assert "GET / HTTP" in following.stdout.readline()
    print("seconds until a line was there:", round(time.time() - before, 1))
    following.send_signal(signal.SIGINT)
    assert following.wait(30) == 130
    real.guest("brain", "for i in $(seq 50); do pgrep -x journalctl >/dev/null || exit 0; sleep 0.2; done; exit 1")


def test_06_a_stopped_one_is_said_and_no_longer_reached(real: RealDvmHome) -> None:
    real.ok("stop", "brain", timeout=BOOT)
    said = real.dvm("log", "brain")
    assert (said.code, "Start it with `dvm start brain`." in said.err) == (6, True), said
    assert real.dvm("ssh", "app", "--", "bash", "-c", FETCH).code != 0
    real.ok("start", "brain", timeout=BOOT)
    assert real.guest("app", FETCH) == "200\n", "the unit comes up with the guest, under the same name"
