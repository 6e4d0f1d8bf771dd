/** Things to free, newest first: `DisposableStack` of newer Node versions, as far as it is needed here. */
export class Cleanup implements Disposable {
  private actions: (() => void)[] = [];

  use<T extends Disposable>(value: T): T {
    this.defer(() => value[Symbol.dispose]());
    return value;
  }

  defer(action: () => void): void {
    this.actions.push(action);
  }

  /** Hands everything over to a new owner. */
  move(): Cleanup {
    const next = new Cleanup();
    next.actions = this.actions;
    this.actions = [];
    return next;
  }

  [Symbol.dispose](): void {
    for (const action of this.actions.splice(0).reverse()) action();
  }
}
