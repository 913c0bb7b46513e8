//! Statistics of several networks over a whole test set, from their logits and the labels alone.
//!
//! [`StoredLogits`] holds labels and logits. Each question is a function of these and of arguments, one file per topic; its arguments and
//! its answer are what crosses to JavaScript. Networks are identified by name and images by index. All arithmetic is f64. A question
//! may be asked through a lens: with superclasses, or at another temperature. What a network predicts is computed once and kept while
//! there is room.
//!
//! To add a statistic: write the function, its arguments and its answer in the topic's file, export them here, and add a line to the
//! table in `browser/statistics.rs`.

mod baselines;
mod bootstrap;
mod cache;
mod calibration;
mod cka;
mod elementary;
mod ensemble;
mod figures;
mod images;
mod lens;
mod mcnemar;
mod pair;
mod pairs;
mod predictor;
mod report;
mod row;
mod stored_logits;
mod temperature;
#[cfg(test)]
mod testing;
mod verify;
mod view;

pub use baselines::{Baselines, BaselinesArgs, Ceiling, CeilingGroup, Control, NoControl, PairSummary, baselines};
pub use bootstrap::{
    GeneralisationIntervals, Interval, Intervals, IntervalsArgs, IntervalsRun, StudentIntervals, intervals,
};
pub use calibration::{Binning, Calibration, CalibrationArgs, CalibrationBin, CalibrationOf, calibration};
pub use cka::{Cka, CkaAccumulator};
pub use images::{
    BinFilter, ImageAnswers, ImageAnswersArgs, ImageFilter, Images, ImagesArgs, SortKey, image_answers, images,
};
pub use lens::Level;
pub use mcnemar::{McNemar, McNemarArgs, McNemarMethod, mcnemar};
pub use pair::{Cell, Cells, Chance, ConfusionArgs, CopiedErrors, PairArgs, Side, cells, chance, confusion};
pub use pairs::{Pairs, PairsArgs, pairs};
pub use predictor::Predictor;
pub use report::{Report, ReportArgs, SizeReport, report};
pub use stored_logits::{NetworkFacts, StoredLogits};
pub use temperature::{
    FitTemperatureArgs, ScaledFigures, TemperatureCurve, TemperatureCurves, TemperatureCurvesArgs, TemperatureFit,
    TemperatureFits, fit_temperature, temperature_curves, temperatures,
};
pub use verify::{Verification, verify};
