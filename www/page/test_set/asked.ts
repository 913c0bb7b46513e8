/** A question to the statistics that is asked again whenever its inputs change; the newest question wins. */
import { effect, signal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { AnalysisClient } from "../../../pkg/analysis_client.js";
import { messageOf } from "../state/notices.ts";
import { analysis, revision } from "./stored_logits.ts";

/** An answer with its question, so that an old answer is never shown under a new name. */
export interface Answer<Q, T> {
  question: Q;
  value: T;
}

export class Asked<Q extends object, T> {
  /** The last answer, which stays until the next one arrives. */
  readonly answer: Signal<Answer<Q, T> | null> = signal(null);
  readonly isBusy = signal(false);
  readonly error = signal<string | null>(null);
  #question: () => Q | null;
  #ask: (analysis: AnalysisClient, question: Q, signal: AbortSignal) => Promise<T>;
  /** The key of the question that was asked last. */
  #key = "";
  #abort: AbortController | null = null;
  #nWatchers = 0;
  #stop: (() => void) | null = null;

  /** `question` reads signals and returns null while there is nothing to ask. Its result must survive JSON. */
  constructor(
    question: () => Q | null,
    ask: (analysis: AnalysisClient, question: Q, signal: AbortSignal) => Promise<T>,
  ) {
    this.#question = question;
    this.#ask = ask;
  }

  /** Asks from now on, until the returned function is called. */
  watch = (): (() => void) => {
    if (this.#nWatchers++ === 0) {
      this.#stop = effect(() => {
        const [client, question, epoch] = [analysis.value, this.#question(), revision.value];
        if (client && question) void this.#put(client, question, `${epoch} ${JSON.stringify(question)}`);
      });
    }
    return () => {
      if (--this.#nWatchers > 0) return;
      this.#stop?.();
      this.#abort?.abort();
      if (this.isBusy.peek()) this.#key = "";
      this.isBusy.value = false;
    };
  };

  async #put(client: AnalysisClient, question: Q, key: string): Promise<void> {
    if (key === this.#key) return;
    this.#key = key;
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    this.isBusy.value = true;
    try {
      const value = await this.#ask(client, question, signal);
      if (signal.aborted) return;
      this.answer.value = { question, value };
      this.error.value = null;
    } catch (error) {
      if (signal.aborted) return;
      this.#key = "";
      this.error.value = messageOf(error);
    }
    this.isBusy.value = false;
  }
}

/** Asks while the component is shown, and returns the state of the question. */
export function useAsked<Q extends object, T>(
  asked: Asked<Q, T>,
): { answer: Answer<Q, T> | null; isBusy: boolean; error: string | null } {
  useEffect(asked.watch, [asked]);
  return { answer: asked.answer.value, isBusy: asked.isBusy.value, error: asked.error.value };
}
