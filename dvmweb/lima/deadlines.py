"""How long each verb of the engine may take, in seconds. Past its deadline a command is ended with its group."""

# A stop while the guest boots takes three minutes, and Lima itself may wait six; a create may download an image.
VERSION, SSH_EXIT, LIST, PROBE, EDIT, DELETE, STOP, START, COPY = 5.0, 2.0, 10.0, 15.0, 30.0, 120.0, 420.0, 900.0, 900.0
CREATE = 3600.0
UPLOAD = 6 * 3600.0  # one that stands still is given up long before
