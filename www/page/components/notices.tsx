import { dismiss, notices } from "../state/notices.ts";
import { words } from "../common/strings.ts";

/** Both regions always exist, so that screen readers announce what is added to them. */
export function Notices() {
  return (
    <section class="notices" aria-label={words.notices}>
      <div role="alert" data-testid="alerts">
        {list("error")}
      </div>
      <div role="status" data-testid="statuses">
        {list("info")}
      </div>
    </section>
  );
}

const list = (kind: "error" | "info") =>
  notices.value
    .filter((notice) => notice.kind === kind)
    .map((notice) => (
      <div key={notice.id} class={`notice ${kind}`} data-testid={`notice-${kind}`}>
        <div>
          <p>{notice.text}</p>
          {notice.details.length > 0 && (
            <ul>
              {notice.details.map((detail) => (
                <li key={detail}>{detail}</li>
              ))}
            </ul>
          )}
        </div>
        <button type="button" class="quiet" onClick={() => dismiss(notice.id)}>
          {words.dismiss}
        </button>
      </div>
    ));
