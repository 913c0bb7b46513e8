/** The one LabClient of the page. */
import { computed, signal } from "@preact/signals";
import { LabClient } from "../../../pkg/client.js";
import { createWorker } from "#worker";
import { words } from "../common/strings.ts";
import { messageOf, notifyInfo } from "./notices.ts";
import { deviceFromAddress } from "./route.ts";

export type ClientState =
  | { phase: "starting" }
  | { phase: "ready"; client: LabClient }
  | { phase: "failed"; message: string };

export const clientState = signal<ClientState>({ phase: "starting" });
export const client = computed(() => (clientState.value.phase === "ready" ? clientState.value.client : null));

export async function startClient(): Promise<LabClient | null> {
  try {
    const started = await LabClient.create({
      device: deviceFromAddress(),
      onRestart: (why) => notifyInfo(words.device.restarted, [why]),
      ...(createWorker ? { createWorker } : {}),
    });
    clientState.value = { phase: "ready", client: started };
    return started;
  } catch (error) {
    clientState.value = { phase: "failed", message: messageOf(error) };
    return null;
  }
}
