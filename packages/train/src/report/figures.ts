/** `8 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`; `?` for what is not known. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

/** `4,262,144`. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** `4.26M`, `6.74G`, `512`. */
export function short(value: number): string {
  const [factor, suffix] = value >= 1e9 ? [1e9, "G"] : value >= 1e6 ? [1e6, "M"] : value >= 1e3 ? [1e3, "k"] : [1, ""];
  return suffix === "" ? String(value) : `${(value / factor).toPrecision(3)}${suffix}`;
}
