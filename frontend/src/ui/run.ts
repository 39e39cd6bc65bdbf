/** Hands a promise that nobody awaits to the console, should it fail. `what` says what was being done. */
export function run(promise: Promise<unknown>, what: string): void {
  promise.catch((error: unknown) => {
    console.error(`onecast: ${what}:`, error);
  });
}
