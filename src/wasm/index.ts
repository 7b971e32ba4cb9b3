export { ByteWriter } from './bytes';
export { f64, F32, F32T, F64, F64T, i32, I32, I32T, i64, I64, I64T } from './expr';
export type { Expr, I32Like, I64Like, ValueType } from './expr';
export { FunctionBuilder } from './function';
export type { FunctionRef, Label, Local } from './function';
export { ModuleBuilder } from './module';
export type { MemoryImport } from './module';
