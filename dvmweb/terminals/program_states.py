"""The states of a terminal's program as the keeper reports them, with their text for people."""

WORKS, WAITS, ENDED, RANG = "works", "waits", "ended", "rang"

# Text where the program reported the state or it is a fact, and where it is guessed.
IN_WORDS = {
    WAITS: ("waiting for you", "seems to be waiting"),
    WORKS: ("working", "seems to be working"),
    ENDED: ("ended", "ended"),
    RANG: ("rang the bell", "rang the bell"),
}
