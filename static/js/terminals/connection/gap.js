// What is written to the screen where output is missing: a visible line, and the modes that the missing bytes had set.

// Ends a sequence that was cut, then resets what a program may have set on this screen.
const PLAIN = "\x18\x1b[!p\x1b(B\x0f\x1b[?1047l\x1b[?1000;1002;1003;1004;1006;2004;1l\x1b[?7;25h\r\n";
const line = (what) => `\x1b[0;7m … ${what} skipped … \x1b[0m\r\n`;

/** Before the rest of a replay whose beginning is lost; the screen is new. */
export const beforeReplay = (modes = "") => line("older output") + modes;

/** Between two bytes that are not consecutive. */
export const between = (modes = "") => PLAIN + line("output") + modes;
