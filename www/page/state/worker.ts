/** LabClient makes its own Worker. `worker_with_hooks.ts` takes this file's place in mode "test". */
export const createWorker: (() => Worker) | undefined = undefined;
