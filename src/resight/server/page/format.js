// Writes figures and counts for people.

/** Returns a share of 1 as a percentage that never claims certainty by rounding. */
export function percent(share) {
  const value = share * 100;
  if (value >= 99.5) return share >= 1 ? "100 %" : "> 99 %";
  if (value < 1) return value <= 0 ? "0 %" : "< 1 %";
  return `${Math.round(value)} %`;
}

/** Returns a count with its noun, "1 photo" or "1,200 photos". */
export function counted(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? noun : plural}`;
}

/** Returns seconds as people say them. */
export function seconds(value) {
  if (value < 0.095) return `${Math.max(1, Math.round(value * 1000))} ms`;
  return value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}

/** Returns a score with as many figures as tell hits apart. */
export function score(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 3);
}

/** Returns a size in bytes for people. */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (count >= 1000 && step < units.length - 1) {
    count /= 1000;
    step += 1;
  }
  return `${count < 10 && step ? count.toFixed(1) : Math.round(count)} ${units[step]}`;
}

/** Returns the text of a metadata value: a string, a number, or a list of them. */
export function fieldText(value) {
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** Returns what a person calls a photo: its name or, of a frame of a video, "clip.mp4 at 0:12". */
export function labelOf(name) {
  const frame = /^(.+)#t=(\d+)(\.\d{1,3})?$/s.exec(name);
  if (!frame) return name;
  const [, video, whole, rest] = frame;
  const seconds = Number(whole);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const clock = parts.slice(parts[0] ? 0 : 1).map((part, at) => (at ? String(part).padStart(2, "0") : String(part)));
  return `${video} at ${clock.join(":")}${rest && Number(rest) ? rest : ""}`;
}
