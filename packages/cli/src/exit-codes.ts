/** Exit codes of every command. */
export const exitCodes = {
  ok: 0,
  /** The command could not do what it was asked to: unreadable model, no backend, ... */
  failure: 1,
  /** The command line is wrong: unknown command, option, policy or value. */
  usage: 2,
  /** Stopped by Ctrl-C, as shells report it. */
  interrupted: 130,
} as const;
