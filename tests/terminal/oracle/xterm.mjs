// What xterm-headless shows for a recording after each of its steps, as JSON. Only needed to record:
//   npm install @xterm/headless @xterm/addon-unicode11; node xterm.mjs COLUMNS ROWS AT,AT,... < RAW
import xterm from "@xterm/headless";
import unicode from "@xterm/addon-unicode11";
import { readFileSync } from "node:fs";

const [cols, rows, cuts] = process.argv.slice(2);
const raw = readFileSync(0);
const terminal = new xterm.Terminal({ cols: +cols, rows: +rows, allowProposedApi: true, scrollback: 1000 });
terminal.loadAddon(new unicode.Unicode11Addon());
terminal.unicode.activeVersion = "11";

function color(mode, value) {
  if (mode === "default") return "";
  return mode === "rgb" ? "#" + value.toString(16).padStart(6, "0") : String(value);
}

function row(y) {
  const line = terminal.buffer.active.getLine(terminal.buffer.active.baseY + y);
  const stretches = [];
  for (let x = 0; x < terminal.cols; x++) {
    const cell = line.getCell(x);
    const flags = { b: cell.isBold(), d: cell.isDim(), i: cell.isItalic(), u: cell.isUnderline(), k: cell.isBlink(),
      r: cell.isInverse(), h: cell.isInvisible(), s: cell.isStrikethrough() };
    const fg = color(cell.isFgDefault() ? "default" : cell.isFgRGB() ? "rgb" : "palette", cell.getFgColor());
    const bg = color(cell.isBgDefault() ? "default" : cell.isBgRGB() ? "rgb" : "palette", cell.getBgColor());
    const look = [fg, bg, Object.keys(flags).filter((flag) => flags[flag]).join("")];
    const text = cell.getWidth() === 0 ? "" : cell.getChars() || " ";
    const last = stretches.at(-1);
    if (last && look.every((value, index) => value === last[index + 1])) last[0] += "\0" + text;
    else stretches.push([text, ...look]);
  }
  return stretches;
}

const steps = [];
let from = 0;
for (const cut of cuts.split(",").map(Number)) {
  await new Promise((done) => terminal.write(raw.subarray(from, cut), done));
  from = cut;
  steps.push(Array.from({ length: terminal.rows }, (_, y) => row(y)));
}
terminal.dispose();
console.log(JSON.stringify(steps));
