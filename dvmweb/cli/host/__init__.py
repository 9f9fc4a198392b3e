"""Commands about this computer: the dashboard, the browser, the check of the host."""
