"""The deletion of several VMs: never easier than that of one, and all of them go to the trash."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from dvmweb.verbs.vms import Vms
from tests.web.conftest import Browser
from tests.web.deletion.test_pages import COMMIT, instances
from tests.web.demo import DvmHome, dvm_home, eventually, guests_work  # noqa: F401

pytestmark = pytest.mark.usefixtures("guests_work")


def reports(text: str) -> dict[str, str]:
    """The digests that the page shows, by the name of their field."""
    return dict(re.findall(r'name="(report\.[a-z]+)" value="([0-9a-f]+)"', text))


def test_each_vm_needs_what_its_own_page_wants(dvm_home: DvmHome, client: Browser, vms: Vms) -> None:  # noqa: F811
    for name in ("clean", "dirty", "kept"):
        vms.init(name)
        dvm_home.ok("sync", name)
    dvm_home.guest("dirty", COMMIT)
    assert dvm_home.dvm("work", "dirty").code == 5
    dvm_home.ok("protect", "kept")
    path = f"/delete-several?{urlencode([('vm', name) for name in ('clean', 'dirty', 'kept', 'nobody')])}"
    text = eventually(lambda: (t := client.get(path).text) and "1 commit not pushed" in t and t)
    assert "Delete 2 VMs?" in text
    assert "kept is not deleted here" in text
    assert "nobody is not created" in text
    assert 'id="typed-name-dirty"' in text
    assert 'id="typed-name-clean"' not in text
    form = {"vm": ["clean", "dirty"], **reports(text)}
    assert len(form) == 3
    before = instances(vms)
    for name in ("", "clean", "Dirty", "dirty "):
        answer = client.post("/delete-several", data={**form, "name.dirty": name})
        assert answer.status_code == 422, name
        assert "Nothing was deleted" in answer.text
    stale = client.post("/delete-several", data={**form, "report.clean": "0" * 64, "name.dirty": "dirty"})
    assert stale.status_code == 409
    added = client.post("/delete-several", data={**form, "vm": ["clean", "kept"], "report.kept": form["report.clean"]})
    assert added.status_code == 409, "a protected VM cannot be added to the form"
    assert client.post("/delete-several", data=form, csrf=False).status_code == 403
    assert instances(vms) == before
    assert not [job for job in vms.jobs() if job.verb == "delete"]
    done = client.post("/delete-several", data={**form, "name.dirty": "dirty"})
    assert done.status_code == 303, done.text
    run = done.headers["Location"].removeprefix(client.sessions.prefix)
    eventually(lambda: "2 done" in client.get(run).text.lower())
    trash = [
        path.name.rpartition("-")[0] for path in vms.paths.lima_home.iterdir() if path.name.startswith("dvmtrash-")
    ]
    assert sorted(trash) == ["dvmtrash-clean", "dvmtrash-dirty"]
    assert "dvm-kept" in instances(vms)
