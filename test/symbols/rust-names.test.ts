/** Names of Rust's functions: those of the mangling's definition, and hostile ones. Real ones: test/corpus/rust. */
import assert from 'node:assert/strict';
import { rustName } from '../../src/symbols/rust-names';

describe('names of Rust functions', () => {
  const hash = '17h02c3961291ec24b3E';
  const cases: readonly (readonly [string, string | undefined])[] = [
    [`_ZN4core9panicking5panic${hash}`, 'core::panicking::panic'],
    [`_ZN4core9panicking5panic${hash}.llvm.123`, 'core::panicking::panic'],
    [
      `_ZN61_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..Deref$GT$5deref${hash}`,
      '<alloc::vec::Vec<T> as core::ops::Deref>::deref',
    ],
    [`_ZN4core9panicking50panic${hash}`, undefined],
    ['_ZN3fmt5writeEv', undefined],
    ['_RNvC6_123foo3bar', '123foo::bar'],
    ['_RNvNtCs1234_7mycrate3foo3bar', 'mycrate::foo::bar'],
    ['_RNCNvC7mycrate3foo0', 'mycrate::foo::{closure#0}'],
    ['_RNCNvC7mycrate3foos_0', 'mycrate::foo::{closure#1}'],
    ['_RINvC7mycrate3fooRShE', 'mycrate::foo::<&[u8]>'],
    ['_RNvXNtC7mycrate3fooNtB2_3BarNtC4core5Clone5clone', '<mycrate::foo::Bar as core::Clone>::clone'],
    ['_RINvC7mycrate3fooAhj8_E', 'mycrate::foo::<[u8; 8]>'],
    ['_RINvC7mycrate3fooFG_RL0_hEuE', "mycrate::foo::<for<'a> fn(&'a u8)>"],
    ['_RNvB_3foo', undefined],
    ['_RNvC7mycrat', undefined],
    ['_RIC1aB_E', undefined],
    ['main', undefined],
  ];
  for (const [symbol, name] of cases) {
    it(`${symbol} is ${name ?? 'none'}`, () => {
      assert.equal(rustName(symbol), name);
    });
  }

  it('every beginning of a name is read or refused', () => {
    const whole = '_RINvXs_NtC7mycrate3fooINtB4_3BarhKj8_ENtC4core5Clone5cloneTAhj8_FG_RL0_hEuDNtB4_1TEL_EE';
    for (let length = 0; length <= whole.length; length++) rustName(whole.slice(0, length));
    for (let at = 0; at < whole.length; at++) {
      for (const other of 'BIE_s0Z') rustName(`${whole.slice(0, at)}${other}${whole.slice(at + 1)}`);
    }
  });

  it('back references that double themselves end', () => {
    let symbol = '_RINvC1a1fTuuE';
    for (let round = 0; round < 60; round++) symbol += `TB${(8).toString(36)}_B${(8).toString(36)}_E`;
    rustName(`${symbol}E`);
  });
});
