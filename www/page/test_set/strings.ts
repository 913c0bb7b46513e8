/** Words of the lab's views, loaded with them. */
import type { Cell, Interval, McNemar, NoControl, SortKey } from "../../../pkg/analysis_api.js";
import { brief, count, images, nats, plural } from "../common/format.ts";
import type { ManifestRecipe } from "../state/manifest.ts";

const points = (difference: number): string => `${Math.abs(100 * difference).toFixed(1)} points`;
const signed = (difference: number): string => (100 * difference).toFixed(1).replace("-", "−");
const inOrder = (names: readonly string[]): string => names.join(", ");
const pText = (p: number): string => (p < 0.001 ? "less than 0.001" : p.toFixed(3));

export const testSetWords = {
  restarted: "The statistics were started anew and go on.",
  link: { ignored: "Parts of this link make no sense here and were ignored:" },
  heading: (n: number) => `The whole test set: ${images(n)}`,
  opening: "Opening the answers to the test set",
  waiting: "The answers are on their way",
  failed: "The answers to the test set could not be opened.",
  none: "None of the networks comes with its answers to the test set, so there is nothing to show of it. Below, images are measured on this device.",
  answersFailed: (n: string) =>
    `Answers of ${n} ${n === "1" ? "network" : "networks"} could not be loaded. The others are in use.`,
  loading: (name: string, done: string, total: string, nLeft: number) =>
    `Answers of ${name}: ${done} of ${total}${nLeft > 0 ? `, then ${count(nLeft)} more` : ""}`,

  sectionsLabel: "Parts of the test set’s analysis",
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
    title: (share: string) => `They say the same on ${share} of the images`,
    hint: "Every image is in one of five cells: who is right, and whether both make the same mistake. Click one to see its images.",
    agree: (n: string) => `Agree: ${n}`,
    differ: (n: string) => `Differ: ${n}`,
    names: (student: string): Record<Cell, string> => ({
      bothRight: "both right",
      bothWrongSame: "both wrong, same class",
      onlyTeacher: "only the ensemble right",
      onlyStudent: `only ${student} right`,
      bothWrongOther: "both wrong, another class",
    }),
  },
  sizes: "Over the ensemble’s size",
  sizesHint: (teachers: readonly string[]) =>
    `Members are taken in in this order: ${inOrder(teachers)}. The student stays the same; what it is held against changes.`,
  sizeAxis: "members",
  oneSize: "An ensemble of one has only one size. Take another teacher in.",

  verify: {
    title: "Where these figures come from",
    precomputed: "precomputed",
    verified: "verified here",
    text: "They are computed here, just now, from stored answers: the logits of each network for every test image, which ship with it. The answers themselves were computed when the networks were trained, and are verified by computing them again on this device, as is done with what is measured below.",
    result: (n: number, difference: string, nChanged: number, nNetworks: number, device: string) =>
      `Computed again on this device (${device}) for the first ${images(n)} and ${count(nNetworks)} networks: the largest difference of a logit is ${difference}, and ${nChanged === 0 ? "no answer’s first class changed" : `the first class changed in ${plural(nChanged, "answer", "answers")}`}. Stored logits have 11 significant bits.`,
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
    howMany: "Images to compute again",
    button: "Verify here",
    failed: "The answers could not be computed again.",
    notLoaded: (names: readonly string[]) =>
      `The weights of these are not loaded, so they cannot be verified: ${inOrder(names)}. They are listed under Networks.`,
    useFamily: (family: string) => `Use ${family} on this device`,
    more: "The samples are the first images of the test set; for more, its pictures are needed.",
  },

  guess: {
    question: "Guess the agreement before you see it",
    known: (ensemble: string, student: string) =>
      `On the test set the ensemble is right on ${ensemble} of the images, the student on ${student}. On how many do both say the same class, right or wrong?`,
    label: "Your guess",
    reveal: "Show the answer",
    result: (guess: string, agreement: string) => `You guessed ${guess}; it is ${agreement}.`,
    yours: "your guess",
    again: "Guess again",
  },

  worth: {
    title: "Agreement beside its yardsticks",
    hint: "A share of equal answers says little alone: two networks that are often right agree often without knowing of each other.",
    student: (name: string) => name,
    control: (name: string) => `control: ${name}`,
    agreementText: (share: string) => `Student and ensemble put the same class first on ${share} of the test images.`,
    controlTitle: "control",
    controlText: (name: string, share: string, lead: number) =>
      `${name}, taught by teachers that are none of these, agrees with this ensemble on ${share}. The student is ${points(lead)} ${lead >= 0 ? "above" : "below"} it: ${lead > 0 ? "that much it has from its own teachers" : "its own teachers gave it no lead"}.`,
    noControl: {
      none_fits:
        "None fits: a control is a student of the same family whose teachers are all others than the chosen ones, and there is none among the networks here. Teacher against teacher, below, is the next best.",
      shares_teachers: "The chosen network shares teachers with this ensemble, so it is no control.",
      teachers_unknown: "Nobody knows who taught the chosen network, so it is no control.",
      other_family: "The chosen network is of another family, so it is no control.",
      is_the_student: "The chosen network is the student itself.",
      is_no_student: "The chosen network is no student.",
    } satisfies Record<NoControl, string>,
    chooseControl: "Control",
    pairs: "teacher with teacher",
    pairsText: (n: number, mean: string, low: string, high: string) =>
      n === 1
        ? `The two teachers, trained alike but apart, agree on ${mean}.`
        : `Two of the teachers, trained alike but apart, agree on ${mean} (mean of ${count(n)} pairs; ${low} to ${high}). A student that only learned the task as well as they did would lie there.`,
    noPairs: "With one teacher there is no pair. Take another one in.",
    ceiling: "ceiling",
    ceilingText: (share: string, n: number, m: number) =>
      `Two ensembles of ${count(m)} that share no member agree on ${share}${n > 1 ? ` (mean over ${count(n)} others)` : ""}: as much as a network of an ensemble’s skill reaches without knowing this one.`,
    noCeiling: "Not known: it takes as many other teachers of this family as the ensemble has members.",
    chance: "chance",
    chanceText: (share: string) =>
      `Two networks that make their mistakes independently, each in its own habit, would agree on ${share}.`,
    chanceDefinition:
      "Definition: for each true class, the probability that both draw the same answer, when each draws from its own confusion of that class; averaged over the images.",
    copied: "Copied errors",
    copiedShare: "share of the ensemble’s errors",
    copiedHint:
      "Of the images that the ensemble gets wrong: how many does the student get wrong with the very same class?",
    copiedText: (nWrong: string, nCopied: string, share: string, chance: string) =>
      `The ensemble is wrong on ${nWrong} images; on ${nCopied} of them (${share}) the student says the same wrong class. Independent mistakes would meet on ${chance}.`,
    neverWrong: "The ensemble is never wrong here, so there is no error to copy.",
    certainty: "How sure are the figures?",
    certaintyHint: (n: string, seed: string) =>
      `The test set is one sample of images. Drawn again ${n} times from itself (bootstrap, seed ${seed}), a figure would lie in its interval 95 times of 100.`,
    resampling: "Intervals are computed",
    points: (difference: number) => `${signed(difference)} pt`,
    figure: "Figure",
    estimate: "Value",
    interval: "95% interval",
    range: (low: string, high: string) => `${low} to ${high}`,
    minus: (first: string, second: string) => `${first} minus ${second}`,
    difference: (first: string, second: string, figure: string, { estimate, lower, upper }: Interval) =>
      `${figure}: ${first} minus ${second} is ${signed(estimate)} points (${signed(lower)} to ${signed(upper)}, paired). ${lower > 0 || upper < 0 ? "0 is outside: other images would hardly turn the order." : "0 is inside: other images might turn the order."}`,
    other: "Second student, for differences",
    nobody: "none",
    noOther: "There is no second student here to hold the student against.",
    tests: "Is one more accurate than the other?",
    testsHint:
      "McNemar’s test looks only at images on which one alone is right: if both were equally good, these would fall to either side like coin throws.",
    versus: (first: string, second: string) => `${first} and ${second}`,
    right: (name: string) => `${name} right`,
    wrong: (name: string) => `${name} wrong`,
    testText: (first: string, second: string, { onlyFirst, onlySecond, method, statistic, pValue }: McNemar) =>
      `On ${images(onlyFirst + onlySecond)} one alone is right: ${first} on ${count(onlyFirst)}, ${second} on ${count(onlySecond)}. Coin throws would be at least as uneven with probability ${pText(pValue)} (${method === "exact" ? "exact binomial test" : `χ² = ${nats(statistic ?? 0)} with continuity correction`}). ${pValue < 0.05 ? `So ${onlyFirst > onlySecond ? first : second} is more accurate, and not by the luck of these images.` : "So the images cannot tell which is more accurate."}`,
  },

  images: {
    title: "Images",
    count: (n: number, total: number) => (n === total ? `All ${images(n)}` : `${count(n)} of ${images(total)}`),
    none: "No image has all of this.",
    howToAdd:
      "To see the pictures, open CIFAR-100’s binary archive (cifar-100-binary.tar.gz) or its test.bin below, or drop it anywhere. It is read on this device.",
    failed: "The test images could not be shown.",
    otherOrder: (title: string) =>
      `${title}: these are not CIFAR-100’s test images in their usual order, which the stored answers are in. Open the test.bin of the original archive.`,
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
    agree: "Answers",
    agrees: { all: "all", yes: "agree", no: "differ" },
    trueClass: "True class",
    teacherClass: "Ensemble says",
    studentClass: "Student says",
    anyClass: "any",
    bin: (who: string, index: number, nBins: number) =>
      `bin ${count(index + 1)} of ${count(nBins)} of ${who}’s confidence`,
    clear: "Show all images",
    clearBin: "Any confidence",
    grid: "Test images, one row each; arrow keys move, Enter opens",
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
    answers: (index: number) => `Answers to test image ${count(index)}`,
    close: "Close",
    compareHint: "Enter or a click opens an image in Compare, with its neighbours.",
    answersHint: "Enter or a click shows all answers to an image.",
  },

  confusion: {
    title: {
      "teacher-student": "Ensemble against student",
      "truth-student": "True class against student",
      "truth-teacher": "True class against ensemble",
    },
    hint: {
      "teacher-student":
        "On the diagonal the two say the same class. What lies off it is where they part, darker for more images.",
      "truth-student": "On the diagonal the student is right.",
      "truth-teacher": "On the diagonal the ensemble is right.",
    },
    which: "Rows against columns",
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
    hint: "On the diagonal, a network is right as often as it is confident; below it, it is overconfident. Click a bin for its images.",
    nBins: "Bins",
    binning: "Bins of",
    binnings: { equal_width: "equal width", equal_mass: "equal count" },
    lanes: (n: string) => `Where the bins lie, up to ${n} images each`,
    ece: (name: string, value: string) => `${name}: ECE ${value}`,
    binLabel: (who: string, lower: string, upper: string, n: number, accuracy: string, confidence: string) =>
      `${who}, confidence ${lower} to ${upper}: ${images(n)}, ${accuracy} right at mean confidence ${confidence}`,
    fits: "Temperature scaling",
    fitsHint: (nFitted: string, nReported: string, seed: string) =>
      `One number softens or sharpens all answers of a network without changing which class comes first. It is fitted by NLL on ${nFitted} images and reported on the other ${nReported} (split by seed ${seed}).`,
    fitted: "Fitted temperature",
    before: "before",
    after: "after",
    curves: "Over the temperature",
    curvesHint:
      "NLL and ECE of each by itself; KL of the student at that temperature against the ensemble as it is. The line is the slider’s.",
    temperatureAxis: "temperature",
    slider: "Temperature of the student or ensemble",
    atTemperature: (temperature: string, name: string, nll: string, ece: string, kl: string | null) =>
      `At ${temperature}, ${name}: NLL ${nll}, ECE ${ece}${kl === null ? "" : `, KL ${kl}`}`,
    plane: "Fidelity against calibration",
    planeHint:
      "Each point is a student. The paper’s finding: among students of ensembles, the more faithful one is the better calibrated one, which would be a slope from the upper left to the lower right.",
    planeFew: "With so few students that cannot be seen yet.",
    agreementAxis: "agreement with the ensemble",
    klAxis: "KL, nats",
    x: "Fidelity as",
    ownTeachers: (family: string, teachers: string) => `${family}, against its own teachers ${teachers}, as listed`,
    chosenTeachers: (family: string) => `${family}, against the chosen ensemble`,
    inPlane: (agreement: string, kl: string, ece: string, how: string) =>
      `agreement ${agreement}, KL ${kl}, ECE ${ece}; ${how}`,
  },

  home: {
    title: "Take it home",
    link: "Link to exactly this",
    copy: "Copy",
    copied: "Copied",
    lesson: "Link for a lesson",
    lessonText: "Whoever opens it sees what you see now, without the parts that are ticked here, and is asked first.",
    lessonLink: "Lesson’s link",
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
    notOpened: (name: string) => `${name} was not opened; everything stays as it was.`,
    noReport: "It is no report of this page: “kind” must be “fidelity-lab report”.",
    noPart: (part: string) => `Its “${part}” is missing or not in the expected form.`,
    opened: (name: string) => `${name} was opened: networks and view are those of the report.`,
    heading: (name: string, savedAt: string, version: string) =>
      `${name}, saved ${savedAt.slice(0, 16).replace("T", " ")} UTC by version ${version}`,
    saved: "In the report",
    now: "Computed now",
    equal: "Computed now, the figures are the same.",
    differs: "Computed now, figures differ.",
    elsewhere: "Other networks or another way of looking are chosen by now, so nothing is held against it.",
    missing: (names: readonly string[]) =>
      `These networks are not here, so the report’s figures stand alone: ${inOrder(names)}.`,
    changed: (names: readonly string[]) =>
      `These networks give other answers by now than when the report was saved: ${inOrder(names)}.`,
    close: "Close the report",
  },
} as const;
