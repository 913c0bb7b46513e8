//! Statistics of networks' answers to a whole test set: what their logits and the labels alone say.
//!
//! [`StoredLogits`] holds labels and logits. Each question is a function of the answers and of arguments that cross to JavaScript as they
//! are, one file a topic; networks are told by name and images by index. Everything is f64. A question may be asked through a lens:
//! of superclasses, or at another temperature. What a network says is computed once and kept as long as there is room.

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
    TemperatureFits, fit_temperature, temperature_curves,
};
pub use verify::{Verification, verify};
