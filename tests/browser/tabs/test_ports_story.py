"""The story of a port: its user opens it, gives it another number on this computer, and closes it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.driver.user import User
from tests.browser.driver.window import Complaints
from tests.journey.conftest import until
from tests.journey.test_ports import free_port

pytestmark = pytest.mark.slow_browser


@pytest.mark.usefixtures("guests_work")
def test_a_port_is_opened_moved_and_closed(user: User, complaints: Complaints) -> None:
    page, config = user.window.page, user.home.paths.vm_config("app")
    inner, host = free_port(), free_port()
    user.window.open("/vms/app?tab=ports")
    expect(page.locator("#ports")).to_contain_text("No ports.")
    expect(page.locator("#listeners .age").first).to_contain_text("reported")

    page.get_by_label("Port in the VM").fill("80")
    page.locator("#open-port").click()
    expect(page.locator("#port-error")).to_be_visible()
    page.get_by_label("Port in the VM").fill(f"{inner}")
    page.locator("#open-port").click()
    expect(page.locator(f"#port-row-{inner}")).to_contain_text("Forwarded")
    assert str(inner) in config.read_text()

    page.locator(f"#change-{inner}").click()
    page.get_by_label("Port on this computer").fill(str(host))
    page.locator("#move-port").click()
    expect(page.locator(f"#port-row-{host}")).to_contain_text("Forwarded")
    expect(page.locator(f"#port-row-{inner}")).to_have_count(0)
    assert f"{host}:{inner}" in config.read_text()

    page.get_by_role("button", name=f"Remove port {host}").click()
    expect(page.locator("#ports")).to_contain_text("No ports.")
    until(lambda: str(host) not in config.read_text())
    complaints.expect("422")
