/**
 * The assembly grammar knows every instruction and CSR of the machine, and tells the parts of a line from one another.
 * A small reader of TextMate grammars (leftmost match, first rule on a tie, no nesting) stands in for VS Code here.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROWS } from '../../src/isa/table';

interface Rule {
  readonly name?: string;
  readonly match?: string;
  readonly begin?: string;
  readonly end?: string;
  readonly include?: string;
  readonly captures?: Readonly<Record<string, { readonly name: string }>>;
  readonly patterns?: readonly Rule[];
}
interface Grammar {
  readonly patterns: readonly Rule[];
  readonly repository: Readonly<Record<string, Rule>>;
}

const path = join(__dirname, '../../syntaxes/riscv.tmLanguage.json');
const grammar = JSON.parse(readFileSync(path, 'utf8')) as Grammar;

const flat = (rules: readonly Rule[]): Rule[] =>
  rules.flatMap((rule) => {
    if (rule.include !== undefined) return flat([grammar.repository[rule.include.slice(1)] ?? {}]);
    return rule.match === undefined && rule.begin === undefined ? flat(rule.patterns ?? []) : [rule];
  });
const rules = flat(grammar.patterns);

/** `text:first two parts of the scope` of everything that has a scope. */
function scopes(line: string): string[] {
  const found: string[] = [];
  let at = 0;
  while (at < line.length) {
    const hits = rules.flatMap((rule) => {
      const source = rule.match ?? `${rule.begin ?? ''}.*?(?:${rule.end ?? ''})`;
      const expression = new RegExp(source, 'dg');
      expression.lastIndex = at;
      const hit = expression.exec(line);
      return hit && hit[0] !== '' ? [{ rule, hit }] : [];
    });
    const [best] = hits.sort((a, b) => a.hit.index - b.hit.index);
    if (!best) break;
    const short = (name: string): string => name.split('.').slice(0, 2).join('.');
    if (best.rule.name !== undefined && !best.rule.captures)
      found.push(`${best.hit[0].trim()}:${short(best.rule.name)}`);
    for (const [group, { name }] of Object.entries(best.rule.captures ?? {})) {
      const text = best.hit[Number(group)];
      if (text !== undefined) found.push(`${text}:${short(name)}`);
    }
    at = best.hit.index + best.hit[0].length;
  }
  return found;
}

describe('extension: RISC-V assembly grammar', () => {
  it('knows every instruction of the machine', () => {
    const isKnown = (name: string): boolean =>
      scopes(`  ${name} `).some((s) => s.startsWith(`${name}:keyword.`));
    assert.ok(ROWS.length > 100);
    assert.deepEqual(
      ROWS.map((row) => row.name).filter((name) => !isKnown(name)),
      [],
    );
  });

  it('tells the parts of a line', () => {
    const lines: Record<string, string[]> = {
      'loop: addi a0, s11, -0x10 # sp': [
        'loop:entity.name',
        '::punctuation.separator',
        'addi:keyword.mnemonic',
        'a0:variable.language',
        's11:variable.language',
        '-:keyword.operator',
        '0x10:constant.numeric',
        '# sp:comment.line',
      ],
      '1: bnez t0, 1b // ra': [
        '1:constant.numeric',
        '::punctuation.separator',
        'bnez:keyword.control',
        't0:variable.language',
        '1b:constant.numeric',
        '// ra:comment.line',
      ],
      ' csrrw zero, mstatus, t1': [
        'csrrw:keyword.mnemonic',
        'zero:variable.language',
        'mstatus:support.variable',
        't1:variable.language',
      ],
      ' fcvt.w.d a0, fa0, rtz': [
        'fcvt.w.d:keyword.mnemonic',
        'a0:variable.language',
        'fa0:variable.language',
        'rtz:constant.language',
      ],
      ' lui a0, %hi(sp_table)': ['lui:keyword.mnemonic', 'a0:variable.language', '%hi:keyword.operator'],
      '.section .text.init, "ax"': [
        '.section:keyword.control',
        '.text.init:support.constant',
        '"ax":string.quoted',
      ],
      '.globl _start': ['.globl:keyword.control', '_start:entity.name'],
      '#include "regs.h"': ['#include:keyword.control', '"regs.h":string.quoted'],
      '# include is a comment here too': ['# include:keyword.control'],
      ' amoadd.w.aqrl x5, x31, (x0)': [
        'amoadd.w.aqrl:keyword.mnemonic',
        'x5:variable.language',
        'x31:variable.language',
        'x0:variable.language',
      ],
      ' sd \\reg, 8(sp)': [
        'sd:keyword.mnemonic',
        '\\reg:variable.parameter',
        '8:constant.numeric',
        'sp:variable.language',
      ],
    };
    for (const [line, expected] of Object.entries(lines)) assert.deepEqual(scopes(line), expected, line);
  });

  it('leaves symbols alone that look like mnemonics, registers and CSRs', () => {
    assert.deepEqual(scopes(' call my.add_a0'), ['call:keyword.control']);
    assert.deepEqual(scopes(' j x32'), ['j:keyword.control']);
    assert.deepEqual(scopes(' la t0, $mie'), ['la:keyword.mnemonic', 't0:variable.language']);
  });
});
