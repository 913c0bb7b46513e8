import { useEffect, useRef } from "preact/hooks";
import { ScrollingTable } from "../../components/scrolling_table.tsx";
import { probability } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { nameOf } from "../../test_set/classes.ts";
import { imageAnswers, openImage } from "../../test_set/questions.ts";
import { labels } from "../../test_set/stored_logits.ts";

/** Shows the predictions of every network for an image, also without its picture. */
export function ImageAnswersCard() {
  const heading = useRef<HTMLHeadingElement>(null);
  const { answer } = useAsked(imageAnswers);
  const index = openImage.value;
  useEffect(() => {
    if (index !== null) heading.current?.focus();
  }, [index]);
  if (index === null) return null;
  const isThere = answer !== null && answer.question.index === index;
  const level = answer?.question.level ?? "fine";
  const truth = level === "fine" ? labels.value!.fine[index]! : labels.value!.coarse[index]!;
  const title = testSetWords.images.answers(index);
  return (
    <section class="card image-answers" aria-labelledby="image-answers-heading" data-testid="image-answers">
      <div class="row spread">
        <h3 id="image-answers-heading" ref={heading} tabIndex={-1}>
          {title}
        </h3>
        <button
          type="button"
          class="quiet"
          onClick={() => {
            openImage.value = null;
          }}
        >
          {testSetWords.images.close}
        </button>
      </div>
      <p>
        {words.compare.truth}: <strong>{nameOf(truth, level)}</strong>
      </p>
      {isThere && (
        <ScrollingTable label={title}>
          <table class="results">
            <thead>
              <tr>
                <th scope="col">{words.compare.classColumn}</th>
                <th scope="col">{words.ensemble}</th>
                {Object.keys(answer.value.models).map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {answer.value.classes.map((index, i) => (
                <tr key={index}>
                  <th scope="row">
                    {nameOf(index, level)}
                    {index === truth && <span class="true-mark">{words.compare.trueMark}</span>}
                  </th>
                  <td>{probability(answer.value.ensemble[i]!)}</td>
                  {Object.entries(answer.value.models).map(([name, values]) => (
                    <td key={name}>{probability(values[i]!)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollingTable>
      )}
    </section>
  );
}
