// Makes guest text safe to show: colours become classes, other control and hidden characters become visible escapes.
// Same as guest_text.log_lines on the server: nothing that was printed disappears. Pure functions.

const COLOUR = /\x1b\[([0-9;:]*)m/gu;
// Characters that move the cursor, reorder or hide text, and combining marks that may stack on a letter.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{M}]/gu;
const LAST_CLASS = "\u0345"; // has the highest combining class
const ON = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike", 7: "inverse" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };
const CLASSES = { bold: "a-b", dim: "a-d", italic: "a-i", underline: "a-u", strike: "a-s" };

export const PLAIN = Object.freeze({});

/** The style after one SGR sequence with these parameters; unknown numbers change nothing. */
export function styled(style, parameters) {
  const numbers = parameters.split(/[;:]/).map(Number);
  let now = { ...style };
  for (let i = 0; i < numbers.length; i += 1) {
    const n = numbers[i];
    if (n === 0) now = {};
    else if (n in ON) now[ON[n]] = true;
    else if (n in OFF) for (const name of OFF[n]) delete now[name];
    else if (n === 38 || n === 48) i += extended(now, n === 38 ? "front" : "back", numbers, i);
    else coloured(now, n);
  }
  return now;
}

function coloured(style, n) {
  if (n >= 30 && n <= 37) style.front = n - 30;
  else if (n >= 90 && n <= 97) style.front = n - 82;
  else if (n >= 40 && n <= 47) style.back = n - 40;
  else if (n >= 100 && n <= 107) style.back = n - 92;
  else if (n === 39) delete style.front;
  else if (n === 49) delete style.back;
}

/** 38;5;n and 38;2;r;g;b: set the nearest of the sixteen colours; returns how many numbers were used. */
function extended(style, side, numbers, at) {
  if (numbers[at + 1] === 5) {
    style[side] = nearest(...fromPalette(numbers[at + 2]));
    return 2;
  }
  if (numbers[at + 1] !== 2) return 0;
  style[side] = nearest(numbers[at + 2], numbers[at + 3], numbers[at + 4]);
  return 4;
}

function fromPalette(n) {
  if (!(n >= 16)) return n >= 0 ? [n] : [7];
  if (n >= 232) return Array(3).fill((n - 232) * 10 + 8);
  const step = (x) => (x === 0 ? 0 : x * 40 + 55);
  const cube = n - 16;
  return [step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6)];
}

function nearest(red, green, blue) {
  if (green === undefined) return red; // one of the sixteen already
  const light = Math.max(red, green, blue);
  const isGrey = light - Math.min(red, green, blue) < 40;
  if (isGrey) return light > 200 ? 15 : light > 110 ? 7 : 8;
  const half = light / 2;
  return (red > half ? 1 : 0) + (green > half ? 2 : 0) + (blue > half ? 4 : 0) + (light > 200 ? 8 : 0);
}

/** The class names of a style, "" for plain. */
export function classes(style) {
  const [front, back] = style.inverse ? [style.back ?? 0, style.front ?? 7] : [style.front, style.back];
  const names = Object.keys(CLASSES).filter((name) => style[name]).map((name) => CLASSES[name]);
  if (back !== undefined) names.push(`g${back}`);
  else if (front !== undefined) names.push(`f${front}`);
  return names.join(" ");
}

function mark(character) {
  if (character === "\t" || (/\p{M}/u.test(character) && !stacks(character))) return character;
  const code = character.codePointAt(0);
  const [letter, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${letter}${code.toString(16).padStart(width, "0")}`;
}

/** Whether a mark, or a part of it, has a combining class: then normalising sorts it before LAST_CLASS. */
function stacks(character) {
  return character === LAST_CLASS || `${LAST_CLASS}${character}`.normalize("NFD") !== LAST_CLASS + character.normalize("NFD");
}

/** Text with every hidden character as an escape. */
export const marked = (text) => text.replace(HIDDEN, mark);

/** The text of a line without its colours. */
export const stripped = (line) => marked(line.includes("\x1b") ? line.replace(COLOUR, "") : line);

/** The style after a line. */
export function styleAfter(line, style) {
  let now = style;
  for (const found of line.matchAll(COLOUR)) now = styled(now, found[1]);
  return now;
}

/** A line as [text, class names] pieces; neighbours with the same classes are joined. */
export function pieces(line, style) {
  const out = [];
  let now = style;
  let from = 0;
  const put = (text) => {
    if (!text) return;
    const names = classes(now);
    if (out.length > 0 && out.at(-1)[1] === names) out.at(-1)[0] += text;
    else out.push([text, names]);
  };
  for (const found of line.matchAll(COLOUR)) {
    put(marked(line.slice(from, found.index)));
    from = found.index + found[0].length;
    now = styled(now, found[1]);
  }
  put(marked(line.slice(from)));
  return out;
}
