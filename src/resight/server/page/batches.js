// How many files go into one request, by the limits of the service. No DOM in here.

const FORM = 1 << 16; // Bytes of a form besides its files.

/**
 * Returns lists of files of which each has at most `limits.files` files and `limits.bytes` bytes, in their order. A file
 * that is larger is alone in its list: the service says why it does not take it.
 */
export function batchesOf(files, limits) {
  const batches = [];
  let room = 0;
  for (const file of files) {
    const last = batches.at(-1);
    if (last && last.length < limits.files && file.size <= room) {
      last.push(file);
      room -= file.size;
    } else {
      batches.push([file]);
      room = limits.bytes - FORM - file.size;
    }
  }
  return batches;
}
