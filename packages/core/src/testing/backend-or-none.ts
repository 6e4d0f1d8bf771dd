/**
 * A backend that tests use where it can be had, as a list; empty, with a printed reason, where it cannot.
 *
 * @param absence makes the backend known and tells why it cannot run here, undefined when it can; what it throws is a reason too
 */
export async function backendOrNone(
  name: string,
  absence: () => Promise<string | undefined>,
): Promise<readonly string[]> {
  const reason = await absence().catch((error: Error) => error.message);
  if (reason === undefined) return [name];
  console.log(`backend ${name} is left out: ${reason}`);
  return [];
}
