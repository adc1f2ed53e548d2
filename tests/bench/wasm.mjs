import { gzipSync } from 'node:zlib';
import { Cursor, sections } from '../../src/cli/wasm.mjs';

const CUSTOM = 0;
const IMPORT = 2;
const CODE = 10;
const DATA = 11;

/**
 * The functions of a module with their length in bytes; `name` needs a name section.
 * @param {Buffer} module
 * @returns {{ name: string, bytes: number }[]}
 */
export function functions(module) {
  const all = sections(module);
  const section = (id) => all.find((candidate) => candidate.id === id);
  const names = functionNames(module, all.find(({ name }) => name === 'name'));
  const imported = section(IMPORT) ? importedFunctions(module, section(IMPORT)) : 0;
  const cursor = new Cursor(module, section(CODE).start);
  const count = cursor.u32();
  return Array.from({ length: count }, (_, index) => {
    const bytes = cursor.u32();
    cursor.at += bytes;
    return { name: names.get(imported + index) ?? '', bytes };
  });
}

function functionNames(module, section) {
  const names = new Map();
  if (!section) return names;
  const cursor = new Cursor(module, section.start);
  while (cursor.at < section.end) {
    const id = cursor.u32();
    const end = cursor.u32() + cursor.at;
    if (id === 1) {
      for (let left = cursor.u32(); left > 0; left--) {
        const index = cursor.u32();
        names.set(index, cursor.name());
      }
    }
    cursor.at = end;
  }
  return names;
}

function importedFunctions(module, section) {
  const cursor = new Cursor(module, section.start);
  let functions = 0;
  for (let left = cursor.u32(); left > 0; left--) {
    cursor.name();
    cursor.name();
    const kind = cursor.u32();
    if (kind === 0) functions++;
    if (kind === 0) cursor.u32();
    else if (kind === 1) cursor.u32(), skipLimits(cursor);
    else if (kind === 2) skipLimits(cursor);
    else if (kind === 3) cursor.u32(), cursor.u32();
    else cursor.u32(), cursor.u32();
  }
  return functions;
}

function skipLimits(cursor) {
  const flags = cursor.u32();
  cursor.u32();
  if (flags & 1) cursor.u32();
}

/** Paths into these are the language's own. */
const STANDARD = new Set(['core', 'alloc', 'std', 'dlmalloc', 'compiler_builtins', 'rustc_demangle', 'hashbrown', 'gimli']);

/**
 * The crate that a function's demangled name begins with. Of `<A as B>::c` it is A's, unless A is the standard
 * library's: then it is that of the first other path in it, since generic code is there for its user's sake.
 * @param {string} name
 */
export function crateOf(name) {
  const roots = [...name.matchAll(/(?<![\w:])([a-z][a-z0-9_]*)::/g)].map(([, root]) => root);
  const other = roots.find((root) => !STANDARD.has(root));
  if (other) return other;
  return roots.length > 0 ? 'std' : '(no path)';
}

/**
 * Bytes of code by crate, largest first.
 * @param {Buffer} module
 * @returns {{ crate: string, bytes: number, functions: number }[]}
 */
export function codeByCrate(module) {
  const crates = new Map();
  for (const { name, bytes } of functions(module)) {
    const crate = crateOf(name);
    const sum = crates.get(crate) ?? { crate, bytes: 0, functions: 0 };
    sum.bytes += bytes;
    sum.functions++;
    crates.set(crate, sum);
  }
  return [...crates.values()].sort((a, b) => b.bytes - a.bytes);
}

/**
 * Raw and gzipped bytes of the parts that a module is made of.
 * @param {Buffer} module
 */
export function parts(module) {
  const words = { [CODE]: 'code', [DATA]: 'data' };
  const rows = sections(module).map(({ id, name, start, end }) => ({
    part: words[id] ?? (id === CUSTOM ? name : 'other'),
    bytes: end - start,
    gzipped: gzipSync(module.subarray(start, end), { level: 9 }).length,
  }));
  return { raw: module.length, gzipped: gzipSync(module, { level: 9 }).length, rows };
}
