"""Guest shells that outlive the browser tab and the dashboard: a keeper owns every pty, viewers come and go."""
