// Prints where two captures of the same message differ, as JSON: {fields: how many there are,
// differences: [{field, ours, theirs}, …]}; a field that one of them lacks is null there.
// Arguments: files with the message, our requests and theirs.
'use strict';

const fs = require('fs');
const { readFields } = require('./fields');

const [message, ours, theirs] = process.argv.slice(2).map((file) => JSON.parse(fs.readFileSync(file, 'utf8')));

async function main() {
  const left = await readFields(ours, message);
  const right = await readFields(theirs, message);
  const names = [...new Set([...left.keys(), ...right.keys()])];
  const ruled = ['times', 'left', 'random'].flatMap((rule) => message[rule] ?? []);
  const unknown = ruled.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`no request has the field ${unknown.join(', ')}`);
  const differences = names.filter((name) => left.get(name) !== right.get(name)).map((name) => ({
    field: name, ours: left.get(name) ?? null, theirs: right.get(name) ?? null,
  }));
  console.log(JSON.stringify({ fields: names.length, differences }));
}

main();
