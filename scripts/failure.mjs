/** Something that the set-up cannot do: one line, with the command that would mend it. */
export class Failure extends Error {
  constructor(message, mend) {
    super(message);
    this.name = 'Failure';
    this.mend = mend;
  }

  get line() {
    const sentence = this.message.replace(/\s+/g, ' ').replace(/\.$/, '');
    return this.mend ? `${sentence}. To mend it: ${this.mend}` : `${sentence}.`;
  }
}

/** An error of the system (disk full, no permission) as such a line. */
export function asFailure(error, where) {
  if (error instanceof Failure) return error;
  if (error?.code === 'ENOSPC') {
    return new Failure(`The disk of ${where} is full`, 'free some space, or set ONECAST_CACHE');
  }
  if (error?.code === 'EACCES' || error?.code === 'EPERM' || error?.code === 'EROFS') {
    const path = error.path ?? where;
    return new Failure(`${path} cannot be written`, 'set ONECAST_CACHE to a folder of your own');
  }
  return undefined;
}
