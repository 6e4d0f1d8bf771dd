/** Median with the smallest and the largest value of some repeats (an odd number of them). */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: sorted[Math.floor(sorted.length / 2)], min: sorted[0], max: sorted[sorted.length - 1] };
}

/** `12.3 (11.9-12.8)` */
export function spreadText({ median, min, max }, digits) {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}
