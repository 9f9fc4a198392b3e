"""Every error is a page, or an alert for htmx: what happened, what to do, the command behind it."""

from __future__ import annotations

import pytest
from flask import Flask
from jinja2 import UndefinedError

from dvmweb import errors
from dvmweb.errors import DvmError, Problem
from dvmweb.files import ChangedOnDisk
from dvmweb.verbs.vms import Vms
from dvmweb.web.app import AREAS, size
from dvmweb.web.server.websockets import TooManySockets
from dvmweb.web.ui.error_pages import status_of
from tests.web.conftest import Browser

EVIL = "<script>x</script>"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("w", "t"), 404),
        (errors.VmBusy("w", "t"), 409),
        (errors.UnsavedWork("w", "t"), 409),
        (errors.UsageError("w", "t"), 422),
        (errors.SecretNeeded("w", "t"), 422),
        (errors.ConfigError([Problem("f", "w", "t")]), 422),
        (errors.CheckFailed("w", "t"), 502),
        (errors.NoEngine("w", "t"), 503),
        (TooManySockets("w", "t"), 503),
        (ChangedOnDisk("w", "t"), 500),
        (DvmError("w", "t"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_error_has_its_status(error: DvmError, status: int) -> None:
    assert status_of(error) == status


def failing(app: Flask) -> None:
    def fail() -> str:
        raise errors.VmBusy(f"app is held {EVIL}.", f"Wait {EVIL}.", f"limactl stop {EVIL}")

    app.add_url_rule("/fail", "fail", fail)


def test_an_error_is_a_page(app: Flask, client: Browser) -> None:
    failing(app)
    answer = client.get("/fail")
    assert answer.status_code == 409
    assert answer.mimetype == "text/html"
    shown = [answer.text.index(word) for word in ("app is held", "Wait", "limactl stop")]
    assert shown == sorted(shown)
    assert EVIL not in answer.text
    assert "<title>Not possible now · dvm</title>" in answer.text
    assert "HX-Request" in answer.headers["Vary"]


def test_an_error_is_an_alert_for_htmx(app: Flask, client: Browser) -> None:
    failing(app)
    answer = client.get("/fail", headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert answer.text.strip().startswith('<div id="problem"')
    assert answer.headers["HX-Retarget"] == "#alerts"
    assert "HX-Request" in answer.headers["Vary"]
    assert EVIL not in answer.text


JOB = "a" * 32


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "alert"])
def test_a_busy_vm_leads_to_its_job_and_to_itself(
    app: Flask, vms: Vms, client: Browser, headers: dict[str, str]
) -> None:
    def busy(vm: str) -> str:
        raise errors.VmBusy(f"{vm} is held.", job=JOB)

    app.add_url_rule("/busy/<vm>", "busy", busy, methods=["POST"])
    vms.paths.vm_config("app").parent.mkdir(parents=True, exist_ok=True)
    vms.paths.vm_config("app").write_text("")
    answer = client.post("/busy/app", headers=headers)
    assert answer.status_code == 409
    assert f'href="{client.sessions.prefix}/jobs/{JOB}"' in answer.text
    assert f'href="{client.sessions.prefix}/vms/app"' in answer.text
    gone = client.post("/busy/gone", headers=headers).text
    assert "/vms/gone" not in gone, "a VM that is not there is no way out"


@pytest.mark.parametrize("job", ["abc", JOB])
def test_a_job_that_is_not_there_leads_to_the_jobs(client: Browser, job: str) -> None:
    answer = client.get(f"/jobs/{job}")
    assert answer.status_code == 404
    assert f'<a class="btn" href="{client.sessions.prefix}/jobs">All jobs</a>' in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/vms", "/jobs/x/y", "/static/nothing.css", "/static/../app.py"])
def test_no_such_page(client: Browser, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "This page does not exist" in answer.text


def test_the_wrong_method(client: Browser) -> None:
    answer = client.get("/logout")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_templates_escape_everything_and_know_what_is_missing(app: Flask) -> None:
    text = app.jinja_env.from_string("{{ x }}{{ y|visible }}{{ icon('check') }}{{ engine.kind }}")
    with app.test_request_context():
        assert text.render(x=EVIL, y="a\u202eb").startswith("&lt;script&gt;x&lt;/script&gt;a\\u202eb<svg")
        with pytest.raises(UndefinedError):
            app.jinja_env.from_string("{{ nothing }}").render()


def test_every_area_is_there(app: Flask) -> None:
    assert {"_".join(name.split(".")[-2:]) for name in AREAS} == set(app.blueprints)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "?"),
        (-1, "?"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (10_200_547_328, "9.5 GiB"),
        (1 << 60, "1048576 TiB"),
    ],
)
def test_sizes_in_words(amount: int | None, text: str) -> None:
    assert size(amount) == text


def test_the_demo_engine_is_marked_once_in_the_head_and_says_that_it_is_no_security_boundary(client: Browser) -> None:
    page = client.get("/jobs").text
    head, _, rest = page.partition("</header>")
    assert head.count('id="demo-mark"') == 1
    assert "not a security boundary. Run only code that you trust." in head
    assert "emo engine" not in rest
