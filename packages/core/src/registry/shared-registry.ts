/**
 * A map from the names of TensorFlow.js backends to what kernels packages provide for them. It lies on `globalThis`, so
 * that two loaded copies of a package (ES module and CommonJS, or two versions) see the same one.
 *
 * @param name what is registered, for example `"stores"`; one map for each
 */
export function sharedRegistry<T>(name: string): Map<string, T> {
  const key = Symbol.for(`kvfold.${name}`);
  const holder = globalThis as { [key]?: Map<string, T> };
  holder[key] ??= new Map();
  return holder[key];
}
