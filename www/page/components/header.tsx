import { hrefOf, view, VIEWS } from "../state/route.ts";
import { words } from "../common/strings.ts";
import { DevicePanel } from "./device_panel.tsx";
import { NetworksPanel } from "./networks_panel.tsx";

export function Header() {
  return (
    <header class="header">
      <a class="brand" href={hrefOf("compare")}>
        <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
          <circle class="mark-teacher" cx="12" cy="16" r="10" />
          <circle class="mark-student" cx="20" cy="16" r="10" />
          <path class="mark-both" d="M16 6.84a10 10 0 0 1 0 18.32a10 10 0 0 1 0-18.32z" />
        </svg>
        <span>{words.title}</span>
      </a>
      <nav aria-label={words.viewsLabel}>
        {VIEWS.map((name) => (
          <a
            key={name}
            href={hrefOf(name)}
            aria-current={view.value === name ? "page" : undefined}
            data-testid={`nav-${name}`}
          >
            {words.views[name]}
          </a>
        ))}
      </nav>
      <div class="header-tools">
        <NetworksPanel />
        <DevicePanel />
      </div>
    </header>
  );
}
