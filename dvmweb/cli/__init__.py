"""The `dvm` command: words in, verbs called, words out."""
