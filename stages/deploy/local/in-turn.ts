/** Makes a function that does what it is given one after the other, in the order in which it was given. A failure fails only its own. */
export function inTurn(): <T>(act: () => Promise<T>) => Promise<T> {
  let turn: Promise<unknown> = Promise.resolve();
  return (act) => {
    const mine = turn.then(act);
    turn = mine.catch(() => {});
    return mine;
  };
}
