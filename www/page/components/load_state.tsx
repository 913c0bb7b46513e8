import { megabytes } from "../common/format.ts";
import { reading } from "../state/data_sets.ts";
import { clientState } from "../state/client.ts";
import { loadProgress } from "../state/networks.ts";
import { addressWithDevice, deviceFromAddress } from "../state/route.ts";
import { words } from "../common/strings.ts";

/** Shows a line under the header while something is loading, or a card if the engine did not start. */
export function LoadState() {
  const state = clientState.value;
  if (state.phase === "failed") {
    return (
      <div class="notice error" role="alert" data-testid="boot-failed">
        <div>
          <p>
            <strong>{words.boot.failed}</strong>
          </p>
          <p>{state.message}</p>
        </div>
        <div class="row">
          {deviceFromAddress() !== "cpu" && (
            <a class="button" href={addressWithDevice("cpu")}>
              {words.boot.tryCpu}
            </a>
          )}
          <button type="button" onClick={() => location.reload()}>
            {words.boot.reload}
          </button>
        </div>
      </div>
    );
  }
  return (
    <div class="load-state" data-testid="load-state" aria-live="off">
      {state.phase === "starting" ? <Line text={`${words.boot.starting} …`} /> : networksLine()}
      {reading.value && (
        <Line
          text={`${words.sets.reading(reading.value.name)}: ${megabytes(reading.value.nBytesDone)} / ${megabytes(reading.value.nBytesTotal)}`}
          done={reading.value.nBytesDone}
          total={reading.value.nBytesTotal}
        />
      )}
    </div>
  );
}

function networksLine() {
  const progress = loadProgress.value;
  if (!progress) return null;
  const { nBytesDone, nBytesTotal } = progress;
  const text =
    nBytesDone < nBytesTotal
      ? words.networks.loading(megabytes(nBytesDone), megabytes(nBytesTotal))
      : words.networks.checking;
  return <Line text={text} done={nBytesDone} total={nBytesTotal} />;
}

function Line({ text, done, total }: { text: string; done?: number; total?: number }) {
  return (
    <label class="line">
      <span>{text}</span>
      {done === undefined ? <progress /> : <progress value={done} max={total ?? 1} />}
    </label>
  );
}
