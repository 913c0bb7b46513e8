import { count } from "../common/format.ts";
import { labState } from "../state/lab.ts";
import { addressWithDevice } from "../state/route.ts";
import { t } from "../common/strings.ts";
import type { DeviceInfo } from "../../../pkg/api.js";

const kindName = (kind: DeviceInfo["kind"]) => t.device[kind];
const told = (text: string) => text || t.device.unknown;

function BadgeText() {
  const state = labState.value;
  if (state.phase !== "ready") return <>{state.phase === "starting" ? t.device.starting : t.device.failed}</>;
  const { kind, vendor, architecture } = state.client.device;
  const adapter = kind === "webgpu" ? [vendor, architecture].filter(Boolean).join(" ") : "";
  return (
    <>
      {kindName(kind)}
      {adapter && <span class="badge-adapter"> · {adapter}</span>}
    </>
  );
}

/** The badge says what computes; the panel says why. */
export function DevicePanel() {
  const state = labState.value;
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
        aria-label={t.device.panel}
        role="dialog"
      >
        <h2>{t.device.panel}</h2>
        {state.phase === "ready" && <Facts device={state.client.device} />}
        {state.phase === "failed" && <p>{state.message}</p>}
        {state.phase === "starting" && <p>{t.boot.starting}</p>}
      </div>
    </>
  );
}

function Facts({ device }: { device: DeviceInfo }) {
  const other = device.kind === "webgpu" ? "cpu" : "webgpu";
  const facts: [string, string, string][] = [
    [t.device.kind, kindName(device.kind), "kind"],
    [t.device.reason, device.reason, "reason"],
    [t.device.adapter, told(device.description), "adapter"],
    [t.device.vendor, told(device.vendor), "vendor"],
    [t.device.architecture, told(device.architecture), "architecture"],
    [t.device.software, device.isSoftware ? t.device.yes : t.device.no, "software"],
    [t.device.selfTest, t.device.selfTestPassed(device.selfTestError.toExponential(1)), "self-test"],
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
          <dt>{t.device.features}</dt>
          <dd>
            {device.features.length === 0 ? (
              t.device.none
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
        {t.device.switchTo(kindName(other))}
      </a>
      <p class="hint">{t.device.switchNote}</p>
    </>
  );
}
