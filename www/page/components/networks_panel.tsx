import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { count, megabytes } from "../common/format.ts";
import { downloadNetwork, isActive } from "../state/distillation.ts";
import { networksToPlace, takeIn } from "../state/intake.ts";
import {
  activeFamily,
  addShipped,
  available,
  isInUse,
  loadOwnNetwork,
  loadProgress,
  networks,
  removeNetwork,
  sets,
  use,
  useFamily,
  type Network,
} from "../state/networks.ts";
import { words } from "../common/strings.ts";
import type { Role } from "../../../pkg/api.js";
import { FileButton } from "./file_button.tsx";
import { Segmented } from "./segmented.tsx";

/** Which networks are in use; own ones come in and go out here. */
export function NetworksPanel() {
  const panel = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    if (networksToPlace.value.length > 0) panel.current?.showPopover();
  });
  return (
    <>
      <button type="button" class="badge" popovertarget="networks-panel" data-testid="networks-button">
        {words.networks.button}
      </button>
      <div
        id="networks-panel"
        ref={panel}
        popover="auto"
        class="panel wide"
        data-testid="networks-panel"
        aria-label={words.networks.panel}
        role="dialog"
      >
        <h2>{words.networks.panel}</h2>
        {networksToPlace.value.map((file) => (
          <Place key={file.name} file={file} />
        ))}
        {sets.value.length > 1 && <FamilySwitch testId="panel-family-switch" />}
        <p class="hint">{isActive.value ? words.networks.busy : words.networks.intro}</p>
        <ul class="network-list">
          {networks.value.map((network) => (
            <Entry key={network.info.name} network={network} />
          ))}
        </ul>
        {available.value.length > 0 && (
          <>
            <p class="hint">{words.networks.more}</p>
            <div class="row" data-testid="available-networks">
              {available.value.map((entry) => (
                <button
                  key={entry.name}
                  type="button"
                  class={entry.role}
                  disabled={loadProgress.value !== null || isActive.value}
                  onClick={() => void addShipped(entry)}
                  data-testid={`load-${entry.name}`}
                >
                  {words.networks.load(entry.name, megabytes(entry.bytes))}
                </button>
              ))}
            </div>
          </>
        )}
        <FileButton
          text={words.networks.add}
          accept=".safetensors,.json,.f16"
          testId="network-input"
          onFiles={takeIn}
        />
        <p class="hint">{words.networks.addHint}</p>
      </div>
    </>
  );
}

export function FamilySwitch({ testId }: { testId: string }) {
  return (
    <Segmented
      label={words.networks.family}
      testId={testId}
      value={activeFamily.value ?? ""}
      options={sets.value.map((set) => ({ value: set.family, text: set.family }))}
      isDisabled={loadProgress.value !== null || isActive.value}
      onChange={(family) => void useFamily(family)}
    />
  );
}

function Place({ file }: { file: File }) {
  const place = (role: Role | null) => {
    networksToPlace.value = networksToPlace.value.filter((other) => other !== file);
    if (role) void loadOwnNetwork(file, role);
  };
  return (
    <div class="place" data-testid="place-network">
      <p>{words.networks.addAs(file.name)}</p>
      <button type="button" class="teacher" onClick={() => place("teacher")} data-testid="place-teacher">
        {words.networks.addTeacher}
      </button>
      <button type="button" class="student" onClick={() => place("student")} data-testid="place-student">
        {words.networks.addStudent}
      </button>
      <button type="button" class="quiet" onClick={() => place(null)}>
        {words.networks.skip}
      </button>
    </div>
  );
}

function Entry({ network: { info, origin } }: { network: Network }) {
  return (
    <li data-testid={`network-${info.name}`}>
      <label class="check">
        <input
          type="checkbox"
          checked={isInUse(info.name)}
          disabled={isActive.value}
          aria-label={words.networks.useLabel(info.name)}
          onChange={(event) => {
            use(info.name, event.currentTarget.checked);
            event.currentTarget.checked = isInUse(info.name);
          }}
        />
        <span class={`chip ${info.role}`}>{words[info.role]}</span>
        <span>
          <strong>{info.name}</strong>
          <br />
          <small>
            {info.family} · {words.networks.nParameters(count(info.nParameters))} · {words.networks.origin[origin]}
          </small>
        </span>
      </label>
      <button
        type="button"
        class="quiet"
        aria-label={words.networks.download(info.name)}
        onClick={() => void downloadNetwork(info.name)}
      >
        ↓
      </button>
      {origin !== "shipped" && (
        <button
          type="button"
          class="quiet"
          disabled={isActive.value}
          aria-label={words.networks.removeLabel(info.name)}
          onClick={() => void removeNetwork(info.name)}
        >
          ×
        </button>
      )}
      {info.notices.length > 0 && (
        <ul class="hint">
          {info.notices.map((notice) => (
            <li key={notice}>{notice}</li>
          ))}
        </ul>
      )}
    </li>
  );
}
