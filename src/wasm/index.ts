export { f64, F32, F64, i32, I32, I32T, i64, I64, I64T } from './expr';
export type { I32Like, I64Like, ValueType } from './expr';
export { FunctionBuilder } from './function';
export type { FunctionRef, Label, Local } from './function';
export { ModuleBuilder } from './module';
