/** Waits until a server has nothing more to do. */

/** Settles with a number once it is the same over many requests of another connection: nothing is under way any more. */
export async function quiet(look: () => Promise<number>): Promise<number> {
  let before = -1;
  for (let looks = 0; looks < 50; looks += 1) {
    const now = await look();
    looks = now === before && now > 0 ? looks : 0;
    before = now;
  }
  return before;
}
