// Renders the templates of this folder with LiquidJS, at the command of tests/bench/liquid/run; the
// same commands as those of render.c. Arguments: the folder, names of templates.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { Liquid } = require('liquidjs');

const [folder, ...names] = process.argv.slice(2);
const sets = new Map(names.map((name) => [name, load(path.join(folder, name))]));

// A template with its partials and data. Given as `templates`, partials are parsed once and kept.
function load(set) {
  const read = (file) => fs.readFileSync(path.join(set, file), 'utf8');
  const sources = {};
  for (const file of fs.readdirSync(set)) {
    if (file.endsWith('.liquid')) sources[path.basename(file, '.liquid')] = read(file);
  }
  const engine = new Liquid({ templates: sources, cache: true });
  const data = JSON.parse(read('data.json'));
  return { engine, sources, data, template: engine.parse(sources.template) };
}

// How often a second it can be done, tried for so many milliseconds.
function rate(ms, once) {
  const start = process.hrtime.bigint();
  const end = start + BigInt(ms) * 1000000n;
  let count = 0;
  let now;
  do {
    for (let i = 0; i < 10; i++) once();
    count += 10;
    now = process.hrtime.bigint();
  } while (now < end);
  return (count * 1e9) / Number(now - start);
}

const commands = {
  // Write what a template prints to a file.
  print(name, file) {
    const { engine, template, data } = sets.get(name);
    fs.writeFileSync(file, engine.renderSync(template, data));
    return 0;
  },
  // Renders a second of a parsed template.
  render(name, ms) {
    const { engine, template, data } = sets.get(name);
    return rate(ms, () => engine.renderSync(template, data));
  },
  // Megabytes of source parsed a second, all templates with their partials in turn.
  parse(ms) {
    const all = [...sets.values()].flatMap(({ engine, sources }) =>
      Object.values(sources).map((source) => ({ engine, source })));
    const bytes = all.reduce((sum, { source }) => sum + Buffer.byteLength(source), 0);
    return (bytes / 1e6) * rate(ms, () => all.forEach(({ engine, source }) => engine.parse(source)));
  },
};

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [command, ...args] = line.split(' ');
  console.log(commands[command](...args));
});
