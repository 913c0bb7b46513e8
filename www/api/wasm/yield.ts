/** Lets waiting events run. Awaiting a resolved promise would not: microtasks run before any event. */
export function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close(); // An open port would keep Node alive.
      resolve();
    };
    port2.postMessage(null);
  });
}
