// Divides a line of YAML or bash into coloured parts: [class, text] pairs whose texts joined are the line again.

const YAML = [
  ["note", /^#.*/],
  ["text", /^"(?:[^"\\]|\\.)*"?|^'(?:[^']|'')*'?/],
  ["key", /^(?:- +)*[A-Za-z_][\w.-]*(?=\s*:(?:\s|$))/],
  ["word", /^(?:true|false|yes|no|null)(?=[\s,\]}]|$)/],
  ["number", /^-?\d+(?:\.\d+)?(?:[KMGT]i?B)?(?=[\s,\]}]|$)/],
  ["", /^[\w.:/@+~-]+|^\s+|^./u],
];
const BASH = [
  ["note", /^#.*/],
  ["text", /^"(?:[^"\\]|\\.)*"?|^'[^']*'?/],
  ["key", /^\$\{[^}]*\}?|^\$[\w@*#?!$-]/],
  ["key", /^\$\w+/],
  ["word", /^(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|in|function|return|local|export|exit|set|trap|declare|shift|break|continue)(?=[\s;)&|]|$)/],
  ["number", /^\d+(?=[\s;)\]]|$)/],
  ["", /^[\w./=+:@%,~-]+|^\s+|^\\.|^./u],
];
const LONGEST = 2000; // characters of a line that are coloured

/** Return the parts of one line; `language` is yaml or bash. */
export function parts(line, language) {
  if (line.length > LONGEST) return [["", line]];
  const rules = language === "bash" ? BASH : YAML;
  const found = [];
  let rest = line;
  let canBeNote = true; // a # begins a comment at the start and after a blank
  while (rest) {
    const [name, match] = first(rules, rest, canBeNote);
    found.push([name, match]);
    canBeNote = /\s$/.test(match);
    rest = rest.slice(match.length);
  }
  return found;
}

function first(rules, rest, canBeNote) {
  for (const [name, pattern] of rules) {
    if (name === "note" && !canBeNote) continue;
    const match = pattern.exec(rest)?.[0];
    if (match) return [name, match];
  }
  return ["", rest[0]];
}
