// Reads newline-delimited JSON as it arrives.

/** Calls `take` with the value of each line of a stream of bytes, the last one also where no newline ends it. */
export async function eachLine(stream, take) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.trim()) take(JSON.parse(line));
    if (done) break;
  }
  if (rest.trim()) take(JSON.parse(rest));
}
