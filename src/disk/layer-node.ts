/** One layer file of a tree of them. Counted: checkpoints refer to it by name, layers in memory as their home. */
import { invariant } from '../base/errors';
import type { Home } from './block';
import type { Qcow2Layer } from './qcow2/qcow2-layer';

export class LayerNode implements Home {
  readonly children = new Set<LayerNode>();
  /** undefined until it is needed. */
  layer: Qcow2Layer | undefined;
  parent: LayerNode | undefined;
  /** Its file, or one underneath, is missing or damaged. */
  isBroken = false;
  private references = 0;

  constructor(
    readonly name: string,
    parent: LayerNode | undefined,
    private readonly onUnused: (node: LayerNode) => void,
  ) {
    this.moveUnder(parent);
  }

  get image(): Qcow2Layer {
    invariant(this.layer !== undefined, 'a layer that is a home is open');
    return this.layer;
  }

  get fileName(): string {
    return `${this.name}.qcow2`;
  }

  get isUsed(): boolean {
    return this.references > 0;
  }

  /** Layers from this one down to the base. */
  get chain(): LayerNode[] {
    const chain: LayerNode[] = [this];
    for (let node = this.parent; node !== undefined; node = node.parent) chain.push(node);
    return chain;
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    invariant(this.references > 0, 'a layer is released as often as it was retained');
    this.references--;
    if (this.references === 0) this.onUnused(this);
  }

  moveUnder(parent: LayerNode | undefined): void {
    this.parent?.children.delete(this);
    this.parent = parent;
    parent?.children.add(this);
  }
}
