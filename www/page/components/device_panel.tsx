import { count } from "../common/format.ts";
import { clientState } from "../state/client.ts";
import { addressWithDevice } from "../state/route.ts";
import { words } from "../common/strings.ts";
import type { DeviceInfo } from "../../../pkg/api.js";

const kindName = (kind: DeviceInfo["kind"]) => words.device[kind];
const told = (text: string) => text || words.device.unknown;

function BadgeText() {
  const state = clientState.value;
  if (state.phase !== "ready") return <>{state.phase === "starting" ? words.device.starting : words.device.failed}</>;
  const { kind, vendor, architecture } = state.client.device;
  const adapter = kind === "webgpu" ? [vendor, architecture].filter(Boolean).join(" ") : "";
  return (
    <>
      {kindName(kind)}
      {adapter && <span class="badge-adapter"> · {adapter}</span>}
    </>
  );
}

/** The badge names the device; the panel says why it was chosen. */
export function DevicePanel() {
  const state = clientState.value;
  return (
    <>
      <button
        type="button"
        class="badge"
        popovertarget="device-panel"
        data-testid="device-badge"
        data-device={state.phase === "ready" ? state.client.device.kind : state.phase}
      >
        <span class={`light ${state.phase}`} aria-hidden="true" />
        <span class="badge-text">
          <BadgeText />
        </span>
      </button>
      <div
        id="device-panel"
        popover="auto"
        class="panel"
        data-testid="device-panel"
        aria-label={words.device.panel}
        role="dialog"
      >
        <h2>{words.device.panel}</h2>
        {state.phase === "ready" && <Facts device={state.client.device} />}
        {state.phase === "failed" && <p>{state.message}</p>}
        {state.phase === "starting" && <p>{words.boot.starting}</p>}
      </div>
    </>
  );
}

function Facts({ device }: { device: DeviceInfo }) {
  const other = device.kind === "webgpu" ? "cpu" : "webgpu";
  const facts: [string, string, string][] = [
    [words.device.kind, kindName(device.kind), "kind"],
    [words.device.reason, device.reason, "reason"],
    [words.device.adapter, told(device.description), "adapter"],
    [words.device.vendor, told(device.vendor), "vendor"],
    [words.device.architecture, told(device.architecture), "architecture"],
    [words.device.software, device.isSoftware ? words.device.yes : words.device.no, "software"],
    [words.device.selfTest, words.device.selfTestPassed(device.selfTestError.toExponential(1)), "self-test"],
  ];
  return (
    <>
      <dl class="facts">
        {facts.map(([name, value, id]) => (
          <div key={id}>
            <dt>{name}</dt>
            <dd data-testid={`device-${id}`}>{value}</dd>
          </div>
        ))}
        <div>
          <dt>{words.device.features}</dt>
          <dd>
            {device.features.length === 0 ? (
              words.device.none
            ) : (
              <details>
                <summary>{count(device.features.length)}</summary>
                <p class="hint" data-testid="device-features">
                  {device.features.join(", ")}
                </p>
              </details>
            )}
          </dd>
        </div>
      </dl>
      <a class="button" href={addressWithDevice(other)} data-testid="switch-device">
        {words.device.switchTo(kindName(other))}
      </a>
      <p class="hint">{words.device.switchNote}</p>
    </>
  );
}
