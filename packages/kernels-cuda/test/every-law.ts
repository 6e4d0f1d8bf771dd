/** True in `npm run test:laws`; else laws on the emulated device are sampled, which is slow. */
export const everyLaw = (import.meta as { env?: { MODE?: string } }).env?.MODE === "laws";
