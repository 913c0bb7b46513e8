/** Texts about the whole test set, loaded with the views that show it. */
import type { Cell, Interval, McNemar, NoControl, SortKey } from "../../../pkg/analysis_api.js";
import { brief, count, images, nats, plural } from "../common/format.ts";
import type { ManifestRecipe } from "../state/manifest.ts";

const points = (difference: number): string => `${Math.abs(100 * difference).toFixed(1)} points`;
const signed = (difference: number): string => (100 * difference).toFixed(1).replace("-", "−");
const inOrder = (names: readonly string[]): string => names.join(", ");
const pText = (p: number): string => (p < 0.001 ? "less than 0.001" : p.toFixed(3));

export const testSetWords = {
  restarted: "The statistics were restarted and the work continued.",
  link: { ignored: "Some parts of this link were not recognised:" },
  heading: (n: number) => `The whole test set: ${images(n)}`,
  opening: "Opening the test set",
  waiting: "Computing",
  failed: "The test set could not be opened.",
  none: "None of the networks comes with stored logits, so there is nothing to show for the whole test set. Below, images are measured on this device.",
  answersFailed: (n: string) =>
    `The stored logits of ${n} ${n === "1" ? "network" : "networks"} could not be loaded. The others are in use.`,
  loading: (name: string, done: string, total: string, nLeft: number) =>
    `Loading the logits of ${name}: ${done} of ${total}${nLeft > 0 ? `, then ${count(nLeft)} more` : ""}`,

  sectionsLabel: "Sections of the test-set analysis",
  sections: {
    overview: "Overview",
    worth: "What a number is worth",
    images: "Images",
    confusion: "Confusion",
    calibration: "Calibration",
    inside: "Inside",
  },
  pair: (teachers: readonly string[], student: string) => `Ensemble of ${inOrder(teachers)}; student: ${student}`,
  members: "Ensemble of",
  size: (m: number, n: number) => `${count(m)} of ${count(n)} members`,
  level: "Classes",
  levels: { fine: "100 fine", coarse: "20 coarse" },
  temperature: "Temperature",
  temperatureReset: "Back to 1",

  caption: {
    networks: (teachers: readonly string[], student: string) => `Ensemble of ${inOrder(teachers)}; student ${student}`,
    how: (n: number, classes: number, temperature: number, version: string) =>
      `CIFAR-100 test set, n = ${count(n)}, ${classes} classes, temperature ${brief(temperature)}. Fidelity Lab ${version}`,
  },

  cells: {
    title: (share: string) => `Student and ensemble agree on ${share} of the images`,
    hint: "Every image is in one of five cells, by who is right and whether both make the same mistake. Click a cell to see its images.",
    agree: (n: string) => `Agree: ${n}`,
    differ: (n: string) => `Differ: ${n}`,
    names: (student: string): Record<Cell, string> => ({
      bothRight: "both right",
      bothWrongSame: "both wrong, same class",
      onlyTeacher: "only the ensemble right",
      onlyStudent: `only ${student} right`,
      bothWrongOther: "both wrong, different classes",
    }),
  },
  sizes: "By ensemble size",
  sizesHint: (teachers: readonly string[]) =>
    `Teachers are added in this order: ${inOrder(teachers)}. The student stays the same; the ensemble it is compared with grows.`,
  sizeAxis: "members",
  oneSize: "Select at least two teachers to compare ensemble sizes.",

  verify: {
    title: "Where these figures come from",
    precomputed: "precomputed",
    verified: "verified here",
    text: "They were computed here, just now, from stored logits, which ship with each network and cover every test image. The logits were computed when the networks were trained. This device verifies them by computing some of them again, including those of the images measured below.",
    result: (n: number, difference: string, nChanged: number, nNetworks: number, device: string) =>
      `Computed again on this device (${device}) for the first ${images(n)} and ${count(nNetworks)} networks: the largest difference of a logit is ${difference}, and ${nChanged === 0 ? "no top class changed" : `the top class changed in ${plural(nChanged, "case", "cases")}`}. Stored logits have 11 significant bits.`,
    recipe: ({ trainer, epochs, temperature, policy, lambda }: ManifestRecipe) =>
      [
        `trained by ${trainer}`,
        epochs !== undefined && `${count(epochs)} epochs`,
        temperature !== undefined && `distilled at temperature ${brief(temperature)}`,
        policy !== undefined && `policy ${policy}`,
        lambda !== undefined && `λ ${brief(lambda)}`,
      ]
        .filter(Boolean)
        .join(", "),
    yours: "from your manifest",
    noRecipe: "no recipe is listed",
    howMany: "Images to recompute",
    button: "Verify here",
    failed: "The logits could not be recomputed.",
    notLoaded: (names: readonly string[]) =>
      `These networks cannot be verified, because their weights are not loaded: ${inOrder(names)}. You can load them under Networks.`,
    useFamily: (family: string) => `Use ${family} on this device`,
    more: "The samples are the first images of the test set; to verify more, open its pictures.",
  },

  guess: {
    question: "Guess the agreement before you see it",
    known: (ensemble: string, student: string) =>
      `On the test set the ensemble is right on ${ensemble} of the images, the student on ${student}. On how many do both give the same class, right or wrong?`,
    label: "Your guess",
    reveal: "Show the answer",
    result: (guess: string, agreement: string) => `You guessed ${guess}; it is ${agreement}.`,
    yours: "your guess",
    again: "Guess again",
  },

  worth: {
    title: "Agreement and what to compare it with",
    hint: "Agreement alone tells little: two networks that are often right agree often, even if neither learned from the other.",
    student: (name: string) => name,
    control: (name: string) => `control: ${name}`,
    agreementText: (share: string) => `Student and ensemble rank the same class first on ${share} of the test images.`,
    controlTitle: "control",
    controlText: (name: string, share: string, lead: number) =>
      `${name}, trained by different teachers, agrees with this ensemble on ${share}. The student is ${points(lead)} ${lead >= 0 ? "above" : "below"} it: ${lead > 0 ? "that lead comes from its own teachers" : "its own teachers gave it no lead"}.`,
    noControl: {
      none_fits:
        "No network here can serve as a control: a control is a student of the same family that shares no teacher with the chosen ensemble. The next best comparison is teacher with teacher, below.",
      shares_teachers: "This network shares teachers with the ensemble, so it cannot serve as a control.",
      teachers_unknown: "This network’s teachers are unknown, so it cannot serve as a control.",
      other_family: "This network belongs to another family, so it cannot serve as a control.",
      is_the_student: "This network is the student itself, so it cannot serve as a control.",
      is_no_student: "This network is not a student, so it cannot serve as a control.",
    } satisfies Record<NoControl, string>,
    chooseControl: "Control",
    pairs: "teacher with teacher",
    pairsText: (n: number, mean: string, low: string, high: string) =>
      n === 1
        ? `The two teachers, trained alike but separately, agree on ${mean}.`
        : `Two of the teachers, trained alike but separately, agree on ${mean} (mean of ${count(n)} pairs; ${low} to ${high}). A student that learned only the task, as well as they did, would be there.`,
    noPairs: "Select at least two teachers to compare teacher with teacher.",
    ceiling: "ceiling",
    ceilingText: (share: string, n: number, m: number) =>
      `Two ensembles of ${count(m)} that share no member agree on ${share}${n > 1 ? ` (mean over ${count(n)} others)` : ""}: the most that a model as good as the ensemble reaches without having learned from it.`,
    noCeiling: "Unknown: this needs as many other teachers of this family as the ensemble has members.",
    chance: "chance",
    chanceText: (share: string) =>
      `Two networks that make the same kinds of mistakes as these, but independently, would agree on ${share}.`,
    chanceDefinition:
      "Definition: for each true class, the probability that both draw the same class when each draws from its own row of the confusion matrix; averaged over the images.",
    copied: "Copied errors",
    copiedShare: "share of the ensemble’s errors",
    copiedHint: "Of the images that the ensemble gets wrong, how many does the student get wrong with the same class?",
    copiedText: (nWrong: string, nCopied: string, share: string, chance: string) =>
      `The ensemble is wrong on ${nWrong} images; on ${nCopied} of them (${share}) the student gives the same wrong class. Independent mistakes would coincide on ${chance}.`,
    neverWrong: "The ensemble is never wrong here, so there is no error to copy.",
    certainty: "How certain are the figures?",
    certaintyHint: (n: string, seed: string) =>
      `The test set is one sample of images. Each interval holds a figure in 95% of ${n} samples drawn from it with replacement (bootstrap, seed ${seed}).`,
    resampling: "Computing the intervals",
    points: (difference: number) => `${signed(difference)} pt`,
    figure: "Figure",
    estimate: "Value",
    interval: "95% interval",
    range: (low: string, high: string) => `${low} to ${high}`,
    minus: (first: string, second: string) => `${first} minus ${second}`,
    difference: (first: string, second: string, figure: string, { estimate, lower, upper }: Interval) =>
      `${figure}: ${first} minus ${second} is ${signed(estimate)} points (${signed(lower)} to ${signed(upper)}, paired). ${lower > 0 || upper < 0 ? "0 is outside: other images would hardly reverse the order." : "0 is inside: other images might reverse the order."}`,
    other: "Second student, for differences",
    nobody: "none",
    noOther: "There is no second student to compare with.",
    tests: "Is one more accurate than the other?",
    testsHint:
      "McNemar’s test looks only at images that exactly one of the two gets right: if both were equally good, each of these would be a coin toss.",
    versus: (first: string, second: string) => `${first} and ${second}`,
    right: (name: string) => `${name} right`,
    wrong: (name: string) => `${name} wrong`,
    testText: (first: string, second: string, { onlyFirst, onlySecond, method, statistic, pValue }: McNemar) =>
      `On ${images(onlyFirst + onlySecond)} one alone is right: ${first} on ${count(onlyFirst)}, ${second} on ${count(onlySecond)}. Coin tosses would be at least as uneven with probability ${pText(pValue)} (${method === "exact" ? "exact binomial test" : `χ² = ${nats(statistic ?? 0)} with continuity correction`}). ${pValue < 0.05 ? `So ${onlyFirst > onlySecond ? first : second} is more accurate, and not by chance.` : "So these images cannot tell which is more accurate."}`,
  },

  images: {
    title: "Images",
    count: (n: number, total: number) => (n === total ? `All ${images(n)}` : `${count(n)} of ${images(total)}`),
    none: "No images match these filters.",
    howToAdd:
      "To see the pictures, open CIFAR-100’s binary archive (cifar-100-binary.tar.gz) or its test.bin below, or drop it anywhere. It stays on this device.",
    failed: "The test images could not be shown.",
    otherOrder: (title: string) =>
      `${title}: these are not CIFAR-100’s test images in their original order, which the stored logits follow. Open the test.bin of the original archive.`,
    load: "Show the pictures",
    sort: "Sorted by",
    sorts: {
      index: "number in the test set",
      kl: "KL",
      teacherConfidence: "ensemble’s confidence",
      studentConfidence: "student’s confidence",
      teacherMargin: "ensemble’s margin",
      studentMargin: "student’s margin",
    } satisfies Record<SortKey, string>,
    order: "Order",
    orders: { down: "largest first", up: "smallest first" },
    cell: "Who is right",
    agree: "Predictions",
    agrees: { all: "all", yes: "agree", no: "differ" },
    trueClass: "True class",
    teacherClass: "Ensemble says",
    studentClass: "Student says",
    anyClass: "any",
    bin: (who: string, index: number, nBins: number) =>
      `bin ${count(index + 1)} of ${count(nBins)} of ${who}’s confidence`,
    clear: "Show all images",
    clearBin: "Any confidence",
    grid: "Test images; arrow keys move, Enter opens",
    number: "No.",
    truth: "True",
    ensemble: "Ensemble",
    student: "Student",
    kl: "KL",
    neighbours: {
      label: "List of test images",
      previous: "← Previous",
      next: "Next →",
      place: (place: number, n: number) => `${count(place + 1)} of ${count(n)} in the list`,
      back: "Back to the list",
    },
    open: (index: number) => `Test image ${count(index)}`,
    saveCsv: "Save these as CSV",
    savePredictions: "Save all predictions as CSV",
    pictures: (n: number) => `Test images of the list: ${images(n)}`,
    answers: (index: number) => `Predictions for test image ${count(index)}`,
    close: "Close",
    compareHint: "Press Enter or click to open an image in Compare, with its neighbours.",
    answersHint: "Press Enter or click to see all predictions for an image.",
  },

  confusion: {
    title: {
      "teacher-student": "Ensemble against student",
      "truth-student": "True class against student",
      "truth-teacher": "True class against ensemble",
    },
    hint: {
      "teacher-student":
        "On the diagonal both give the same class. Off it they differ; darker fields hold more images.",
      "truth-student": "On the diagonal the student is right.",
      "truth-teacher": "On the diagonal the ensemble is right.",
    },
    which: "Rows and columns",
    rows: { teacher: "ensemble says", student: "student says", truth: "true class" },
    zoom: "Zoom",
    zoomIn: "Zoom in",
    zoomOut: "Zoom out",
    whole: "Whole matrix",
    canvas: "Confusion matrix; arrow keys move over its fields, Enter shows a field’s images",
    field: (row: string, column: string, n: number, rowsAre: string, columnsAre: string) =>
      `${rowsAre} ${row}, ${columnsAre} ${column}: ${images(n)}`,
    point: "Point at a field, or move over the matrix with the arrow keys.",
    largest: "Most frequent differences",
    show: "Images",
    diagonal: (share: string) => `${share} on the diagonal`,
  },

  calibration: {
    title: "Reliability",
    hint: "On the diagonal, a network is right as often as it is confident; below it, it is overconfident. Click a bin to see its images.",
    nBins: "Bins",
    binning: "Bins of",
    binnings: { equal_width: "equal width", equal_mass: "equal count" },
    lanes: (n: string) => `Images per bin, up to ${n}`,
    ece: (name: string, value: string) => `${name}: ECE ${value}`,
    binLabel: (who: string, lower: string, upper: string, n: number, accuracy: string, confidence: string) =>
      `${who}, confidence ${lower} to ${upper}: ${images(n)}, ${accuracy} right at mean confidence ${confidence}`,
    fits: "Temperature scaling",
    fitsHint: (nFitted: string, nReported: string, seed: string) =>
      `One number softens or sharpens all probabilities of a network without changing which class comes first. It is fitted by NLL on ${nFitted} images and evaluated on the other ${nReported} (split by seed ${seed}).`,
    fitted: "Fitted temperature",
    before: "before",
    after: "after",
    curves: "By temperature",
    curvesHint:
      "NLL and ECE of student and ensemble; KL from the unchanged ensemble to the student at that temperature. The vertical line marks the slider’s temperature.",
    temperatureAxis: "temperature",
    slider: "Temperature of the student or ensemble",
    atTemperature: (temperature: string, name: string, nll: string, ece: string, kl: string | null) =>
      `At ${temperature}, ${name}: NLL ${nll}, ECE ${ece}${kl === null ? "" : `, KL ${kl}`}`,
    plane: "Fidelity against calibration",
    planeHint:
      "Each point is a student. The paper found that among students of ensembles, the more faithful ones are better calibrated: points would fall from the upper left to the lower right.",
    planeFew: "So few students do not show that yet.",
    agreementAxis: "agreement with the ensemble",
    klAxis: "KL, nats",
    x: "Measure of fidelity",
    ownTeachers: (family: string, teachers: string) =>
      `${family}, compared with its own teachers ${teachers}, as listed`,
    chosenTeachers: (family: string) => `${family}, compared with the chosen ensemble`,
    inPlane: (agreement: string, kl: string, ece: string, how: string) =>
      `agreement ${agreement}, KL ${kl}, ECE ${ece}; ${how}`,
  },

  home: {
    title: "Take it home",
    link: "Link to this view",
    copy: "Copy",
    copied: "Copied",
    lesson: "Link for a lesson",
    lessonText: "Whoever opens it sees what you see now, without the parts ticked here, and has to guess first.",
    lessonLink: "The lesson’s link",
    hide: {
      builder: "without the choice of networks",
      lens: "without classes and temperature",
      sections: "without the other parts",
      live: "without the measurement on the device",
      exports: "without saving",
    },
  },
  file: {
    save: "Save the report (JSON)",
    open: "Open a saved report",
    notSaved: "The report could not be saved.",
    notOpened: (name: string) => `${name} was not opened; nothing changed.`,
    noReport: "It is not a report of this page: “kind” must be “fidelity-lab report”.",
    noPart: (part: string) => `Its “${part}” is missing or does not have the expected form.`,
    opened: (name: string) => `${name} was opened; networks and view now match the report.`,
    heading: (name: string, savedAt: string, version: string) =>
      `${name}, saved ${savedAt.slice(0, 16).replace("T", " ")} UTC by version ${version}`,
    saved: "In the report",
    now: "Computed now",
    equal: "Computed now, the figures are the same.",
    differs: "Computed now, figures differ.",
    elsewhere: "You have chosen other networks or settings since, so there is nothing to compare the report with.",
    missing: (names: readonly string[]) =>
      `These networks are not available, so the report’s figures cannot be compared: ${inOrder(names)}.`,
    changed: (names: readonly string[]) =>
      `The stored logits of these networks have changed since the report was saved: ${inOrder(names)}.`,
    close: "Close the report",
  },
} as const;
