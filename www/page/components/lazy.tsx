import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../state/notices.ts";
import { words } from "../common/strings.ts";

interface Props<P> {
  load: () => Promise<ComponentType<P>>;
  props: P;
}

/** A part of the page whose code is fetched when it is first shown. */
export function Lazy<P extends object>({ load, props }: Props<P>) {
  const [Part, setPart] = useState<ComponentType<P> | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const fetchPart = () => {
    setFailure(null);
    load().then(
      (part) => setPart(() => part),
      (error: unknown) => setFailure(messageOf(error)),
    );
  };
  useEffect(fetchPart, []);
  if (Part) return <Part {...props} />;
  if (failure === null)
    return (
      <p class="empty" data-testid="part-loading">
        {words.part.loading} …
      </p>
    );
  return (
    <div class="notice error" role="alert" data-testid="part-failed">
      <div>
        <p>{words.part.failed}</p>
        <p>{failure}</p>
      </div>
      <button type="button" onClick={fetchPart}>
        {words.compare.retry}
      </button>
    </div>
  );
}
